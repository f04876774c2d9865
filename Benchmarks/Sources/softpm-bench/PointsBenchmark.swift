// The cost of persistence points, as a program meets it.

import Containers
import Foundation
import SoftPMBenchmarking

enum PointsBenchmark {
  static func run(_ report: BenchmarkReport) throws {
    try oneChunk(report)
    for dirty in report.size.pick(smoke: [64], quick: [64, 1024], full: [64, 1024, 4096]) {
      try byteArrays(report, dirtyKiB: dirty)
    }
    try scatteredWrites(report)
    try smallObjects(report)
    try unchanged(report)
    try wholeGraph(report)
    try ProgramBenchmark.curve(report)
  }

  static func nanoseconds(_ duration: Duration) -> Double {
    Double(duration.components.seconds) * 1e9 + Double(duration.components.attoseconds) / 1e9
  }

  /// What the small objects of `opened` take.
  private static func size(_ report: BenchmarkReport) -> String {
    report.size.pick(smoke: "200 KiB", quick: "12 MiB", full: "64 MiB")
  }

  /// A container of about 64 MiB, with one version.
  private static func opened(
    _ folder: ScratchFolder, _ report: BenchmarkReport, items: Int? = nil, blobs: Int = 0
  ) throws -> (Store, Container<Graph>) {
    let store = try Store.open(folder.file("points.softpm"))
    var attributes = ContainerAttributes()
    attributes.addressSpace = 16 << 30
    let container = try store.container("graph", initial: Graph(), attributes: attributes)
    let many = items ?? report.size.pick(smoke: 2_000, quick: 100_000, full: 500_000)
    container.update { $0.fill(items: many, blobs: blobs) }
    try container.persistAndWait()
    return (store, container)
  }

  /// One dirty chunk, durable, beside the floor and other stores.
  private static func oneChunk(_ report: BenchmarkReport) throws {
    let folder = try ScratchFolder()
    let (store, container) = try opened(folder, report)
    let total = report.size.pick(smoke: 2 << 20, quick: 64 << 20, full: 64 << 20)
    let contest = Contest(
      "persistAndWait, one dirty chunk of \(size(report))", durability: .durable)
    let floor = try DurableFloor(folder.file("floor"), byteCount: total)
    contest.add("floor: O_DIRECT 16 KiB and flush") { lap in
      try lap.time { try floor.write(16 << 10) }
      return 1
    }
    for peer in [StorePeer.sqlite, .lmdb] {
      let commit = try peer.open(folder.file(peer.name), total)
      contest.add(peer.name) { lap in try lap.time { try commit(1, lap.round) } }
    }
    func change(_ round: Int) {
      container.update { $0.items[(round &* 7919) & 0xff].count += 1 }
    }
    contest.add("persistAndWait") { lap in
      change(lap.round)
      let before = container.statistics.bytesWritten
      try lap.time { try container.persistAndWait() }
      lap.count("bytes", Double(container.statistics.bytesWritten - before))
      return 1
    }
    contest.add("persist, then wait") { lap in
      change(lap.round + 1)
      let point = try lap.time {
        let point = try container.persist()
        try point.wait()
        return point
      }
      let statistics = point.statistics
      lap.count("bytes", Double(statistics.writtenBytes))
      lap.count("chunks", Double(statistics.writtenChunks))
      lap.count("flushes", Double(statistics.flushes))
      lap.count("stall µs", nanoseconds(statistics.stall) / 1e3)
      return UInt64(statistics.writtenChunks)
    }
    let table = try contest.run(
      rounds: report.size.pick(smoke: 2, quick: 100, full: 300), warmUp: 3, in: report)
    try store.close()
    guard let ours = table.median("persistAndWait"), let base = table.rows.first?.figure.median,
      let sqlite = table.median(StorePeer.sqlite.name), let lmdb = table.median(StorePeer.lmdb.name)
    else { return }
    report.judge(target: 1, "persistAndWait above the floor", ours - base, atMost: 60, "µs")
    report.judge(target: 1, "persistAndWait", ours / sqlite, atMost: 1.0, "× SQLite")
    report.judge(target: 1, "persistAndWait", ours / lmdb, atMost: 0.85, "× LMDB")
    if let row = table.rows.last(where: { $0.name == "persistAndWait" }),
      let bytes = row.count("bytes")
    {
      report.judge(
        target: 14, "one dirty chunk: written", bytes / Double(16 << 10), atMost: 2, "chunks")
    }
  }

