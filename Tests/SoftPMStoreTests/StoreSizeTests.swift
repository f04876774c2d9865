// How large a store is, and how much work its upkeep is: counted, not timed.

import SoftPMBase
import SoftPMStore
import SoftPMTesting
import Testing

@Suite struct StoreSizeTests {
  /// 100 versions, each with 1 % of the chunks changed: together, or all over.
  @Test(
    "100 versions of 1 % change take at most 1.3 times the live and the dirty chunks' bytes",
    arguments: [true, false])
  func versions(clustered: Bool) throws {
    let device = MemoryDevice()
    let store = try ChunkStore.open(on: device)
    let chunks: UInt32 = 1000
    let size = 16 << 10
    var history = try StoreHistory(store, chunkSize: ByteCount(size))
    try history.point(0..<chunks)
    var random = StoreRandom(seed: 5)
    for version in 0..<UInt32(100) {
      let start = version * 9 % (chunks - 10)
      try history.point(
        clustered
          ? Array(start..<start + 10)
          : Array(Set((0..<10).map { _ in UInt32.random(in: 0..<chunks, using: &random) })))
    }
    try store.checkpointNow()
    let live = Int(chunks) * size
    let dirty = 100 * 10 * size
    let usage = try store.usage()
    let ratio = Double(usage.usedBytes + usage.freeBytes) / Double(live + dirty)
    print("100 versions, \(clustered ? "clustered" : "scattered"): \(ratio) × (live + dirty)")
    #expect(ratio <= 1.3)
    // After retention to one.
    try store.setRetention(.latest(1), of: history.number)
    try history.point(0..<1)
    let report = try store.compact()
    let after = try store.usage()
    print("after retention to 1: \(Double(after.usedBytes) / Double(live)) × live, \(report)")
    #expect(Double(after.usedBytes + after.freeBytes) <= 1.3 * Double(live))
    #expect(try store.versions(of: history.number).count == 1)
    #expect(try store.spaceProblem() == nil)
    #expect(try store.verify().problems == [])
  }

  @Test("a store's file, too, is at most 1.3 times what lives after retention and compaction")
  func file() throws {
    let folder = TemporaryFolder()
    let store = try ChunkStore.open(folder.file("s"))
    var history = try StoreHistory(store, chunkSize: .kibibytes(16))
    try history.point(0..<1500)
    for version in 0..<UInt32(60) { try history.point(version * 15..<version * 15 + 15) }
    try store.setRetention(.latest(1), of: history.number)
    try history.point(0..<1)
    let report = try store.compact()
    let live = 1500 * (16 << 10)
    #expect(Double(report.bytesAfter) <= 1.3 * Double(live))
    #expect(Double(report.allocatedAfter) <= 1.3 * Double(live))
    #expect(report.bytesBefore > report.bytesAfter)
    #expect(try store.verify().problems == [])
    try store.close()
  }

  @Test("dropping a version costs what it wrote, however many there are and however large")
  func drops() throws {
    // Reads per drop, for stores whose versions hold 16 times as much.
    var reads: [Int] = []
    for (chunks, versions) in [(1_000, 30), (8_000, 30), (1_000, 150)] {
      let device = MemoryDevice()
      let store = try ChunkStore.open(on: device)
      var history = try StoreHistory(store)
      try history.point(0..<UInt32(chunks))
      for version in 0..<UInt32(versions) { try history.point(version * 4..<version * 4 + 4) }
      try store.checkpointNow()
      let listed = try store.versions(of: history.number)
      try store.checkpointNow()
      let idle = store.statistics.reads
      try store.checkpointNow()
      let fold = store.statistics.reads - idle
      for version in listed[10..<20] { try store.deleteVersion(version.id) }
      let before = store.statistics.reads
      try store.checkpointNow()
      reads.append((store.statistics.reads - before - fold) / 10)
      #expect(try store.spaceProblem() == nil)
    }
    print("blocks read per version dropped: \(reads)")
    // A leaf and its path, in the version and in its child, for each of the chunks that it wrote.
    #expect(reads.allSatisfy { $0 <= 40 }, "\(reads)")
    #expect(reads[1] <= reads[0] + 12, "\(reads)")
    #expect(reads[2] <= reads[0] + 12, "\(reads)")
  }

  @Test("a branch is one flush and two blocks, and so is a drop, whatever the container holds")
  func branches() throws {
    for chunks: UInt32 in [10, 5_000] {
      let device = MemoryDevice()
      let store = try ChunkStore.open(on: device)
      var history = try StoreHistory(store)
      let base = try history.point(0..<chunks)
      try history.point(0..<1)
      try store.checkpointNow()
      func cost(_ body: () throws -> Void) throws -> (flushes: Int, bytes: Int) {
        let before = store.statistics
        try body()
        let after = store.statistics
        return (after.flushes - before.flushes, after.bytesWritten - before.bytesWritten)
      }
      let made = try store.createContainer(named: "branch", chunkSize: .kibibytes(4))
      let branch = try cost {
        var request = StoreFixture.request(made.number, parent: base, [:])
        request.waitsAtOnce = true
        try store.commit(request).wait()
      }
      #expect(branch.flushes == 1)
      #expect(branch.bytes <= 2 * 4096)
      let last = try history.point(0..<1)
      let drop = try cost { try store.deleteVersion(VersionID(last.rawValue - 2)) }
      #expect(drop.flushes == 1)
      #expect(drop.bytes <= 4096)
    }
  }

  @Test("opening and dropping cost the same in a long history of a large container as in none")
  func opening() {
    var proof = StoreProof(isThorough: false)
    proof.opening()
    #expect(proof.failures.isEmpty, "\(proof.failures)")
    print(proof.report.joined(separator: "\n"))
  }
}
