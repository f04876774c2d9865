// The developer's effort, in lines: counted between the marks of softpm-effort's sources, whose
// programs are run here too, and must agree in what they wrote and read.
//
// A line counts unless it is empty or a comment only; a brace alone counts, on both sides.

import Foundation
import SoftPMBenchmarking

enum EffortBenchmark {
  private static let structures = ["string", "array", "list", "table", "tree"]
  private static let ways = ["by-hand", "containers"]

  static func run(_ report: BenchmarkReport) throws {
    try runPrograms(report)
    let lines = try count()
    var rows: [BenchmarkRow] = []
    func lineCount(_ structure: String, _ way: String, _ step: String) throws -> Double {
      guard let found = lines["\(structure) \(way) \(step)"] else {
        throw BenchmarkFailure("effort: no lines are marked \(structure) \(way) \(step)")
      }
      return Double(found)
    }
    func row(_ name: String, _ persist: Double, _ restore: Double) {
      rows.append(
        BenchmarkRow(
          name: name, figure: Figure([persist + restore]), ratio: nil,
          counts: [
            .init(name: "persist", perLap: persist), .init(name: "restore", perLap: restore),
          ],
          hash: 0))
    }
    for structure in structures {
      for way in ways {
        row(
          "\(structure), \(way)", try lineCount(structure, way, "persist"),
          try lineCount(structure, way, "restore"))
      }
    }
    row(
      "shared by all five by hand, not in the above", try lineCount("shared", "by-hand", "persist"),
      try lineCount("shared", "by-hand", "restore"))
    report.add(
      BenchmarkTable(
        title: "effort: lines to persist and to restore", unit: "lines", durability: .durable,
        clock: .wall, rows: rows))
    for (step, bound) in [("persist", 2.0), ("restore", 1.0)] {
      let most = try structures.map { try lineCount($0, "containers", step) }.max() ?? .infinity
      report.judgeCount(
        target: 0, "effort: lines to \(step), at most of five structures", most, atMost: bound,
        "lines")
    }
  }

  /// By the marks `// effort begin: <structure> <way> <step>` and `// effort end`.
  private static func count() throws -> [String: Int] {
    let folder = URL(filePath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().appending(path: "softpm-effort")
    var lines: [String: Int] = [:]
    for file in try FileManager.default.contentsOfDirectory(atPath: folder.path()).sorted() {
      guard file.hasSuffix(".swift") else { continue }
      let text = try String(contentsOf: folder.appending(path: file), encoding: .utf8)
      var region: String?
      for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
        let words = line.drop { $0 == " " }
        if words.hasPrefix("// effort begin: ") {
          guard region == nil else { throw BenchmarkFailure("\(file): marks within marks") }
          region = String(words.dropFirst("// effort begin: ".count))
        } else if words.hasPrefix("// effort end") {
          guard region != nil else { throw BenchmarkFailure("\(file): an end without a beginning") }
          region = nil
        } else if let region, !words.isEmpty, !words.hasPrefix("//") {
          lines[region, default: 0] += 1
        }
      }
      guard region == nil else { throw BenchmarkFailure("\(file): \(region ?? "") has no end") }
    }
    return lines
  }

  /// Each program writes in one process and reads in another; all four hashes must be one.
  private static func runPrograms(_ report: BenchmarkReport) throws {
    let folder = try ScratchFolder()
    let program = URL(filePath: CommandLine.arguments[0]).resolvingSymlinksInPath()
      .deletingLastPathComponent().appending(path: "softpm-effort")
    for structure in structures {
      var hashes: Set<String> = []
      for way in ways {
        for step in ["write", "read"] {
          report.progress("effort: \(structure), \(way), \(step)")
          hashes.insert(
            try output(program, [structure, way, step, folder.file("\(structure)-\(way)")]))
        }
      }
      guard hashes.count == 1 else {
        throw BenchmarkFailure("effort: the ways to keep a \(structure) give different contents")
      }
    }
  }

  private static func output(_ program: URL, _ arguments: [String]) throws -> String {
    let process = Process()
    let pipe = Pipe()
    process.executableURL = program
    process.arguments = arguments
    process.standardOutput = pipe
    try process.run()
    let data = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    let text = String(decoding: data, as: UTF8.self)
    guard process.terminationStatus == 0 else {
      throw BenchmarkFailure("softpm-effort \(arguments.joined(separator: " ")): \(text)")
    }
    return text
  }
}
