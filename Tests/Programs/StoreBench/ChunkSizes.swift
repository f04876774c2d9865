// How large a chunk should be: representative points at each size, in one container of 64 MiB.

import Glibc
import SoftPMBase
import SoftPMStore

struct ChunkSizes {
  let folder: String
  let rounds: Int
  static let containerBytes = 64 << 20
  /// An object of the sort that programs have most of.
  static let objectBytes = 64

  /// Which bytes a point changes; the objects' places are drawn anew for every point.
  enum Pattern: String, CaseIterable {
    case oneObject = "1 object"
    case sixteenScattered = "16 scattered objects"
    case percentClustered = "1 % of objects, clustered"
    case percentScattered = "1 % of objects, scattered"

    /// Addresses of changed objects.
    func places(_ random: inout some RandomNumberGenerator) -> [Int] {
      let objects = containerBytes / objectBytes
      switch self {
      case .oneObject: return [Int.random(in: 0..<objects, using: &random) * objectBytes]
      case .sixteenScattered:
        return (0..<16).map { _ in Int.random(in: 0..<objects, using: &random) * objectBytes }
      case .percentScattered:
        return (0..<objects / 100).map { _ in
          Int.random(in: 0..<objects, using: &random) * objectBytes
        }
      case .percentClustered:
        let first = Int.random(in: 0..<objects - objects / 100, using: &random)
        return (first..<first + objects / 100).map { $0 * objectBytes }
      }
    }
  }

  func run() throws {
    print("chunk  pattern                      µs  MiB written  per changed byte")
    for pattern in Pattern.allCases {
      let sizes = [4, 8, 16, 32, 64]
      var stores: [MeasuredStore] = []
      for kibibytes in sizes {
        stores.append(
          try MeasuredStore(
            folder + "/bench-chunk-\(kibibytes)", driver: .uring, chunkBytes: kibibytes << 10,
            containerBytes: ChunkSizes.containerBytes))
      }
      // Making the stores may have used up what the disk allows in a burst.
      sleep(20)
      for store in stores { store.begin() }
      let turns = pattern == .percentScattered ? 3 : rounds
      var random = SystemRandomNumberGenerator()
      var changed = 0
      for _ in 0..<turns {
        let places = Set(pattern.places(&random))
        changed += places.count * ChunkSizes.objectBytes
        for store in stores { try store.point(Set(places.map { $0 / store.chunkBytes }).sorted()) }
      }
      for (kibibytes, store) in zip(sizes, stores) {
        let figures = store.figures
        print(
          "\(kibibytes) KiB", pattern.rawValue, StoreBench.tenths(figures.microseconds),
          StoreBench.hundredths(figures.bytesWrittenPerPoint / 1_048_576),
          StoreBench.tenths(figures.bytesWrittenPerPoint / (Double(changed) / Double(turns))),
          separator: "  ")
      }
      if pattern == .oneObject { try opening(stores) }
      for store in stores { try store.closeAndRemove() }
    }
  }

  /// What it takes to open each store read-only and read its newest table; its checkpoint's size.
  private func opening(_ stores: [MeasuredStore]) throws {
    for store in stores {
      try store.store.checkpointNow()
      var options = StoreFileOptions()
      options.readOnly = true
      var times: [Double] = []
      var chunks = 0
      var bytes = 0
      for _ in 0..<9 {
        let clock = ContinuousClock()
        let start = clock.now
        let reader = try ChunkStore.open(store.path, options)
        if let newest = try reader.containers.first?.newest {
          chunks = try reader.chunks(of: newest).count
        }
        let taken = (clock.now - start).components
        times.append(Double(taken.attoseconds) / 1e12)
        bytes = reader.statistics.bytesRead
        try reader.close()
      }
      print(
        "\(store.chunkBytes >> 10) KiB: a table of \(chunks) chunks, opened and read in",
        "\(StoreBench.tenths(StoreFigures.median(times))) µs, \(bytes >> 10) KiB read")
    }
  }
}
