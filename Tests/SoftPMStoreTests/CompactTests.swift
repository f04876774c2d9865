import Glibc
import SoftPMBase
import SoftPMStore
import SoftPMTesting
import Testing

@Suite struct CompactTests {
  /// What every version of a store holds.
  private func everything(_ store: ChunkStore) throws -> [VersionID: [UInt32: [UInt8]]] {
    var all: [VersionID: [UInt32: [UInt8]]] = [:]
    for container in try store.containers {
      for version in try store.versions(of: container.number) {
        all[version.id] = try store.content(of: version.id)
        all[version.id]?[.max] = try store.metadata(of: version.id)
      }
    }
    return all
  }

  @Test("compacting changes nothing that can be read, and leaves the file as small as may be")
  func compacting() throws {
    let folder = TemporaryFolder()
    let store = try ChunkStore.open(folder.file("s"))
    var history = try StoreHistory(store, retention: .latest(2))
    let metadata = [UInt8](repeating: 9, count: 50_000)
    for round in 0..<30 {
      try history.point(0..<100, metadata: metadata, label: round == 20 ? "kept" : nil)
    }
    let before = try everything(store)
    var told: [Int] = []
    let report = try store.compact { done, total in told.append(done * 100 / max(total, 1)) }
    #expect(told == told.sorted())
    #expect(report.movedBytes > 0)
    #expect(report.waitingBytes == 0)
    #expect(report.bytesAfter < report.bytesBefore / 3)
    #expect(report.bytesAfter == folder.byteCount("s"))
    // Three versions of 100 chunks with their metadata, their trees, and what is reserved.
    #expect(report.bytesAfter < 3 * (100 * 4096 + 53_248) * 13 / 10 + (1 << 20) + (256 << 10))
    #expect(try everything(store) == before)
    #expect(try store.verify().problems == [])
    #expect(try store.spaceProblem() == nil)
    try history.point(0..<100)
    try store.close()
    let again = try ChunkStore.open(folder.file("s"))
    #expect(try everything(again).count == 3)
    #expect(try again.verify().problems == [])
    try again.close()
  }

  @Test("what versions share they share after a move, and branches with them")
  func sharing() throws {
    let device = MemoryDevice()
    let store = try ChunkStore.open(on: device)
    var scrap = try StoreHistory(store, named: "scrap")
    try scrap.point(0..<500)
    var history = try StoreHistory(store, named: "kept")
    try history.point(0..<300)
    for round in 0..<10 { try history.point(UInt32(round)..<UInt32(round + 1)) }
    let branch = try store.createContainer(named: "branch", chunkSize: .kibibytes(4))
    try store.commit(StoreFixture.request(branch.number, parent: history.last, [:])).wait()
    let before = try everything(store).filter { $0.key != scrap.last }
    try store.deleteContainer(scrap.number)
    try store.checkpointNow()
    let used = try store.usage().usedBytes
    let report = try store.compact()
    #expect(report.movedBytes > 100 * 4096)
    #expect(try store.usage().usedBytes <= used)
    #expect(try everything(store) == before)
    #expect(try store.spaceProblem() == nil)
  }

  @Test("snapshots, here and in another process, read on while the store is compacted")
  func readers() throws {
    let folder = TemporaryFolder()
    let store = try ChunkStore.open(folder.file("s"))
    var history = try StoreHistory(store, retention: .latest(2))
    for _ in 0..<10 { try history.point(0..<50) }
    var options = StoreFileOptions()
    options.readOnly = true
    let reader = try ChunkStore.open(folder.file("s"), options)
    let version = try #require(reader.versions(of: history.number).last).id
    try reader.pin(version)
    let seen = try reader.content(of: version)
    for _ in 0..<3 { try history.point(0..<50) }
    let report = try store.compact()
    #expect(report.waitingBytes > 0)
    for _ in 0..<10 { try history.point(0..<50) }
    #expect(try reader.content(of: version) == seen)
    #expect(try store.content(of: version) == seen)
    try reader.close()
    #expect(try store.compact().waitingBytes == 0)
    try store.close()
  }

  @Test("surplus storage goes back to the file system by itself, and is used again")
  func punching() throws {
    let folder = TemporaryFolder()
    let store = try ChunkStore.open(folder.file("s"))
    var history = try StoreHistory(store)
    for _ in 0..<40 { try history.point(0..<100) }
    let full = try store.usage().allocatedBytes
    for version in try store.versions(of: history.number).dropLast() {
      try store.deleteVersion(version.id)
    }
    try store.checkpointNow()
    let left = try store.usage()
    #expect(left.allocatedBytes < full / 2)
    #expect(left.freeBytes > left.usedBytes)
    for _ in 0..<20 { try history.point(0..<100) }
    // What was punched was used again before the file grew.
    #expect(try store.usage().byteCount <= left.byteCount + (2 << 20))
    #expect(try store.spaceProblem() == nil)
    #expect(try store.verify().problems == [])
    try store.close()
    let again = try ChunkStore.open(folder.file("s"))
    try again.checkpointNow()
    #expect(try again.spaceProblem() == nil)
    try again.close()
  }
}
