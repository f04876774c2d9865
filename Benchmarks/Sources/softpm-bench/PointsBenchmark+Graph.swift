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
    var bytes = 0.0
    var objects = 0
    contest.add("first point") { lap in
      let store = try Store.open(folder.file("first.softpm"))
      defer { unlink(folder.file("first.softpm")) }
      let container = try store.container("graph", initial: Graph())
      container.update { $0.fill(items: count, blobs: 0) }
      let point = try lap.time {
        let point = try container.persist()
        try point.wait()
        return point
      }
      bytes = Double(point.statistics.writtenBytes)
      objects = point.statistics.objectsNew
      lap.count("bytes", bytes)
      lap.count("stall ms", nanoseconds(point.statistics.stall) / 1e6)
      try store.close()
      return UInt64(objects)
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
      let point = try lap.time {
        let point = try container.persist()
        try point.wait()
        return point
      }
      lap.count("bytes", Double(point.statistics.writtenBytes))
      lap.count("rescanned", Double(point.statistics.objectsScanned))
      lap.count("stall ms", nanoseconds(point.statistics.stall) / 1e6)
      return UInt64(point.statistics.writtenChunks)
    }
    let table = try contest.run(
      rounds: report.size.pick(smoke: 1, quick: 2, full: 3), warmUp: 1, in: report)
    try store.close()
    let (floor, json, first, later) = (
      table.rows[0].figure.median, table.rows[1].figure.median, table.rows[2].figure.median,
      table.rows[3].figure.median
    )
    // Milliseconds per byte, and GB/s.
    let disks = Double(disk.size) / floor / 1e6
    report.judge(
      target: 8, "first point (60 % of the disk's \(decimal(disks, 2)), at most 1)",
      bytes / first / 1e6, atLeast: min(1, 0.6 * disks), "GB/s")
    report.judge(
      target: 8, "first point: stall per new object",
      (table.rows[2].count("stall ms") ?? .infinity) * 1e6 / Double(max(1, objects)), atMost: 60,
      "ns")
    report.judge(target: 8, "first point", json / first, atLeast: 20, "× JSON")
    report.judge(target: 8, "point after 1 % changed", json / later, atLeast: 200, "× JSON")
    report.judge(
      target: 8, "point after 1 %: stall per rescanned object",
      (table.rows[3].count("stall ms") ?? .infinity) * 1e6
        / max(1, table.rows[3].count("rescanned") ?? 1), atMost: 20, "ns")
  }
}
