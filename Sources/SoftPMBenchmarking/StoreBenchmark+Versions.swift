// What versions cost the store: the space of many, a branch of one, a drop of one.

import SoftPMBase
import SoftPMStore

extension LayerBenchmarks {
  /// An object of the sort that programs have most of.
  private static let objectBytes = 64

  /// A branch and a drop in a container of 1 GiB, beside a durable point of one chunk there.
  static func storeBranches(_ report: BenchmarkReport) throws {
    let total = report.size.pick(smoke: 2 << 20, quick: 256 << 20, full: 1 << 30)
    let folder = try ScratchFolder()
    let subject = try StoreSubject(
      folder.file("s"), chunkBytes: 16 << 10, totalBytes: total, retention: .all)
    let contest = Contest(
      "store: versions of a container of \(total >> 20) MiB", durability: .durable)
    contest.add("a durable point of one chunk") { lap in try subject.point(16 << 10, lap) }
    var branches = 0
    contest.add("branch of a version") { lap in
      branches += 1
      let base = subject.version
      try subject.counting(lap) { if let base { try subject.branch("b\(branches)", at: base) } }
      return UInt64(branches)
    }
    contest.add("drop of a version") { lap in
      guard let old = try subject.store.versions(of: subject.container.number).first else {
        throw BenchmarkFailure("There is no version to drop.")
      }
      try subject.counting(lap) { try subject.store.deleteVersion(old.id) }
      return 1
    }
    // One drop for every point: so there are enough for the first of them.
    for _ in 0..<20 { _ = try subject.point(16 << 10, Lap(clock: .wall, round: 0)) }
    subject.store.waitForBackground()
    let table = try contest.run(
      rounds: report.size.pick(smoke: 2, quick: 50, full: 200),
      warmUp: report.size.pick(smoke: 0, quick: 3, full: 10), in: report)
    for row in table.rows.dropFirst() {
      report.judge(
        target: 10, "store alone, \(total >> 20) MiB: \(row.name)", row.ratio ?? .infinity,
        atMost: 1, "× a durable point")
    }
    try subject.store.close()
  }

  /// The space of 100 versions, each with 1 % of the objects changed: neighbours, or all over.
  static func storeVersions(_ report: BenchmarkReport) throws {
    let total = report.size.pick(smoke: 512 << 10, quick: 4 << 20, full: 16 << 20)
    let versions = 100
    let contest = Contest(
      "store: \(versions) versions of \(total >> 10) KiB, 1 % of 64-byte objects changed in each",
      unit: .milliseconds, durability: .durable)
    for isClustered in [true, false] {
      let name = isClustered ? "clustered" : "scattered"
      var random = SplitMix(state: 9)
      contest.add(name) { lap in
        let folder = try ScratchFolder()
        let subject = try StoreSubject(
          folder.file("s"), chunkBytes: 16 << 10, totalBytes: total, retention: .all)
        let objects = total / objectBytes
        let changed = max(1, objects / 100)
        var dirty = 0
        for version in 0..<versions {
          let first = version * 7919 % (objects - changed)
          let places =
            isClustered
            ? Array(first..<first + changed)
            : (0..<changed).map { _ in Int(random.next() % UInt64(objects)) }
          let chunks = Set(places.map { $0 * objectBytes / subject.chunkBytes }).sorted()
          dirty += chunks.count * subject.chunkBytes
          try subject.point(chunks, lap)
        }
        try subject.store.checkpointNow()
        let usage = try subject.store.usage()
        let size = Double(usage.usedBytes + usage.freeBytes)
        lap.count("size / (live + dirty)", size / Double(total + dirty))
        lap.count("bytes / changed byte", Double(dirty) / Double(versions * changed * objectBytes))
        try subject.store.setRetention(.latest(1), of: subject.container.number)
        try subject.point([0], lap)
        let after = try subject.store.compact()
        lap.count("file / live, retention 1", Double(after.bytesAfter) / Double(total))
        try subject.store.close()
        return UInt64(dirty)
      }
    }
    let table = try contest.run(rounds: 1, warmUp: 0, in: report)
    for row in table.rows {
      report.judge(
        target: 12, "store alone, 100 versions, \(row.name): of live + dirty",
        row.count("size / (live + dirty)") ?? .infinity, atMost: 1.3, "×")
      report.judge(
        target: 12, "store alone, \(row.name), retention to 1: of live",
        row.count("file / live, retention 1") ?? .infinity, atMost: 1.3, "×")
    }
  }
}

/// The same numbers in every run.
struct SplitMix: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var value = state
    value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
    value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
    return value ^ (value >> 31)
  }
}
