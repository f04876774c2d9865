import SoftPMBase
import SoftPMStore
import Synchronization
import Testing

/// A device whose cache is wrong about one place: what a reader beside a writer may see of a page
/// that is just being written.
private final class StaleCacheDevice: Device {
  private let below: MemoryDevice
  private let stale = Mutex(0..<0)
  let pastCache = Atomic<Int>(0)
  let driver = "stale cache"

  init(_ content: [UInt8]) { below = MemoryDevice(content) }

  func makeStale(_ range: Range<Int>) { stale.withLock { $0 = range } }

  var byteCount: Int { below.byteCount }

  func read(
    into target: UnsafeMutableRawBufferPointer, at offset: Int, from source: ReadSource
  ) throws(ContainerError) {
    try below.read(into: target, at: offset, from: source)
    if source == .medium {
      pastCache.add(1, ordering: .relaxed)
      return
    }
    let wrong = stale.withLock { $0 }.clamped(to: offset..<offset + target.count)
    for place in wrong { target[place - offset] ^= 0xFF }
  }

  func write(_ writes: [DeviceWrite]) throws(ContainerError) { try below.write(writes) }
  func flush() throws(ContainerError) { try below.flush() }
  func close() { below.close() }
}

@Suite struct StaleCacheTests {
  @Test(
    "what does not fit its checksum is read again past the page cache before it is called corrupt")
  func rereading() throws {
    // Tables, metadata in blocks of their own, images.
    let device = MemoryDevice()
    let store = try ChunkStore.open(on: device)
    var history = try StoreHistory(store)
    let metadata = [UInt8](repeating: 3, count: 9000)
    let version = try history.point(0..<200, metadata: metadata)
    try store.checkpointNow()
    try store.close()
    let content = device.content
    var options = StoreFileOptions()
    options.readOnly = true
    var again = 0
    for block in 0..<content.count / 4096 {
      let stale = StaleCacheDevice(content)
      stale.makeStale(block * 4096 + 100..<block * 4096 + 101)
      let reader = try ChunkStore.open(on: stale, options)
      let read = try reader.content(of: version)
      #expect(read.count == 200 && read[199] == StoreFixture.image(199, 1), "block \(block)")
      #expect(try reader.metadata(of: version) == metadata)
      again += stale.pastCache.load(ordering: .relaxed)
    }
    // Superblock, checkpoint, leaves, metadata, each image at least.
    #expect(again > 205)
    // Damage that the medium has, too, is told of.
    let place = try #require(try places(of: version, content)[ChunkIndex(7)])
    var damaged = content
    damaged[place + 100] ^= 1
    let reader = try ChunkStore.open(on: StaleCacheDevice(damaged), options)
    #expect(code { _ = try reader.content(of: version) } == .corrupt)
  }

  private func places(of version: VersionID, _ content: [UInt8]) throws -> [ChunkIndex: Int] {
    try ChunkStore.open(on: MemoryDevice(content)).places(of: version)
  }
}