  /// So much of the byte arrays dirty: until durable, and how long the lock is held.
  private static func byteArrays(_ report: BenchmarkReport, dirtyKiB: Int) throws {
    let folder = try ScratchFolder()
    let bytes = dirtyKiB << 10
    let (store, container) = try opened(folder, report, items: 1_000, blobs: 64)
    let durable = Contest(
      "\(dirtyKiB) KiB of byte arrays dirty, until durable", durability: .durable)
    let floor = try DurableFloor(folder.file("floor"), byteCount: 64 << 20)
    durable.add("floor: O_DIRECT write and flush") { lap in
      try lap.time { try floor.write(bytes) }
      return 1
    }
    var stalls: [Double] = []
    var turn = 0
    // Never what is there.
    func change() {
      turn += 1
      container.update { graph in
        for blob in 0..<max(1, bytes >> 20) {
          let place = (turn &* 11 &+ 33 &+ blob) & 63
          graph.blobs[place].withUnsafeMutableBufferPointer {
            UnsafeMutableBufferPointer(rebasing: $0.prefix(bytes)).update(
              repeating: UInt8(truncatingIfNeeded: turn &* 67))
          }
        }
      }
    }
    durable.add("persistAndWait") { lap in
      change()
      try lap.time { try container.persistAndWait() }
      return 1
    }
    durable.add("persist, then wait") { lap in
      change()
      let point = try lap.time {
        let point = try container.persist()
        try point.wait()
        return point
      }
      stalls.append(nanoseconds(point.statistics.stall) / 1e3)
      lap.count("bytes", Double(point.statistics.writtenBytes))
      lap.count("chunks", Double(point.statistics.writtenChunks))
      return 1
    }
    let table = try durable.run(
      rounds: report.size.pick(smoke: 2, quick: 20, full: 40), warmUp: 2, in: report)
    try store.close()
    report.judge(
      target: 2, "\(dirtyKiB) KiB dirty, until durable", table.rows[1].ratio ?? .infinity,
      atMost: 1.3, "× floor")
    let row = table.rows[2]
    report.judge(
      target: 14, "\(dirtyKiB) KiB dirty: written per byte of written chunks",
      (row.count("bytes") ?? 0) / ((row.count("chunks") ?? 0) * Double(16 << 10)), atMost: 1.1, "")
    if bytes == 4 << 20 {
      report.judge(
        target: 3, "stall, 4 MiB of byte arrays dirty", Figure(stalls).median / 1e3, atMost: 0.5,
        "ms")
    }
  }

  /// The stall of points, with as many bytes copied by memcpy beside it; and with so many scattered
  /// chunks copied from memory that is in no cache.
  private static func stall(
    _ report: BenchmarkReport, _ title: String, copying bytes: Int, chunks: Int = 0,
    _ container: Container<Graph>, change: @escaping (Graph, Int) -> Void
  ) throws -> Double {
    let from = [UInt8](repeating: 1, count: bytes)
    var to = [UInt8](repeating: 2, count: bytes)
    let contest = Contest("stall of persist(): \(title)")
    contest.add("floor: memcpy of as many bytes") { lap in
      lap.time {
        to.withUnsafeMutableBytes { into in
          from.withUnsafeBytes { into.copyMemory(from: $0) }
        }
      }
      return UInt64(to[bytes / 2])
    }
    if chunks > 0 { addColdChunks(contest, chunks) }
    contest.add("stall") { lap in
      container.update { change($0, lap.round + 100) }
      let point = try container.persist()
      try point.wait()
      lap.add(nanoseconds: nanoseconds(point.statistics.stall))
      lap.count("dirty chunks", Double(point.statistics.dirtyChunks))
      lap.count("members scanned", Double(point.statistics.objectsScanned))
      return UInt64(point.statistics.dirtyChunks)
    }
    let table = try contest.run(
      rounds: report.size.pick(smoke: 2, quick: 20, full: 60), warmUp: 2, in: report)
    return table.median("stall") ?? .infinity
  }

