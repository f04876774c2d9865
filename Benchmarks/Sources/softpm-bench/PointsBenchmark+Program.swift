// Whole graphs, and a program that looks things up while points are made.

import Containers
import Foundation
import SoftPMBenchmarking

extension PointsBenchmark {
  /// The first point of a graph, and the point after a hundredth of it changed, beside JSON.
  static func wholeGraph(_ report: BenchmarkReport) throws {
    let count = report.size.pick(smoke: 2_000, quick: 200_000, full: 1_000_000)
    let folder = try ScratchFolder()
    let plain = Graph()
    plain.fill(items: count, blobs: 0)
    let contest = Contest(
      "\(count) objects, until durable", unit: .milliseconds, durability: .durable)
    contest.add("JSONEncoder and atomic write, synced") { lap in
      try lap.time {
        let data = try JSONEncoder().encode(plain)
        try writeAtomically(data, folder)
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
      rounds: report.size.pick(smoke: 1, quick: 3, full: 5), warmUp: 1, in: report)
    try store.close()
    let (json, first, later) = (
      table.rows[0].figure.median, table.rows[1].figure.median, table.rows[2].figure.median
    )
    report.judge(target: 8, "first point", bytes / first / 1e6, atLeast: 1, "GB/s")
    report.judge(
      target: 8, "first point: stall per new object",
      (table.rows[1].count("stall ms") ?? .infinity) * 1e6 / Double(max(1, objects)), atMost: 60,
      "ns")
    report.judge(target: 8, "first point", json / first, atLeast: 20, "× JSON")
    report.judge(target: 8, "point after 1 % changed", json / later, atLeast: 200, "× JSON")
    report.judge(
      target: 8, "point after 1 %: stall per rescanned object",
      (table.rows[2].count("stall ms") ?? .infinity) * 1e6
        / max(1, table.rows[2].count("rescanned") ?? 1), atMost: 20, "ns")
  }

  /// Aside, synced, renamed, and the folder synced: as durable as a point.
  private static func writeAtomically(_ data: Data, _ folder: ScratchFolder) throws {
    let descriptor = open(folder.file("new.json"), O_WRONLY | O_CREAT | O_TRUNC, 0o600)
    guard descriptor >= 0 else { throw BenchmarkFailure("a file cannot be made") }
    let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    try handle.write(contentsOf: data)
    try handle.synchronize()
    guard rename(folder.file("new.json"), folder.file("graph.json")) == 0 else {
      throw BenchmarkFailure("a file cannot be renamed")
    }
    let directory = open(folder.path, O_RDONLY)
    fsync(directory)
    close(directory)
  }

  /// Zipf 0.75 over a million objects, some of the requests writes, a point every 100 ms.
  static func lookUps(_ report: BenchmarkReport) throws {
    let count = report.size.pick(smoke: 2_000, quick: 200_000, full: 1_000_000)
    let requests = report.size.pick(smoke: 20_000, quick: 2_000_000, full: 8_000_000)
    for share in report.size.pick(smoke: [10], quick: [10, 100], full: [10, 50, 100]) {
      let folder = try ScratchFolder()
      let store = try Store.open(folder.file("program.softpm"))
      let container = try store.container("graph", initial: Graph())
      container.update { $0.fill(items: count, blobs: 0) }
      try container.persistAndWait()
      let plain = Graph()
      plain.fill(items: count, blobs: 0)
      let contest = Contest(
        "look-up program, \(share) % writes, a point every 100 ms", unit: .nanoseconds,
        durability: .buffered)
      contest.add("floor: plain heap", operations: requests) { lap in
        var zipf = Zipf(count, exponent: 0.75)
        return lap.time {
          var sum: UInt64 = 0
          for _ in 0..<requests / 1000 { sum &+= serve(plain, &zipf, writes: share) }
          return sum
        }
      }
      contest.add("container, asynchronous points", operations: requests) { lap in
        var zipf = Zipf(count, exponent: 0.75)
        return try lap.time {
          var sum: UInt64 = 0
          var next = ContinuousClock.now + .milliseconds(100)
          for _ in 0..<requests / 1000 {
            sum &+= container.update { serve($0, &zipf, writes: share) }
            guard ContinuousClock.now >= next else { continue }
            next = ContinuousClock.now + .milliseconds(100)
            let point = try container.persist()
            lap.count("points", 1)
            lap.count("stall ms", nanoseconds(point.statistics.stall) / 1e6)
          }
          return sum
        }
      }
      let table = try contest.run(
        rounds: report.size.pick(smoke: 1, quick: 3, full: 5), warmUp: 1, in: report)
      try store.close()
      let ratio = table.rows[1].ratio ?? .infinity
      if share == 10 {
        report.judge(target: 4, "look-up program, 10 % writes", ratio, atMost: 1.5, "× plain")
      }
    }
  }

  /// A thousand requests.
  @inline(never)
  private static func serve(_ graph: Graph, _ zipf: inout Zipf, writes share: Int) -> UInt64 {
    var sum: UInt64 = 0
    for _ in 0..<1000 {
      let item = graph.items[zipf.next()]
      if zipf.nextRandom() % 100 < UInt64(share) { item.count &+= 1 }
      sum &+= UInt64(item.key) &+ UInt64(item.name.utf8.count)
    }
    return sum
  }
}
