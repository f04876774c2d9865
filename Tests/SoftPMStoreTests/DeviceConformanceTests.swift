// One suite for all devices: what `Device` promises in prose, asked of each of them.

import Glibc
import SoftPMBase
import SoftPMStore
import SoftPMTesting
import Testing

@Suite struct DeviceConformanceTests {
  private func block(_ salt: UInt64, count: Int = 1) -> PageBuffer {
    PageBuffer(blocksHolding: StoreFixture.image(0, salt, bytes: count * 4096))
  }

  private func read(
    _ device: any Device, _ offset: Int, _ count: Int, _ source: ReadSource = .cache
  ) throws -> [UInt8] {
    let buffer = PageBuffer(byteCount: count, zeroed: false)
    buffer.bytes.initializeMemory(as: UInt8.self, repeating: 0xAA)
    try device.read(
      into: UnsafeMutableRawBufferPointer(rebasing: buffer.bytes[..<count]), at: offset,
      from: source)
    return [UInt8](buffer.readOnly[..<count])
  }

  @Test("bytes never written read as zero, also beyond the end", arguments: DeviceKind.all)
  func zeros(_ kind: DeviceKind) throws {
    let folder = TemporaryFolder()
    let device = try kind.make(folder)
    defer { device.close() }
    #expect(device.byteCount == kind.byteCount)
    for source in [ReadSource.cache, .medium] {
      #expect(try read(device, 0, 8192, source).allSatisfy { $0 == 0 })
      #expect(try read(device, kind.byteCount - 4096, 8192, source).allSatisfy { $0 == 0 })
      #expect(try read(device, kind.byteCount + 1 << 20, 4096, source).allSatisfy { $0 == 0 })
    }
  }

  @Test(
    "what is written is read back, whatever the source and the handle, at any place and length",
    arguments: DeviceKind.all)
  func readingBack(_ kind: DeviceKind) throws {
    let folder = TemporaryFolder()
    let device = try kind.make(folder)
    defer { device.close() }
    let buffer = block(1, count: 5)
    try device.write([DeviceWrite(offset: 8192, bytes: buffer.readOnly)])
    let expected = [UInt8](buffer.readOnly)
    func look(_ device: any Device, _ sources: [ReadSource]) throws {
      for source in sources {
        #expect(try read(device, 8192, 5 * 4096, source) == expected)
        #expect(try read(device, 12288, 4096, source) == Array(expected[4096..<8192]))
        // The store reads whole blocks; a device serves anything.
        #expect(try read(device, 8192 + 13, 5000, source) == Array(expected[13..<5013]))
        #expect(try read(device, 8192 + 512, 1, source) == [expected[512]])
      }
      #expect(try read(device, 4096, 4096).allSatisfy { $0 == 0 })
    }
    // Not flushed yet: written is enough for every reader that does not go past the caches.
    try look(device, [.cache])
    if let reader = kind.reader {
      let other = try reader(folder)
      try look(other, [.cache])
      other.close()
    }
    try device.flush()
    try look(device, [.cache, .medium])
    if let reader = kind.reader {
      let other = try reader(folder)
      try look(other, [.cache, .medium])
      other.close()
    }
  }

  @Test(
    "batches of any shape arrive whole: adjacent, scattered, unsorted, many and large",
    arguments: DeviceKind.all, [true, false])
  func batches(_ kind: DeviceKind, flushing: Bool) throws {
    let folder = TemporaryFolder()
    let device = try kind.make(folder)
    defer { device.close() }
    var places: [Int] = []
    // More runs than a ring has entries; longer runs than one system call takes buffers.
    for place in 0..<150 { places.append(place * 3) }
    for place in 600..<1300 { places.append(place) }
    var random = StoreRandom(seed: 7)
    places.shuffle(using: &random)
    let buffers = places.map { block(UInt64($0)) }
    let large = PageBuffer(byteCount: 5 << 20)
    for word in stride(from: 0, to: large.byteCount, by: 512) {
      large.bytes.storeBytes(of: UInt64(word), toByteOffset: word, as: UInt64.self)
    }
    var writes = zip(places, buffers).map {
      DeviceWrite(offset: $0 * 4096, bytes: $1.readOnly)
    }
    writes.append(DeviceWrite(offset: 2000 * 4096, bytes: large.readOnly))
    if flushing { try device.writeAndFlush(writes) } else { try device.write(writes) }
    for (place, buffer) in zip(places, buffers) {
      #expect(try read(device, place * 4096, 4096) == [UInt8](buffer.readOnly))
    }
    #expect(try read(device, 2000 * 4096, 5 << 20) == [UInt8](large.readOnly))
    #expect(try read(device, 1 * 4096, 4096).allSatisfy { $0 == 0 })
    #expect(device.byteCount == kind.capacity ?? (2000 * 4096 + 5 << 20))
  }

