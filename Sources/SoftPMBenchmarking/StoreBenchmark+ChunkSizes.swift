// How large a chunk should be: representative points at each size, in one container of 64 MiB.

import SoftPMBase
import SoftPMStore

/// Which objects of 64 bytes a point changes; their places are drawn anew for every point.
private enum ChangePattern: String, CaseIterable {
  case oneObject = "1 object"
  case sixteenScattered = "16 scattered objects"
  case percentClustered = "1 % of objects, clustered"
  case percentScattered = "1 % of objects, scattered"

  /// Addresses of changed objects.
  func places(of objects: Int, _ random: inout some RandomNumberGenerator) -> [Int] {
    let percent = max(1, objects / 100)
    switch self {
    case .oneObject: return [Int.random(in: 0..<objects, using: &random) * 64]
    case .sixteenScattered:
      return (0..<16).map { _ in Int.random(in: 0..<objects, using: &random) * 64 }
    case .percentScattered:
      return (0..<percent).map { _ in Int.random(in: 0..<objects, using: &random) * 64 }
    case .percentClustered:
      let first = Int.random(in: 0..<objects - percent, using: &random)
      return (first..<first + percent).map { $0 * 64 }
    }
  }
}

extension LayerBenchmarks {
  /// The measurement behind the default size of a chunk.
  static func storeChunkSizes(_ report: BenchmarkReport) throws {
    let total = report.size.pick(smoke: 1 << 20, quick: storeBytes, full: storeBytes)
    let folder = try ScratchFolder()
    let sizes = report.size.pick(
      smoke: [4, 16], quick: [4, 16, 64], full: [4, 8, 16, 32, 64])
    let subjects = try sizes.map { kibibytes in
      try StoreSubject(
        folder.file("s\(kibibytes)"), chunkBytes: kibibytes << 10, totalBytes: total)
    }
    for subject in subjects { subject.store.waitForBackground() }
    for pattern in ChangePattern.allCases {
      let contest = Contest("store: \(pattern.rawValue), by size of chunk", durability: .durable)
      for subject in subjects {
        var random = SplitMix(state: 3)
        contest.add("\(subject.chunkBytes >> 10) KiB") { lap in
          let places = pattern.places(of: total / 64, &random)
          let chunks = Set(places.map { $0 / subject.chunkBytes }).sorted()
          try subject.point(chunks, lap)
          return UInt64(chunks.count)
        }
      }
      let isLarge = pattern == .percentScattered
      try contest.run(
        rounds: report.size.pick(smoke: 1, quick: isLarge ? 2 : 20, full: isLarge ? 4 : 100),
        warmUp: report.size.pick(smoke: 0, quick: 1, full: 2), in: report)
    }
    try storeTables(subjects, report)
    for subject in subjects { try subject.store.close() }
  }

  /// What it takes to open each store read-only and to read its newest table.
  private static func storeTables(
    _ subjects: [StoreSubject], _ report: BenchmarkReport
  ) throws {
    let contest = Contest("store: opened, and its newest table read, by size of chunk")
    for subject in subjects {
      try subject.store.checkpointNow()
      contest.add("\(subject.chunkBytes >> 10) KiB") { lap in
        var options = StoreFileOptions()
        options.readOnly = true
        let reader = try lap.time {
          let reader = try ChunkStore.open(subject.path, options)
          if let newest = try reader.containers.first?.newest {
            lap.count("chunks", Double(try reader.chunks(of: newest).count))
          }
          return reader
        }
        lap.count("bytes read", Double(reader.statistics.bytesRead))
        try reader.close()
        return UInt64(subject.chunkCount)
      }
    }
    try contest.run(rounds: report.size.rounds, warmUp: 1, in: report)
  }
}
