// What the cells of the microbenchmark say together.

import Foundation
import SoftPMBenchmarking

struct MicroSummary {
  let cells: [MicroCell]

  func add(to report: BenchmarkReport) {
    effect(report, "structure", awaited: true) { $0.structure.rawValue }
    effect(report, "size", awaited: true) { "\($0.elements) elements" }
    effect(report, "locality", awaited: true) { $0.locality.rawValue }
    effect(report, "share updated", awaited: true) { "\($0.percent) %" }
    effect(report, "driver", awaited: true) { "\($0.driver)" }
    effect(report, "number of containers", awaited: true) { "\($0.containers)" }
    effect(report, "waiting", awaited: nil) {
      $0.isAwaited ? "until durable" : "until persist() returns"
    }
    parts(report)
  }

  /// A row for each value of one axis: the spread of its cells' medians, and how it compares with
  /// the first value where all else is equal (the geometric mean of those ratios).
  private func effect(
    _ report: BenchmarkReport, _ axis: String, awaited: Bool?, _ value: (MicroCell) -> String
  ) {
    var names: [String] = []
    var medians: [String: [Double]] = [:]
    for cell in cells where awaited == nil || cell.isAwaited == awaited {
      guard let row = cell.row else { continue }
      if !names.contains(value(cell)) { names.append(value(cell)) }
      // Cells are made in the same order of all other axes for each value.
      medians[value(cell), default: []].append(row.figure.median)
    }
    guard let base = names.first.flatMap({ medians[$0] }) else { return }
    let rows = names.map { name in
      let these = medians[name] ?? []
      let logarithms = zip(these, base).map { log(max($0, 0.001) / max($1, 0.001)) }
      return BenchmarkRow(
        name: name, figure: Figure(these),
        ratio: exp(logarithms.reduce(0, +) / Double(max(1, logarithms.count))),
        counts: [.init(name: "cells", perLap: Double(these.count))], hash: 0)
    }
    report.add(
      BenchmarkTable(
        title: "micro: effect of the \(axis), over all cells", unit: "µs", durability: .durable,
        clock: .wall, rows: rows))
  }

  /// What a durable point is made of, for the larger size in one container.
  private func parts(_ report: BenchmarkReport) {
    let most = cells.map(\.elements).max()
    let chosen = cells.filter {
      $0.elements == most && $0.containers == 1 && $0.isAwaited && $0.driver == .uring
    }
    for percent in [1, 10] {
      report.add(
        BenchmarkTable(
          title: "micro: parts of a durable point, \(most ?? 0) elements, \(percent) % updated",
          unit: "µs", durability: .durable, clock: .wall,
          rows: chosen.filter { $0.percent == percent }.compactMap { cell in
            cell.row.map {
              BenchmarkRow(
                name: "\(cell.structure.rawValue), \(cell.locality.rawValue)", figure: $0.figure,
                ratio: nil, counts: $0.counts, hash: $0.hash)
            }
          }))
    }
  }
}