  @Test(
    "writing beyond the end makes a device longer, by zeros up to there; a disk refuses it",
    arguments: DeviceKind.all)
  func growing(_ kind: DeviceKind) throws {
    let folder = TemporaryFolder()
    let device = try kind.make(folder)
    defer { device.close() }
    let buffer = block(2)
    try device.writeAndFlush(
      [16 << 10, 1 << 20].map { DeviceWrite(offset: $0, bytes: buffer.readOnly) })
    #expect(device.byteCount == kind.capacity ?? (1 << 20 + 4096))
    #expect(device.capacity == kind.capacity)
    if let capacity = kind.capacity {
      #expect(
        code { try device.write([DeviceWrite(offset: capacity, bytes: buffer.readOnly)]) }
          == .noSpace)
      #expect(device.byteCount == capacity)
    }
    #expect(try read(device, 512 << 10, 4096, .medium).allSatisfy { $0 == 0 })
    #expect(try read(device, 1 << 20, 4096, .medium) == [UInt8](buffer.readOnly))
    #expect(try kind.reader?(folder).byteCount ?? device.byteCount == device.byteCount)
  }

  @Test(
    "zeros may be written beyond the end by another thread, and change nothing else",
    arguments: DeviceKind.all)
  func zeroing(_ kind: DeviceKind) async throws {
    let folder = TemporaryFolder()
    let device = try kind.make(folder)
    defer { device.close() }
    let end = kind.capacity == nil ? device.byteCount : 1 << 20
    async let zeroed: Void = device.zero(from: end, to: end + 3 << 20)
    for round in 0..<40 {
      let buffer = block(UInt64(round))
      try device.writeAndFlush([DeviceWrite(offset: round % 16 * 4096, bytes: buffer.readOnly)])
      #expect(try read(device, round % 16 * 4096, 4096) == [UInt8](buffer.readOnly))
    }
    try await zeroed
    #expect(try read(device, end, 3 << 20, .medium).allSatisfy { $0 == 0 })
    for place in 0..<16 {
      let round = place + (place < 8 ? 32 : 16)
      let last = StoreFixture.image(0, UInt64(round))
      #expect(try read(device, place * 4096, 4096, .medium) == last)
    }
  }

  @Test("an empty batch and a flush of nothing do no harm", arguments: DeviceKind.all)
  func nothing(_ kind: DeviceKind) throws {
    let folder = TemporaryFolder()
    let device = try kind.make(folder)
    defer { device.close() }
    try device.write([])
    try device.writeAndFlush([])
    try device.flush()
    #expect(device.byteCount == kind.byteCount)
  }

  @Test(
    "a closed device refuses every operation, and closing again does no harm",
    arguments: DeviceKind.all.filter { !["recording", "crash image"].contains($0.name) })
  func closing(_ kind: DeviceKind) throws {
    let folder = TemporaryFolder()
    let device = try kind.make(folder)
    device.close()
    device.close()
    let buffer = block(1)
    let writes = [DeviceWrite(offset: 0, bytes: buffer.readOnly)]
    func code(_ body: () throws -> Void) -> ContainerError.Code? {
      do { try body() } catch { return (error as? ContainerError)?.code }
      return nil
    }
    #expect(code { _ = try read(device, 0, 4096) } == .closed)
    #expect(code { try device.write(writes) } == .closed)
    #expect(code { try device.writeAndFlush(writes) } == .closed)
    #expect(code { try device.flush() } == .closed)
  }

  @Test(
    "a write that finds no space, and a flush that fails, say so",
    arguments: [StoreDriver.posix, .uring])
  func failing(_ driver: StoreDriver) throws {
    var options = StoreFileOptions()
    options.driver = driver
    let device: any Device
    do { device = try BareDevice.over("/dev/full", options) } catch {
      // Only where the kernel has no io_uring.
      #expect(error.code == .unsupportedPlatform)
      return
    }
    defer { device.close() }
    let buffer = block(1)
    let writes = [DeviceWrite(offset: 0, bytes: buffer.readOnly)]
    func code(_ body: () throws -> Void) -> ContainerError.Code? {
      do { try body() } catch { return (error as? ContainerError)?.code }
      return nil
    }
    #expect(code { try device.write(writes) } == .noSpace)
    #expect(code { try device.writeAndFlush(writes) } == .noSpace)
    // A character device cannot be flushed.
    #expect(code { try device.flush() } == .io)
    #expect(code { try device.writeAndFlush([]) } == .io)
  }
}

