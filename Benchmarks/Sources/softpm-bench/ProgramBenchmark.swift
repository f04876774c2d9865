// A program that looks objects up, changes some of them, and keeps them every so often: the cost of
// a container to it, and what the same would cost with others.
//
// 1. Requests are Zipf 0.75 over all objects. A request reads an object; some of them also change it.
// 2. The objects lie in memory for everybody. A database gets the changes only, in a transaction
//    that is committed when a point would be made: its best case.
// 3. At the end of a lap everybody has kept everything, durably, within the measured time.

import Containers
import Foundation
import SoftPMBenchmarking

enum ProgramBenchmark {
  /// A thousand requests.
  @inline(never)
  private static func serve(
    _ graph: Graph, _ zipf: inout Zipf, writes share: Int, _ changed: inout [Int]
  ) -> UInt64 {
    var sum: UInt64 = 0
    for _ in 0..<1000 {
      let key = zipf.next()
      let item = graph.items[key]
      if zipf.nextRandom() % 100 < UInt64(share) {
        item.count &+= 1
        if changed.capacity > 0 { changed.append(key) }
      }
      sum &+= UInt64(item.key) &+ UInt64(item.name.utf8.count)
    }
    return sum
  }

  /// The program without containers.
  private static func plain(
    _ graph: Graph, _ requests: Int, writes share: Int, _ lap: Lap
  ) -> UInt64 {
    var zipf = Zipf(graph.items.count, exponent: 0.75)
    var none: [Int] = []
    return lap.time {
      var sum: UInt64 = 0
      for _ in 0..<requests / 1000 { sum &+= serve(graph, &zipf, writes: share, &none) }
      return sum
    }
  }

  /// The same, and what any point that copies everything written must do: when reading writes counts
  /// of references, that is nearly all.
  private static func copying(
    _ graph: Graph, _ requests: Int, writes share: Int, _ from: [UInt8],
    _ to: UnsafeMutableRawBufferPointer, _ lap: Lap
  ) -> UInt64 {
    var zipf = Zipf(graph.items.count, exponent: 0.75)
    var none: [Int] = []
    return lap.time {
      var sum: UInt64 = 0
      var next = ContinuousClock.now + .milliseconds(100)
      for _ in 0..<requests / 1000 {
        sum &+= serve(graph, &zipf, writes: share, &none)
        guard ContinuousClock.now >= next else { continue }
        from.withUnsafeBytes { to.copyMemory(from: $0) }
        next = ContinuousClock.now + .milliseconds(100)
      }
      return sum
    }
  }

  /// The program with a container and a point every `interval`.
  private static func contained(
    _ container: Container<Graph>, _ objects: Int, _ requests: Int, writes share: Int,
    every interval: Duration, _ lap: Lap
  ) throws -> UInt64 {
    var zipf = Zipf(objects, exponent: 0.75)
    var none: [Int] = []
    var points: [PersistencePoint] = []
    let sum = try lap.time {
      var sum: UInt64 = 0
      var next = ContinuousClock.now + interval
      for _ in 0..<requests / 1000 {
        sum &+= container.update { serve($0, &zipf, writes: share, &none) }
        guard ContinuousClock.now >= next else { continue }
        points.append(try container.persist())
        next = ContinuousClock.now + interval
      }
      points.append(try container.persist())
      try points.last?.wait()
      return sum
    }
    lap.count("points", Double(points.count))
    for point in points {
      let cost = point.statistics
      lap.count("stall ms", cost.stall.microseconds / 1e3)
      lap.count("image ms", cost.imaging.microseconds / 1e3)
      lap.count("write+flush ms", (cost.writing + cost.flushing).microseconds / 1e3)
      lap.count("members scanned", Double(cost.objectsScanned))
      lap.count("dirty chunks", Double(cost.dirtyChunks))
      lap.count("MiB written", Double(cost.writtenBytes) / Double(1 << 20))
    }
    return sum
  }

  private static func objects(_ report: BenchmarkReport) -> Int {
    report.size.pick(smoke: 2_000, quick: 200_000, full: 1_000_000)
  }

