// The first point of a whole graph, and the point after a hundredth of it changed.

import Containers
import Foundation
import SoftPMBenchmarking

extension PointsBenchmark {
  /// The first point of a graph, and the point after a hundredth of it changed, beside JSON.
  static func wholeGraph(_ report: BenchmarkReport) throws {
    let count = report.size.pick(smoke: 2_000, quick: 100_000, full: 1_000_000)
    let folder = try ScratchFolder()
    let plain = Graph()
    plain.fill(items: count, blobs: 0)
    let contest = Contest(
      "\(count) objects, until durable", unit: .milliseconds, durability: .durable)
    // As many bytes as the first point writes, nearly.
    let disk = try SequentialFloor(folder.file("disk"), byteCount: count * 112)
    contest.add("floor: as many bytes in order, direct, one flush") { lap in
      try lap.time { try disk.write() }
      return UInt64(disk.size)
    }
    contest.add("JSONEncoder and atomic write, synced") { lap in
      try lap.time {
        let data = try JSONEncoder().encode(plain)
        try replaceFile(folder.file("graph.json"), with: data, syncing: true)
        return UInt64(data.count)
      }
    }
    contest.add("first point") { lap in
      let store = try Store.open(folder.file("first.softpm"))
      defer { unlink(folder.file("first.softpm")) }
      let container = try store.container("graph", initial: Graph())
      container.update { $0.fill(items: count, blobs: 0) }
      let point = try durablePoint(container, lap)
      try store.close()
      return UInt64(point.statistics.objectsNew)
    }
    let store = try Store.open(folder.file("later.softpm"))
    let container = try store.container("graph", initial: Graph())
    container.update { $0.fill(items: count, blobs: 0) }
    try container.persistAndWait()
    contest.add("point after 1 % changed") { lap in
      container.update { graph in
        let step = max(1, count / 100)
        let first = (lap.round &+ 8) &* step % count
        for item in graph.items[first..<min(count, first + step)] { item.count += 1 }
      }
      return UInt64(try durablePoint(container, lap).statistics.writtenChunks)
    }
    let table = try contest.run(
      rounds: report.size.pick(smoke: 1, quick: 2, full: 3), warmUp: 1, in: report)
    try store.close()
    judge(table, diskBytes: disk.size, report)
  }

  private static func durablePoint(
    _ container: Container<Graph>, _ lap: Lap
  ) throws -> PersistencePoint {
    let point = try lap.time {
      let point = try container.persist()
      try point.wait()
      return point
    }
    point.countParts(lap)
    let cost = point.statistics
    lap.count("bytes", Double(cost.writtenBytes))
    lap.count("new", Double(cost.objectsNew))
    lap.count("scanned", Double(cost.objectsScanned))
    lap.count("stall ms", nanoseconds(cost.stall) / 1e6)
    return point
  }

  private static func judge(
    _ table: BenchmarkTable, diskBytes: Int, _ report: BenchmarkReport
  ) {
    let (floor, json) = (table.rows[0].figure.median, table.rows[1].figure.median)
    let (first, later) = (table.rows[2], table.rows[3])
    // Bytes in a millisecond, as GB/s.
    let disk = Double(diskBytes) / floor / 1e6
    report.judge(
      target: 8, "first point (60 % of the disk's \(decimal(disk, 2)), at most 1)",
      (first.count("bytes") ?? 0) / first.figure.median / 1e6, atLeast: min(1, 0.6 * disk), "GB/s")
    func stall(_ row: BenchmarkRow, per name: String) -> Double {
      (row.count("stall ms") ?? .infinity) * 1e6 / max(1, row.count(name) ?? 1)
    }
    report.judge(
      target: 8, "first point: stall per new object", stall(first, per: "new"), atMost: 60, "ns")
    report.judge(
      target: 8, "first point", json / first.figure.median, atLeast: 20, "× JSON")
    report.judge(
      target: 8, "point after 1 % changed", json / later.figure.median, atLeast: 200, "× JSON")
    report.judge(
      target: 8, "point after 1 %: stall per rescanned object", stall(later, per: "scanned"),
      atMost: 20, "ns")
  }
}
