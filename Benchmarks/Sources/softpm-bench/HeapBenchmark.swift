// Allocation over glibc's malloc, in a program that links the library and never opens a container,
// and in a container's scope: three processes that run the same code in turn.

import Foundation
import HeapWorkloads
import SoftPMBenchmarking

enum HeapBenchmark {
  static func run(_ report: BenchmarkReport) throws {
    let programs = try contestants()
    for (number, workload) in HeapWorkload.all.enumerated() {
      let operations = max(
        100, workload.operations / report.size.pick(smoke: 100, quick: 3, full: 1))
      let contest = Contest("heap: \(workload.name)", unit: .nanoseconds, clock: .processor)
      for (name, program) in programs {
        contest.add(name, operations: operations) { lap in
          // Where a process's memory lies is luck, for caches and for hashes alike: so there are
          // several processes of each kind, of three rounds each and one before that is not counted.
          if lap.round % 3 == 0 {
            try program.restart()
            _ = try program.ask("\(number) \(operations)")
          }
          let answer = try program.ask("\(number) \(operations)")
          lap.add(nanoseconds: answer[0])
          return UInt64(answer[1])
        }
      }
      let table = try contest.run(
        rounds: report.size.pick(smoke: 2, quick: 9, full: 30), warmUp: 0, in: report)
      for (name, _) in programs.dropFirst() {
        guard let row = table.rows.first(where: { $0.name == name }), let ratio = row.ratio,
          row.hash == table.rows[0].hash
        else { throw BenchmarkFailure("\(workload.name): contestants differ in their results") }
        report.judge(target: 6, "\(workload.name), \(name)", ratio, atMost: 1.0, "× glibc")
      }
    }
    try memory(report)
  }

  private static func contestants() throws -> [(String, HeapContestant)] {
    let ours = URL(filePath: CommandLine.arguments[0]).resolvingSymlinksInPath()
    let plain = ours.deletingLastPathComponent().appending(path: "softpm-bench-glibc")
    return [
      ("glibc", try HeapContestant(plain, [])),
      ("no container", try HeapContestant(ours, ["heap-contestant", "nursery"])),
      ("in a scope", try HeapContestant(ours, ["heap-contestant", "scope"])),
    ]
  }

  /// Resident memory, in processes of their own.
  private static func memory(_ report: BenchmarkReport) throws {
    let objects = report.size.pick(smoke: 2_000, quick: 100_000, full: 300_000)
    var samples: [[String: [Double]]] = [[:], [:], [:]]
    for _ in 0..<report.size.pick(smoke: 1, quick: 3, full: 5) {
      for (name, program) in try contestants() {
        let answer = try program.ask("memory \(objects)")
        for step in 0..<3 { samples[step][name, default: []].append(answer[step]) }
      }
    }
    let steps = ["a graph was built", "a third of it was changed", "it was freed"]
    for (step, title) in steps.enumerated() {
      let base = Figure(samples[step]["glibc"] ?? []).median
      let rows = ["glibc", "no container", "in a scope"].map { name in
        let figure = Figure(samples[step][name] ?? [])
        return BenchmarkRow(
          name: name, figure: figure, ratio: figure.median / base, counts: [], hash: 0)
      }
      report.add(
        BenchmarkTable(
          title: "heap: resident memory after \(title)", unit: "KiB", durability: .memory,
          clock: .processor, rows: rows))
      guard step < 2 else { continue }
      for row in rows.dropFirst() {
        report.judge(
          target: 13, "heap alone, \(row.name), after \(title)", row.ratio ?? .infinity,
          atMost: 1.1, "× glibc")
      }
    }
  }
}

/// A child that runs workloads when it is told to.
final class HeapContestant {
  private let program: URL
  private let arguments: [String]
  private var process = Process()
  private var requests = Pipe()
  private var answers = Pipe()
  private var pending = Data()

  init(_ program: URL, _ arguments: [String]) throws {
    self.program = program
    self.arguments = arguments
    try start()
  }

  private func start() throws {
    process = Process()
    requests = Pipe()
    answers = Pipe()
    pending = Data()
    process.executableURL = program
    process.arguments = arguments
    process.standardInput = requests
    process.standardOutput = answers
    do { try process.run() } catch {
      throw BenchmarkFailure("\(program.path()) cannot be run: \(error)")
    }
  }

  private func stop() {
    try? requests.fileHandleForWriting.close()
    process.waitUntilExit()
  }

  func restart() throws {
    stop()
    try start()
  }

  /// The numbers of the answer.
  func ask(_ request: String) throws -> [Double] {
    requests.fileHandleForWriting.write(Data((request + "\n").utf8))
    while true {
      if let end = pending.firstIndex(of: UInt8(ascii: "\n")) {
        let words = String(decoding: pending[..<end], as: UTF8.self).split(separator: " ")
        pending = Data(pending[(end + 1)...])
        return words.compactMap { Double($0) }
      }
      let more = answers.fileHandleForReading.availableData
      guard !more.isEmpty else {
        throw BenchmarkFailure("\(process.executableURL?.path() ?? "a program") ended: \(request)")
      }
      pending += more
    }
  }

  deinit { stop() }
}
