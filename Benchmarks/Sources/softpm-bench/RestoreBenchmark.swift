// Opening what was stored: first access, everything, other versions of it.

import Containers
import Foundation
import SoftPMBenchmarking

enum RestoreBenchmark {
  static func run(_ report: BenchmarkReport) throws {
    let mebibytes = report.size.pick(smoke: 2, quick: 128, full: 1024)
    let folder = try ScratchFolder()
    let path = folder.file("restore.softpm")
    let objects = report.size.pick(smoke: 2_000, quick: 50_000, full: 500_000)
    do {
      let store = try Store.open(path)
      let container = try store.container("graph", initial: Graph())
      container.update { $0.fill(items: objects, blobs: mebibytes * 15 / 16) }
      try container.persistAndWait()
      try store.close()
    }
    try opening(report, path, objects, folder)
    try versions(report, path)
  }

  private static func opening(
    _ report: BenchmarkReport, _ path: String, _ objects: Int, _ folder: ScratchFolder
  ) throws {
    let size = try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int ?? 0
    let contest = Contest("restore of \(size >> 20) MiB, warm cache", unit: .milliseconds)
    contest.add("floor: pread of the file") { lap in
      lap.time { readAll(path) }
    }
    contest.add("open and first access") { lap in
      let (store, sum) = try lap.time {
        let store = try Store.open(path)
        let container = try store.container("graph", initial: Graph())
        return (store, container.read { $0.items[objects / 2].key })
      }
      try store.close()
      return UInt64(sum)
    }
    contest.add("open and touch everything") { lap in
      let (store, sum) = try lap.time {
        let store = try Store.open(path)
        let container = try store.container("graph", initial: Graph())
        return (store, container.read { $0.walk() &+ touchBlobs($0) })
      }
      try store.close()
      return sum
    }
    let plain = Graph()
    plain.fill(items: objects / 5, blobs: 0)
    let data = try JSONEncoder().encode(plain)
    contest.add("JSONDecoder, a fifth of the objects, no arrays") { lap in
      try lap.time { UInt64(try JSONDecoder().decode(Graph.self, from: data).items.count) }
    }
    let table = try contest.run(
      rounds: report.size.pick(smoke: 1, quick: 2, full: 3), warmUp: 1, in: report)
    let (raw, first, all) = (
      table.rows[0].figure.median, table.rows[1].figure.median, table.rows[2].figure.median
    )
    report.leaveOpen(
      target: 9, "first access, \(size >> 20) MiB: \(decimal(first, 0)) ms", bound: "≤ 20 ms",
      because: "lazy restore is not built")
    report.judge(
      target: 9, "everything touched, of the raw read's bandwidth", raw / all, atLeast: 0.6, "×")
    report.judge(
      target: 9, "everything touched, warm cache", Double(size) / Double(1 << 30) / (all / 1e3),
      atLeast: 2, "GiB/s")
  }

  private static func touchBlobs(_ graph: Graph) -> UInt64 {
    var sum: UInt64 = 0
    for blob in graph.blobs {
      for place in stride(from: 0, to: blob.count, by: 4096) { sum &+= UInt64(blob[place]) }
    }
    return sum
  }

  private static func readAll(_ path: String) -> UInt64 {
    let descriptor = open(path, O_RDONLY)
    defer { close(descriptor) }
    var buffer = [UInt8](repeating: 0, count: 4 << 20)
    var place = 0
    var sum: UInt64 = 0
    while true {
      let count = pread(descriptor, &buffer, buffer.count, place)
      guard count > 0 else { return sum }
      sum &+= UInt64(buffer[count / 2])
      place += count
    }
  }

  private static func versions(_ report: BenchmarkReport, _ path: String) throws {
    let store = try Store.open(path)
    let container = try store.container("graph", initial: Graph())
    guard let version = container.version else { return }
    try branching(report, store, container, version)
    let contest = Contest("versions, live objects", unit: .milliseconds)
    contest.add("snapshot, first access") { lap in
      let (snapshot, key) = try lap.time {
        let snapshot = try container.snapshot(version)
        return (snapshot, snapshot.read { $0.items[1].key })
      }
      snapshot.close()
      return UInt64(key)
    }
    contest.add("branch, and its objects restored") { lap in
      let branch = try lap.time { try container.branch("branch", from: version) }
      try branch.close()
      try store.delete("branch")
      return 1
    }
    contest.add("switch to an older version") { lap in
      try lap.time { try container.switchTo(version) }
      return UInt64(container.read { $0.items[1].key })
    }
    let table = try contest.run(
      rounds: report.size.pick(smoke: 1, quick: 2, full: 3),
      warmUp: report.size.pick(smoke: 0, quick: 0, full: 1), in: report)
    try store.close()
    report.leaveOpen(
      target: 10, "snapshot, first access: \(decimal(table.rows[0].figure.median, 0)) ms",
      bound: "≤ 20 ms", because: "lazy restore is not built")
  }

  /// A branch is a point without chunks.
  private static func branching(
    _ report: BenchmarkReport, _ store: Store, _ container: Container<Graph>, _ version: VersionID
  ) throws {
    let contest = Contest("versions, durable", unit: .microseconds, durability: .durable)
    contest.add("a durable point of one object") { lap in
      container.update { $0.items[0].count += 1 }
      return UInt64(try lap.time { try container.persistAndWait() }.description.count)
    }
    contest.add("branch") { lap in
      try lap.time { try StoreInspector(store).branch("branch", from: "graph", version) }
      try store.delete("branch")
      return 1
    }
    let table = try contest.run(
      rounds: report.size.pick(smoke: 2, quick: 20, full: 60), warmUp: 2, in: report)
    report.judge(
      target: 10, "branch, durable", table.rows[1].ratio ?? .infinity, atMost: 1,
      "× a durable point")
  }
}
