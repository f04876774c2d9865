import SoftPMBase
import SoftPMStore
import Synchronization
import Testing

@Suite struct ChunkStoreTests {
  @Test("a committed version reads back after reopening, byte for byte")
  func reopening() throws {
    let device = MemoryDevice()
    let image = StoreFixture.image(3, 1)
    do {
      let store = try ChunkStore.open(on: device)
      let made = try store.createContainer(named: "a", chunkSize: .kibibytes(4))
      #expect(try store.containers.isEmpty)
      let commit = try store.commit(
        StoreFixture.request(made.number, parent: nil, [3: image], metadata: [1, 2], label: "x"))
      try commit.wait()
      #expect(commit.isDurable)
      #expect(commit.flushes == 1)
    }
    let store = try ChunkStore.open(on: MemoryDevice(device.content))
    let container = try #require(try store.container(named: "a"))
    let version = try #require(try store.versions(of: container.number).first)
    #expect(version.label == "x")
    #expect(version.parent == nil)
    #expect(try store.metadata(of: version.id) == [1, 2])
    #expect(try store.content(of: version.id) == [3: image])
  }

  @Test("a version is its parent's chunks, minus the removed, with the new ones replaced")
  func deltas() throws {
    let store = try ChunkStore.inMemory()
    let made = try store.createContainer(named: "a", chunkSize: .kibibytes(4))
    let images = (0..<4).map { StoreFixture.image(UInt32($0), 1) }
    let first = try store.commit(
      StoreFixture.request(made.number, parent: nil, [0: images[0], 1: images[1], 2: images[2]]))
    let changed = StoreFixture.image(1, 2)
    let second = try store.commit(
      StoreFixture.request(
        made.number, parent: first.version, [1: changed, 3: images[3]], removed: [0]))
    try second.wait()
    #expect(first.isDurable)
    #expect(first.version < second.version)
    #expect(try store.content(of: first.version).count == 3)
    #expect(try store.content(of: second.version) == [1: changed, 2: images[2], 3: images[3]])
    try store.close()
  }

  @Test("a container may begin with another one's version, and outlives it")
  func branches() throws {
    let device = MemoryDevice()
    let store = try ChunkStore.open(on: device)
    let made = try store.createContainer(named: "a", chunkSize: .kibibytes(4))
    let image = StoreFixture.image(0, 1)
    let base = try store.commit(StoreFixture.request(made.number, parent: nil, [0: image]))
    let branch = try store.createContainer(named: "b", chunkSize: .kibibytes(4))
    let commit = try store.commit(StoreFixture.request(branch.number, parent: base.version, [:]))
    try commit.wait()
    try store.deleteContainer(made.number)
    #expect(try store.containers.map(\.name) == ["b"])
    try store.close()
    let again = try ChunkStore.open(on: MemoryDevice(device.content))
    #expect(try again.containers.map(\.name) == ["b"])
    #expect(try again.content(of: commit.version) == [0: image])
  }

  @Test("a large point and large metadata read back")
  func large() throws {
    let device = MemoryDevice()
    let store = try ChunkStore.open(on: device)
    let made = try store.createContainer(named: "a", chunkSize: .kibibytes(4))
    var images: [UInt32: [UInt8]] = [:]
    for chunk in 0..<400 { images[UInt32(chunk) * 7] = StoreFixture.image(UInt32(chunk), 9) }
    let metadata = (0..<100_000).map { UInt8(truncatingIfNeeded: $0) }
    let commit = try store.commit(
      StoreFixture.request(made.number, parent: nil, images, metadata: metadata))
    try commit.wait()
    try store.close()
    let again = try ChunkStore.open(on: MemoryDevice(device.content))
    #expect(try again.metadata(of: commit.version) == metadata)
    #expect(try again.content(of: commit.version) == images)
  }