  /// Against the same program without containers, by write share and interval.
  static func curve(_ report: BenchmarkReport) throws {
    let count = objects(report)
    let requests = report.size.pick(smoke: 20_000, quick: 600_000, full: 4_000_000)
    let intervals = report.size.pick(smoke: [100], quick: [100], full: [10, 100, 1_000])
    let folder = try ScratchFolder()
    let store = try Store.open(folder.file("program.softpm"))
    let container = try store.container("graph", initial: Graph())
    container.update { $0.fill(items: count, blobs: 0) }
    try container.persistAndWait()
    let graph = Graph()
    graph.fill(items: count, blobs: 0)
    // As many bytes as the objects and their names take, in memory that is there.
    let from = [UInt8](repeating: 1, count: count * 112)
    let to = UnsafeMutableRawBufferPointer.allocate(byteCount: from.count, alignment: 4096)
    to.copyBytes(from: from)
    defer { to.deallocate() }
    for share in report.size.pick(smoke: [10], quick: [10, 100], full: [0, 1, 10, 50, 100]) {
      let contest = Contest(
        "look-up program, \(count) objects, \(share) % writes", unit: .nanoseconds,
        durability: .durable)
      contest.add("floor: plain heap, nothing kept", operations: requests) { lap in
        plain(graph, requests, writes: share, lap)
      }
      contest.add("floor: and its bytes copied every 100 ms", operations: requests) { lap in
        copying(graph, requests, writes: share, from, to, lap)
      }
      for interval in intervals {
        // With points that follow closely a request takes twenty times as long.
        let some = interval < 100 ? requests / 8 : requests
        contest.add("container, a point every \(interval) ms", operations: some) { lap in
          try contained(container, count, some, writes: share, every: .milliseconds(interval), lap)
        }
      }
      let table = try contest.run(
        rounds: report.size.pick(smoke: 1, quick: 2, full: 3), warmUp: 1, in: report)
      guard share == 10,
        let row = table.rows.first(where: { $0.name == "container, a point every 100 ms" })
      else {
        continue
      }
      report.judge(
        target: 4, "look-up program, 10 % writes", row.ratio ?? .infinity, atMost: 1.5, "× plain")
    }
    try store.close()
  }

  /// Against peers that keep the same updates.
  static func peers(_ report: BenchmarkReport) throws {
    let count = objects(report)
    let requests = report.size.pick(smoke: 20_000, quick: 400_000, full: 4_000_000)
    let folder = try ScratchFolder()
    let store = try Store.open(folder.file("program.softpm"))
    let container = try store.container("graph", initial: Graph())
    container.update { $0.fill(items: count, blobs: 0) }
    try container.persistAndWait()
    let graph = Graph()
    graph.fill(items: count, blobs: 0)
    let others: [(Peer, Int)] = [
      (try SQLitePeer(.durable, folder, count: count), requests / 4),
      (try LMDBPeer(.durable, folder, count: count), requests / 4),
      (try LogPeer(.durable, folder, count: count), requests),
      // Encoding takes so long that one interval, with the one file at its end, is a lap.
      (try CodablePeer(.json, .durable, folder, count: count), requests / 4),
    ]
    for share in report.size.pick(smoke: [100], quick: [50, 100], full: [50, 100]) {
      let contest = Contest(
        "look-up program beside peers, \(count) objects, \(share) % writes, kept every 100 ms",
        unit: .nanoseconds, durability: .durable)
      contest.add("floor: plain heap, nothing kept", operations: requests) { lap in
        plain(graph, requests, writes: share, lap)
      }
      contest.add("container", operations: requests) { lap in
        try contained(
          container, count, requests, writes: share, every: .milliseconds(100), lap)
      }
      for (peer, some) in others {
        contest.add(peer.name, operations: some) { lap in
          try kept(graph, some, writes: share, by: peer, lap)
        }
      }
      let table = try contest.run(
        rounds: report.size.pick(smoke: 1, quick: 2, full: 3), warmUp: 0, in: report)
      guard let ours = table.median("container"), let floor = table.rows.first?.figure.median
      else { continue }
      for row in table.rows.dropFirst(2) where !row.name.contains("log") {
        report.judge(
          target: 5, "\(share) % writes: faster than \(row.name)", row.figure.median / ours,
          atLeast: 10, "×")
        report.note(
          target: 5, "\(share) % writes: \(row.name) over a program that keeps nothing",
          "\(decimal(row.figure.median / floor, 1)) ×")
      }
    }
    for (peer, _) in others { peer.end() }
    try store.close()
  }

  private static func kept(
    _ graph: Graph, _ requests: Int, writes share: Int, by peer: Peer, _ lap: Lap
  ) throws -> UInt64 {
    var zipf = Zipf(graph.items.count, exponent: 0.75)
    var changed: [Int] = []
    changed.reserveCapacity(1000)
    var commits = 1.0
    let sum = try lap.time {
      var sum: UInt64 = 0
      var next = ContinuousClock.now + .milliseconds(100)
      for _ in 0..<requests / 1000 {
        sum &+= serve(graph, &zipf, writes: share, &changed)
        for key in changed { try peer.apply(key) }
        changed.removeAll(keepingCapacity: true)
        guard ContinuousClock.now >= next else { continue }
        try peer.commit()
        commits += 1
        next = ContinuousClock.now + .milliseconds(100)
      }
      try peer.commit()
      return sum
    }
    lap.count("commits", commits)
    return sum
  }
}