  /// What a point must copy at least, if each of its scattered writes is to another chunk.
  private static func addColdChunks(_ contest: Contest, _ chunks: Int) {
    let chunk = 16 << 10
    let all = 4096
    let from = [UInt8](repeating: 1, count: all * chunk)
    var to = [UInt8](repeating: 2, count: chunks * chunk)
    contest.add("floor: \(chunks) scattered chunks copied") { lap in
      lap.time {
        to.withUnsafeMutableBytes { into in
          from.withUnsafeBytes { from in
            for index in 0..<chunks {
              let place = (index &* 7_919_017 &+ lap.round &* 104_729) & (all - 1)
              UnsafeMutableRawBufferPointer(rebasing: into[(index * chunk)...])
                .copyMemory(
                  from: UnsafeRawBufferPointer(rebasing: from[(place * chunk)...].prefix(chunk)))
            }
          }
        }
      }
      return UInt64(to[chunks * chunk / 2])
    }
  }

  private static func scatteredWrites(_ report: BenchmarkReport) throws {
    let folder = try ScratchFolder()
    let (store, container) = try opened(folder, report)
    let stalled = try stall(
      report, "16 scattered writes in \(size(report))", copying: 64 << 10, chunks: 16, container
    ) {
      graph, round in
      for index in 0..<16 {
        let place = (index &* 7_919_017 &+ round &* 104_729) % graph.items.count
        graph.items[place].count += 1
      }
    }
    try store.close()
    report.judge(
      target: 3, "stall, 16 scattered writes in \(size(report))", stalled, atMost: 50, "µs")
    guard report.size == .full else { return }
    let large = try ScratchFolder()
    let (largeStore, largeContainer) = try opened(large, report, items: 1_000, blobs: 4096)
    let cold = try stall(
      report, "16 scattered writes in 4 GiB", copying: 64 << 10, chunks: 16, largeContainer
    ) { graph, round in
      for index in 0..<16 {
        let blob = (index &* 257 &+ round &* 31) & 4095
        graph.blobs[blob][(round &* 4099) & 0xfffff] &+= 1
      }
    }
    try largeStore.close()
    report.judge(target: 3, "stall, 16 scattered writes in 4 GiB", cold, atMost: 400, "µs")
  }

  private static func smallObjects(_ report: BenchmarkReport) throws {
    let folder = try ScratchFolder()
    let (store, container) = try opened(folder, report)
    // An item and its name take 112 bytes of the arena.
    let count = (4 << 20) / 112
    let stalled = try stall(report, "4 MiB of small objects", copying: 4 << 20, container) {
      graph, round in
      let first = round &* 50_021 % max(1, graph.items.count - count)
      for item in graph.items[first..<min(graph.items.count, first + count)] { item.count += 1 }
    }
    try store.close()
    report.judge(target: 3, "stall, 4 MiB of small objects dirty", stalled / 1e3, atMost: 2.5, "ms")
  }

  /// Reading everything after a point, and the point that follows.
  private static func unchanged(_ report: BenchmarkReport) throws {
    let folder = try ScratchFolder()
    let count = report.size.pick(smoke: 2_000, quick: 200_000, full: 1_000_000)
    let (store, container) = try opened(folder, report, items: count)
    let plain = Graph()
    plain.fill(items: count, blobs: 0)
    let contest = Contest("walk of \(count) objects", unit: .milliseconds, clock: .processor)
    contest.add("floor: plain heap") { lap in lap.time { plain.walk() } }
    contest.add("the first after a point") { lap in
      container.update { $0.items[0].count += 1 }
      try container.persistAndWait()
      return lap.time { container.read { $0.walk() } }
    }
    contest.add("the second") { lap in
      container.update { $0.items[0].count += 1 }
      try container.persistAndWait()
      _ = container.read { $0.walk() }
      let hash = lap.time { container.read { $0.walk() } }
      let point = try container.persist()
      try point.wait()
      lap.count("bytes of the next point", Double(point.statistics.writtenBytes))
      return hash
    }
    let table = try contest.run(
      rounds: report.size.rounds, warmUp: report.size.warmUp, in: report)
    try store.close()
    report.judge(
      target: 7, "first walk after a point", table.rows[1].ratio ?? .infinity, atMost: 1.5,
      "× plain")
    report.judge(
      target: 7, "second walk", table.rows[2].ratio ?? .infinity, atMost: 1.02, "× plain")
    report.judge(
      target: 7, "point after reading only: written",
      table.rows[2].count("bytes of the next point") ?? .infinity, atMost: 0, "bytes")
  }
}
