// Measures the library: its layers, and as a program would use it.
//
//   softpm-bench [heap | types | tracking | store | points | restore | micro | peers | space |
//                 memory | effort | all] …
//                [--smoke | --quick] [--json <file>] [--compare <older file>]
//
// Contestants run in turn, A B A B; a table gives medians, the middle half of the samples, all of
// them, the ratio to the first line, and what was counted; the end says which targets are met.

import Foundation
import HeapWorkloads
import SoftPMBenchmarking

struct Invocation {
  var size = BenchmarkSize.full
  var subcommands: [String] = []
  var json: String?
  var older: String?

  init(_ arguments: [String]) {
    var rest = arguments[...]
    while let word = rest.popFirst() {
      switch word {
      case "--smoke": size = .smoke
      case "--quick": size = .quick
      case "--json":
        guard let file = rest.popFirst() else { Self.refuse("--json needs a file's name") }
        json = file
      case "--compare":
        guard let file = rest.popFirst() else { Self.refuse("--compare needs an older run's file") }
        older = file
      case "all": subcommands += Self.known.map(\.name)
      default:
        guard Self.known.contains(where: { $0.name == word }) else {
          let names = Self.known.map(\.name).joined(separator: ", ")
          Self.refuse(
            "there is no \"\(word)\"; there are: \(names), all, --smoke, --quick, "
              + "--json, --compare")
        }
        subcommands.append(word)
      }
    }
    if subcommands.isEmpty { subcommands = Self.known.map(\.name) }
  }

  static let known: [(name: String, run: @Sendable (BenchmarkReport) throws -> Void)] = [
    ("heap", { try HeapBenchmark.run($0) }),
    ("types", { try LayerBenchmarks.types($0) }),
    ("tracking", { try LayerBenchmarks.tracking($0) }),
    ("store", { try LayerBenchmarks.store($0, peers: [.sqlite, .lmdb]) }),
    ("points", { try PointsBenchmark.run($0) }),
    ("restore", { try RestoreBenchmark.run($0) }),
    ("micro", { try MicroBenchmark.run($0) }),
    ("peers", { try PeersBenchmark.run($0) }),
    ("space", { try SpaceBenchmark.run($0) }),
    ("memory", { try MemoryBenchmark.run($0) }),
    ("effort", { try EffortBenchmark.run($0) }),
  ]

  static func refuse(_ message: String) -> Never {
    FileHandle.standardError.write(Data("softpm-bench: \(message)\n".utf8))
    exit(2)
  }

  func run() throws {
    let before = try older.map { try Compare.load($0) }
    let report = BenchmarkReport(size: size)
    let chosen = Self.known.filter { subcommands.contains($0.name) }
    for (place, (name, run)) in chosen.enumerated() {
      report.part = "\(place + 1)/\(chosen.count) \(name): "
      do { try run(report) } catch { throw BenchmarkFailure("\(name): \(error)") }
    }
    report.finish()
    print(report.text)
    if let before { print(Compare.text(report, with: before)) }
    guard let json else { return }
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
    try encoder.encode(report).write(to: URL(filePath: json))
  }
}

let arguments = Array(CommandLine.arguments.dropFirst())
if arguments.first == "heap-contestant" {
  if arguments.last == "scope" {
    try LayerBenchmarks.inArenaScope { serveHeapWorkloads() }
  } else {
    serveHeapWorkloads()
  }
  exit(0)
}
if arguments.first == "memory-contestant" {
  try MemoryBenchmark.serve(Array(arguments.dropFirst()))
  exit(0)
}
if arguments.first == "dump-contestant" {
  DumpPeer.serve(Array(arguments.dropFirst()))
  exit(0)
}
do {
  try Invocation(arguments).run()
} catch {
  Invocation.refuse("\(error)")
}
