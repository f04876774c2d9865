import Glibc
import SoftPMBase
import SoftPMStore
import SoftPMTesting
import Testing

@Suite(.serialized, .enabled(if: PrivateStorage.isAvailable, "\(PrivateStorage.needs)"))
struct BlockDeviceTests {
  private func options(_ driver: StoreDriver) -> StoreFileOptions {
    var options = StoreFileOptions()
    options.driver = driver
    return options
  }

  /// What the device holds, read through a descriptor of its own.
  private func bytes(_ device: LoopDevice, _ range: Range<Int>) -> [UInt8] {
    let descriptor = open(device.path, O_RDONLY | O_CLOEXEC)
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: range.count)
    #expect(pread(descriptor, &bytes, range.count, off_t(range.lowerBound)) == range.count)
    return bytes
  }

  private func put(_ bytes: [UInt8], _ device: LoopDevice, at offset: Int) {
    let descriptor = open(device.path, O_WRONLY | O_CLOEXEC)
    defer { close(descriptor) }
    #expect(pwrite(descriptor, bytes, bytes.count, off_t(offset)) == bytes.count)
    fsync(descriptor)
  }

  @Test(
    "a store on a block device reads back, through every driver", arguments: StoreDriver.allCases)
  func drivers(_ driver: StoreDriver) throws {
    let device = try LoopDevice(byteCount: 16 << 20)
    var store = try ChunkStore.open(device.path, options(driver))
    var history = try StoreHistory(store)
    let version = try history.point(0..<50)
    for _ in 0..<20 { try history.point(0..<10) }
    try store.checkpointNow()
    try store.close()
    store = try ChunkStore.open(device.path, options(.automatic))
    #expect(try store.content(of: version)[49] == StoreFixture.image(49, 1))
    #expect(try store.verify().problems == [])
    #expect(try store.usage().byteCount == 16 << 20)
    try store.close()
  }

  @Test("a device is formatted only where its first MiB is zero")
  func formatting() throws {
    let device = try LoopDevice(byteCount: 4 << 20)
    for place in [0, 511, 4096, 12_288, 700_000, (1 << 20) - 1] {
      put([7], device, at: place)
      let before = bytes(device, 0..<2 << 20)
      #expect(code { _ = try ChunkStore.open(device.path) } == .notAStore, "byte \(place)")
      #expect(bytes(device, 0..<2 << 20) == before)
      put([0], device, at: place)
    }
    put([7], device, at: 1 << 20)
    var asIs = StoreFileOptions()
    asIs.createIfMissing = false
    #expect(code { _ = try ChunkStore.open(device.path, asIs) } == .notFound)
    var reading = StoreFileOptions()
    reading.readOnly = true
    #expect(code { _ = try ChunkStore.open(device.path, reading) } == .notFound)
    #expect(bytes(device, 0..<1 << 20).allSatisfy { $0 == 0 })
    try ChunkStore.open(device.path).close()
    try ChunkStore.open(device.path, asIs).close()
  }

  @Test("a formatting that was interrupted is done again; a damaged store never is")
  func interrupted() throws {
    let device = try LoopDevice(byteCount: 4 << 20)
    let image = NewStore.image(identity: Digest(low: 3, high: 4))
    // Every prefix of what formatting writes, in its order, torn at every sector.
    for length in stride(from: 512, through: 4096, by: 512) {
      put(Array(image[12_288..<12_288 + length]), device, at: 12_288)
      try ChunkStore.open(device.path).close()
      put([UInt8](repeating: 0, count: 1 << 20), device, at: 0)
    }
    for length in [8, 512, 2048] {
      put(Array(image[12_288..<16_384]), device, at: 12_288)
      put(Array(image[..<length]), device, at: 0)
      try ChunkStore.open(device.path).close()
      put([UInt8](repeating: 0, count: 1 << 20), device, at: 0)
    }
    var store = try ChunkStore.open(device.path)
    var history = try StoreHistory(store)
    try history.point(0..<4)
    try store.close()
    put([UInt8](repeating: 0xFF, count: 100), device, at: 100)
    put([UInt8](repeating: 0xFF, count: 100), device, at: 4196)
    let before = bytes(device, 0..<1 << 20)
    #expect(code { store = try ChunkStore.open(device.path) } == .corrupt)
    #expect(bytes(device, 0..<1 << 20) == before)
  }

  @Test(
    "what is written to a block device is read back, and nothing of what goes beyond its end is",
    arguments: [StoreDriver.posix, .uring, .pmem])
  func ends(_ driver: StoreDriver) throws {
    let disk = try LoopDevice(byteCount: 1 << 20)
    let device = try BareDevice.open(disk.path, options(driver), newByteCount: 64 << 10)
    defer { device.close() }
    #expect(device.byteCount == 1 << 20)
    #expect(device.capacity == 1 << 20)
    let image = PageBuffer(blocksHolding: StoreFixture.image(1, 1, bytes: 8192))
    func write(at offset: Int) -> DeviceWrite {
      DeviceWrite(offset: offset, bytes: image.readOnly)
    }
    let last = (1 << 20) - 8192
    try device.writeAndFlush([write(at: 65536), write(at: last)])
    let target = PageBuffer(byteCount: 8192)
    for source in [ReadSource.cache, .medium] {
      for offset in [65536, last] {
        try device.read(into: target.bytes, at: offset, from: source)
        #expect(target.readOnly.elementsEqual(image.readOnly))
      }
    }
    for offset in [last + 4096, 1 << 20, 1 << 30] {
      #expect(code { try device.write([write(at: 131_072), write(at: offset)]) } == .noSpace)
      #expect(code { try device.allocate(to: offset + 8192) } == .noSpace)
    }
    try device.read(into: target.bytes, at: 131_072, from: .medium)
    #expect(target.readOnly.allSatisfy { $0 == 0 })
    #expect(device.byteCount == 1 << 20)
  }

  @Test("one writer at a time, and none while the device is mounted or otherwise taken")
  func exclusive() throws {
    let device = try LoopDevice(byteCount: 4 << 20)
    let store = try ChunkStore.open(device.path)
    #expect(code { _ = try ChunkStore.open(device.path) } == .storeInUse)
    var reading = StoreFileOptions()
    reading.readOnly = true
    try ChunkStore.open(device.path, reading).close()
    try store.close()
    let taken = open(device.path, O_RDWR | O_EXCL | O_CLOEXEC)
    #expect(taken >= 0)
    #expect(code { _ = try ChunkStore.open(device.path) } == .storeInUse)
    close(taken)
    try ChunkStore.open(device.path).close()
  }

  @Test("a device that is too small is refused and stays as it was")
  func small() throws {
    let device = try LoopDevice(byteCount: 128 << 10)
    #expect(code { _ = try ChunkStore.open(device.path) } == .noSpace)
    #expect(bytes(device, 0..<128 << 10).allSatisfy { $0 == 0 })
  }
}
