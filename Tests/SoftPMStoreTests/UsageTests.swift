import SoftPMBase
import SoftPMStore
import Testing

@Suite struct UsageTests {
  @Test("the listing says for each version why it is there, and what would be free without it")
  func reasons() throws {
    let store = try ChunkStore.inMemory()
    var history = try StoreHistory(store)
    let first = try history.point(0..<40)
    let labelled = try history.point(0..<10, label: "kept")
    let base = try history.point(0..<5)
    let snapshot = try history.point(0..<3)
    let plain = try history.point(0..<2)
    let newest = try history.point(0..<1)
    let branch = try store.createContainer(named: "b", chunkSize: .kibibytes(4))
    let commit = try store.commit(
      StoreFixture.request(branch.number, parent: base, [30: StoreFixture.image(30, 99)]))
    try commit.wait()
    try store.pin(snapshot)
    try store.checkpointNow()
    func usage(_ version: VersionID) throws -> VersionUsage {
      try #require(try store.usage().versions.first { $0.version == version })
    }
    #expect(try usage(first).reasons == [.retention])
    #expect(try usage(labelled).reasons == [.label])
    #expect(try usage(base).reasons == [.branch])
    #expect(try usage(snapshot).reasons == [.snapshot])
    #expect(try usage(plain).reasons == [.retention])
    #expect(try usage(newest).reasons == [.newest])
    #expect(try usage(commit.version).reasons == [.newest])
    // A version's own: the chunks that the next one wrote again, and the leaf and root above.
    for (version, chunks) in [(first, 10), (labelled, 5), (snapshot, 2), (plain, 1)] {
      let own = try usage(version).ownBytes
      #expect(own >= chunks * 4096 && own <= (chunks + 3) * 4096, "version \(version): \(own)")
    }
    // Two descend from the base: what they both replaced is not told apart from what one did.
    #expect(try usage(base).ownBytes <= 3 * 4096)

    // What is dropped is there until a fold, and longer where several share it.
    try store.deleteVersion(plain)
    #expect(try usage(plain).reasons == [.dropped])
    try store.deleteVersion(base)
    #expect(try usage(base).reasons.first == .shared)
    let used = try store.usage().usedBytes
    try store.checkpointNow()
    #expect(try store.usage().versions.allSatisfy { $0.version != plain })
    #expect(try usage(base).reasons.first == .shared)
    #expect(try store.usage().usedBytes < used)
    let total = try store.usage()
    #expect(total.usedBytes + total.freeBytes + total.waitingBytes <= total.byteCount)
    #expect(try store.spaceProblem() == nil)
    try store.close()
  }
}
