// A durable point of the store alone, beside the raw floor and beside other stores.

import SoftPMBase
import SoftPMStore

#if canImport(Glibc)
  import Glibc
#endif

/// Another store of this machine, driven as its documentation recommends.
public struct StorePeer {
  public let name: String
  /// Opens a new database of `totalBytes` at `path`; what it returns changes and commits so many
  /// bytes, durably, and is called once per round.
  public let open:
    (_ path: String, _ totalBytes: Int) throws -> (_ bytes: Int, _ round: Int)
      throws -> UInt64

  public init(
    _ name: String,
    open:
      @escaping (_ path: String, _ totalBytes: Int) throws -> (_ bytes: Int, _ round: Int)
      throws -> UInt64
  ) {
    self.name = name
    self.open = open
  }
}

/// What any durable store must pay: the bytes, directly to zero-written space, and one flush.
public final class DurableFloor {
  private let device: RawRing
  private let isDrained: Bool
  private let buffer = PageBuffer(byteCount: 4 << 20)
  private var place = 0
  private let byteCount: Int

  /// As one request that completes when its bytes are durable, or as a write and a flush.
  public init(_ path: String, byteCount: Int, asOneRequest: Bool = false) throws {
    self.byteCount = byteCount
    isDrained = !asOneRequest
    device = try RawRing(path, byteCount: byteCount)
  }

  /// Up to 4 MiB.
  public func write(_ count: Int) throws {
    if place + count > byteCount { place = 0 }
    let part = UnsafeRawBufferPointer(rebasing: buffer.readOnly[..<count])
    try device.write(part, at: place, drained: isDrained)
    place += count
  }
}

extension LayerBenchmarks {
  static let storeBytes = 64 << 20

  /// Points of 4 KiB to 4 MiB in a store of 64 MiB; what versions cost; what chunks of each size do.
  public static func store(_ report: BenchmarkReport, peers: [StorePeer]) throws {
    let total = report.size.pick(smoke: 2 << 20, quick: storeBytes, full: storeBytes)
    for chunkKiB in report.size.pick(smoke: [16], quick: [16], full: [4, 16, 32]) {
      try storePoints(
        report, chunkBytes: chunkKiB << 10, dirtyBytes: chunkKiB << 10, of: total, peers)
    }
    for dirtyKiB in report.size.pick(smoke: [64], quick: [64, 1024], full: [64, 1024, 4096]) {
      try storePoints(
        report, chunkBytes: 16 << 10, dirtyBytes: dirtyKiB << 10, of: total, peers)
    }
    try storeBranches(report)
    try storeVersions(report)
    try storeChunkSizes(report)
  }

  private static func storePoints(
    _ report: BenchmarkReport, chunkBytes: Int, dirtyBytes: Int, of total: Int,
    _ peers: [StorePeer]
  ) throws {
    let folder = try ScratchFolder()
    let contest = Contest(
      "store: \(dirtyBytes >> 10) KiB dirty in chunks of \(chunkBytes >> 10) KiB",
      durability: .durable)
    let floor = try DurableFloor(folder.file("floor"), byteCount: total)
    contest.add("floor: O_DIRECT write and flush") { lap in
      try lap.time { try floor.write(dirtyBytes) }
      lap.count("bytes", Double(dirtyBytes))
      return UInt64(dirtyBytes)
    }
    let durable = try DurableFloor(
      folder.file("floor-durable"), byteCount: total, asOneRequest: true)
    contest.add("floor: as one durable request") { lap in
      try lap.time { try durable.write(dirtyBytes) }
      return UInt64(dirtyBytes)
    }
    var subjects: [StoreSubject] = []
    for driver in [StoreDriver.uring, .posix] {
      let subject = try StoreSubject(
        folder.file(driver.rawValue), driver, chunkBytes: chunkBytes, totalBytes: total)
      subjects.append(subject)
      contest.add("store, \(driver.rawValue)") { lap in
        try subject.point(dirtyBytes, lap)
      }
    }
    for peer in peers {
      let commit = try peer.open(folder.file(peer.name), total)
      contest.add(peer.name) { lap in
        try lap.time { try commit(dirtyBytes, lap.round) }
      }
    }
    // What the stores still do behind their first points is not to be measured with the next.
    usleep(300_000)
    let few = max(20, 5_000 / (dirtyBytes >> 10))
    let table = try contest.run(
      rounds: report.size.pick(smoke: 2, quick: min(few, 100), full: min(few, 300)),
      warmUp: report.size.pick(smoke: 0, quick: 3, full: 10), in: report)
    judge(table, dirtyBytes, chunkBytes, report)
    for subject in subjects { try subject.store.close() }
  }

  private static func judge(
    _ table: BenchmarkTable, _ dirtyBytes: Int, _ chunkBytes: Int, _ report: BenchmarkReport
  ) {
    guard chunkBytes == 16 << 10, let floor = table.rows.first?.figure.median,
      let ours = table.rows.first(where: { $0.name == "store, uring" })
    else { return }
    if dirtyBytes == chunkBytes {
      report.judge(
        target: 1, "store alone, one chunk: above the floor", ours.figure.median - floor,
        atMost: 15, "µs")
    } else {
      report.judge(
        target: 2, "store alone, \(dirtyBytes >> 10) KiB: over the floor",
        ours.figure.median / floor, atMost: 1.3, "×")
      report.judge(
        target: 14, "store alone, \(dirtyBytes >> 10) KiB: written per dirty byte",
        (ours.count("bytes") ?? 0) / Double(dirtyBytes), atMost: 1.1, "")
    }
  }
}