  @Test("version numbers rise and are not used again after an unclean end")
  func numbers() throws {
    var device = MemoryDevice()
    var seen: [VersionID] = []
    for round in 0..<4 {
      // The store before is never closed: its content is what a killed process leaves.
      device = MemoryDevice(device.content)
      let store = try ChunkStore.open(on: device)
      let number =
        try store.container(named: "a")?.number
        ?? store.createContainer(named: "a", chunkSize: .kibibytes(4)).number
      let commit = try store.commit(
        StoreFixture.request(number, parent: seen.last, [0: StoreFixture.image(0, UInt64(round))]))
      try commit.wait()
      seen.append(commit.version)
    }
    #expect(seen == seen.sorted())
    #expect(Set(seen).count == seen.count)
  }

  @Test("deleted containers and versions, and labels, stay as they were left")
  func otherChanges() throws {
    let device = MemoryDevice()
    let store = try ChunkStore.open(on: device)
    let first = try store.createContainer(named: "a", chunkSize: .kibibytes(4))
    let second = try store.createContainer(named: "b", chunkSize: .kibibytes(8))
    let one = try store.commit(
      StoreFixture.request(first.number, parent: nil, [0: StoreFixture.image(0, 1)]))
    let two = try store.commit(
      StoreFixture.request(first.number, parent: one.version, [1: StoreFixture.image(1, 2)]))
    try store.commit(
      StoreFixture.request(second.number, parent: nil, [0: StoreFixture.image(0, 3, bytes: 8192)])
    ).wait()
    try store.setLabel("kept", on: two.version)
    try store.deleteVersion(one.version)
    try store.deleteContainer(second.number)
    try store.close()
    let again = try ChunkStore.open(on: MemoryDevice(device.content))
    #expect(try again.containers.map(\.name) == ["a"])
    let versions = try again.versions(of: first.number)
    #expect(versions.map(\.id) == [two.version])
    #expect(versions.map(\.label) == ["kept"])
    #expect(try again.content(of: two.version).count == 2)
    #expect(throws: ContainerError.self) { try again.chunks(of: one.version) }
  }

  @Test("a taken name, an unknown container or version, and a closed store are refused")
  func refusals() throws {
    let store = try ChunkStore.inMemory()
    let made = try store.createContainer(named: "a", chunkSize: .kibibytes(4))
    func code(_ body: () throws -> Void) -> ContainerError.Code? {
      do { try body() } catch { return (error as? ContainerError)?.code }
      return nil
    }
    #expect(code { _ = try store.createContainer(named: "a", chunkSize: .kibibytes(4)) } == .exists)
    #expect(
      code { _ = try store.commit(StoreFixture.request(ContainerNumber(9), parent: nil, [:])) }
        == .noSuchContainer)
    #expect(
      code { _ = try store.commit(StoreFixture.request(made.number, parent: 7, [:])) }
        == .noSuchVersion)
    #expect(code { _ = try store.metadata(of: 7) } == .noSuchVersion)
    try store.close()
    try store.close()
    #expect(code { _ = try store.containers } == .closed)
  }

  @Test("one flush serves all points that are queued together, announced in order")
  func grouping() async throws {
    let store = try ChunkStore.inMemory()
    let made = try store.createContainer(named: "a", chunkSize: .kibibytes(4))
    let before = store.statistics.pointFlushes
    let order = Order()
    var commits: [Commit] = []
    for index in 0..<20 {
      var request = StoreFixture.request(
        made.number, parent: commits.last?.version, [0: StoreFixture.image(0, UInt64(index))])
      request.waitsAtOnce = true
      let commit = try store.commit(request)
      let version = commit.version
      commit.whenDone { _ in order.add(version) }
      commits.append(commit)
    }
    try commits[19].wait()
    #expect(store.statistics.pointFlushes == before + 1)
    #expect(order.versions == commits.map(\.version))
    try store.close()
  }
}

/// The order in which versions were announced.
final class Order: Sendable {
  private let list = Mutex<[VersionID]>([])
  func add(_ version: VersionID) { list.withLock { $0.append(version) } }
  var versions: [VersionID] { list.withLock { $0 } }
}
