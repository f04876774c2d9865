// What a container costs in memory beside its objects, and what a first point needs while it is in
// flight: in processes of their own, over the same graph on a plain heap.

import CPeers
import Containers
import Foundation
import SoftPMBenchmarking

enum MemoryBenchmark {
  static func run(_ report: BenchmarkReport) throws {
    try steady(report)
    try peak(report)
  }

  private static func contestant(_ words: [String]) throws -> HeapContestant {
    let ours = URL(filePath: CommandLine.arguments[0]).resolvingSymlinksInPath()
    return try HeapContestant(ours, ["memory-contestant"] + words)
  }

  /// Resident memory of a million small objects: plain, and in a container after points; the copy
  /// pool, which the container tells of, apart.
  private static func steady(_ report: BenchmarkReport) throws {
    let objects = report.size.pick(smoke: 2_000, quick: 200_000, full: 1_000_000)
    var samples: [[Double]] = [[], [], []]
    for _ in 0..<report.size.pick(smoke: 1, quick: 2, full: 3) {
      report.progress("memory of \(objects) objects")
      samples[0] += try contestant(["plain"]).ask("\(objects) 0")
      let folder = try ScratchFolder()
      let answer = try contestant(["container", folder.file("memory.softpm")]).ask("\(objects) 0")
      guard answer.count == 2 else {
        throw BenchmarkFailure("memory: a contestant gave no figures")
      }
      samples[1].append(answer[0] - answer[1])
      samples[2].append(answer[1])
    }
    let table = add(
      report, "memory: resident, \(objects) objects",
      [
        ("plain heap", samples[0]), ("container after points, copy pool apart", samples[1]),
        ("copy pool", samples[2]),
      ])
    report.judge(
      target: 13, "steady state, copy pool apart", table.rows[1].ratio ?? .infinity, atMost: 1.1,
      "× plain")
    report.note(
      target: 13, "copy pool", "\(decimal(table.rows[2].figure.median / 1024, 1)) MiB")
  }

  /// The most that was resident while the first point was under way, above what was before.
  private static func peak(_ report: BenchmarkReport) throws {
    let mebibytes = report.size.pick(smoke: 2, quick: 64, full: 1024)
    var samples: [[Double]] = [[], []]
    for _ in 0..<report.size.pick(smoke: 1, quick: 2, full: 3) {
      report.progress("peak memory of a first point of \(mebibytes) MiB")
      let folder = try ScratchFolder()
      let answer = try contestant(["peak", folder.file("peak.softpm")]).ask("\(mebibytes) 0")
      guard answer.count == 2 else {
        throw BenchmarkFailure("memory: a contestant gave no figures")
      }
      samples[0].append(answer[0])
      samples[1].append(answer[1])
    }
    let table = add(
      report, "memory: a first point of \(mebibytes) MiB",
      [("resident before it", samples[0]), ("more at most, while it was under way", samples[1])])
    report.judge(
      target: 13, "first point of \(mebibytes) MiB: buffers at most",
      table.rows[1].figure.median / 1024, atMost: 64, "MiB")
    report.leaveOpen(
      target: 13, "memory of a restored container under a limit", bound: "–",
      because: "limits need lazy restore, not built")
  }

  private static func add(
    _ report: BenchmarkReport, _ title: String, _ rows: [(String, [Double])]
  ) -> BenchmarkTable {
    let base = Figure(rows[0].1).median
    return report.add(
      BenchmarkTable(
        title: title, unit: "KiB", durability: .memory, clock: .wall,
        rows: rows.map { name, values in
          let figure = Figure(values)
          return BenchmarkRow(
            name: name, figure: figure, ratio: figure.median / base, counts: [], hash: 0)
        }))
  }

  // MARK: The other side

  /// Answers one request.
  static func serve(_ arguments: [String]) throws {
    guard let kind = arguments.first, let line = readLine(),
      let size = line.split(separator: " ").first.flatMap({ Int($0) })
    else { return }
    let numbers: [Int] =
      switch kind {
      case "plain": plain(size)
      case "container": try container(size, arguments[1])
      default: try firstPoint(size, arguments[1])
      }
    print(numbers.map(String.init).joined(separator: " "))
    fflush(nil)
  }

  private static func plain(_ objects: Int) -> [Int] {
    let before = resident()
    let graph = Graph()
    graph.fill(items: objects, blobs: 0)
    let after = resident()
    return withExtendedLifetime(graph) { [after - before] }
  }

  private static func container(_ objects: Int, _ path: String) throws -> [Int] {
    let before = resident()
    let store = try Store.open(path)
    let container = try store.container("graph", initial: Graph())
    container.update { $0.fill(items: objects, blobs: 0) }
    try container.persistAndWait()
    var zipf = Zipf(objects, exponent: 0)
    for _ in 0..<20 {
      container.update { graph in
        for _ in 0..<16 { graph.items[zipf.next()].count += 1 }
      }
      try container.persistAndWait()
    }
    // What the allocator of C keeps of buffers that are gone is not the container's.
    peers_give_back()
    return [resident() - before, container.statistics.copyPoolBytes / 1024]
  }

  private static func firstPoint(_ mebibytes: Int, _ path: String) throws -> [Int] {
    let store = try Store.open(path)
    let container = try store.container("graph", initial: Graph())
    container.update { $0.fill(items: mebibytes * 1_000, blobs: mebibytes * 7 / 8) }
    let before = resident()
    // Makes the high-water mark what is resident now.
    let file = open("/proc/self/clear_refs", O_WRONLY)
    guard file >= 0, write(file, "5", 1) == 1 else {
      throw BenchmarkFailure("the kernel does not forget the most that was resident")
    }
    close(file)
    try container.persistAndWait()
    return [before, status("VmHWM:") - before]
  }

  private static func resident() -> Int { status("VmRSS:") }

  /// In KiB.
  private static func status(_ field: String) -> Int {
    guard let text = try? String(contentsOfFile: "/proc/self/status", encoding: .utf8) else {
      return 0
    }
    for line in text.split(separator: "\n") where line.hasPrefix(field) {
      return line.split(whereSeparator: { $0 == " " || $0 == "\t" }).compactMap { Int($0) }.first
        ?? 0
    }
    return 0
  }
}