@Suite struct DriverPairTests {
  static let drivers = [StoreDriver.posix, .uring, .pmem, .automatic]

  @Test(
    "a store written by one driver opens, and goes on, with every other, on every medium",
    arguments: drivers, drivers)
  func pairs(_ writer: StoreDriver, _ reader: StoreDriver) throws {
    for medium in StoreMedium.available {
      let folder = TemporaryFolder()
      try goToAndFro(try medium.path(in: folder), writer, reader)
    }
  }

  private func goToAndFro(_ path: String, _ writer: StoreDriver, _ reader: StoreDriver) throws {
    func options(_ driver: StoreDriver, readOnly: Bool = false) -> StoreFileOptions {
      var options = StoreFileOptions()
      options.driver = driver
      options.readOnly = readOnly
      return options
    }
    var versions: [VersionID: [UInt32: [UInt8]]] = [:]
    var last: VersionID?
    var table: [UInt32: [UInt8]] = [:]
    for round in 0..<4 {
      let driver = round % 2 == 0 ? writer : reader
      let store: ChunkStore
      do { store = try ChunkStore.open(path, options(driver)) } catch {
        #expect(error.code == .unsupportedPlatform)
        return
      }
      for (version, content) in versions { #expect(try store.content(of: version) == content) }
      let number =
        try store.container(named: "a")?.number
        ?? store.createContainer(named: "a", chunkSize: .kibibytes(4)).number
      for step in 0..<3 {
        let chunk = UInt32(round * 2 + step)
        let image = StoreFixture.image(chunk, UInt64(round))
        table[chunk] = image
        let commit = try store.commit(
          StoreFixture.request(number, parent: last, [chunk: image], metadata: [UInt8(round)]))
        try commit.wait()
        last = commit.version
        versions[commit.version] = table
      }
      if round == 1 { try store.checkpointNow() }
      #expect(try store.verify().problems == [])
      try store.close()
      let beside = try ChunkStore.open(path, options(reader, readOnly: true))
      for (version, content) in versions { #expect(try beside.content(of: version) == content) }
      try beside.close()
    }
  }

  @Test("the memory device's bytes are a file's: each opens the other's")
  func memory() throws {
    let folder = TemporaryFolder()
    let image = StoreFixture.image(1, 1)
    func commit(_ store: ChunkStore, _ parent: VersionID?) throws -> VersionID {
      let number =
        try store.container(named: "a")?.number
        ?? store.createContainer(named: "a", chunkSize: .kibibytes(4)).number
      let commit = try store.commit(StoreFixture.request(number, parent: parent, [1: image]))
      try commit.wait()
      return commit.version
    }
    let device = MemoryDevice()
    let first = try ChunkStore.open(on: device)
    let version = try commit(first, nil)
    try first.close()
    let path = folder.file("s")
    let file = open(path, O_CREAT | O_RDWR, 0o600)
    let content = device.content
    #expect(content.withUnsafeBytes { pwrite(file, $0.baseAddress, $0.count, 0) } == content.count)
    close(file)
    let second = try ChunkStore.open(path)
    #expect(try second.content(of: version) == [1: image])
    let next = try commit(second, version)
    try second.close()
    var bytes = [UInt8](repeating: 0, count: 4 << 20)
    let again = open(path, O_RDONLY)
    let count = bytes.withUnsafeMutableBytes { pread(again, $0.baseAddress, $0.count, 0) }
    close(again)
    let third = try ChunkStore.open(on: MemoryDevice(Array(bytes[..<count])))
    #expect(try third.content(of: next) == [1: image])
    try third.close()
  }
}
