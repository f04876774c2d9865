// Two runs side by side: what became faster or slower by more than the runs' own spread.

import Foundation
import SoftPMBenchmarking

enum Compare {
  /// Lines for rows whose middle halves do not overlap; the rest is counted.
  static func text(_ new: BenchmarkReport, with old: BenchmarkReport) -> String {
    var lines = ["", "==== compared with the older run"]
    if old.size != new.size { lines.append("the older run's sizes were \(old.size.rawValue)") }
    var alike = 0
    for table in new.tables {
      guard let before = old.tables.first(where: { $0.title == table.title }) else { continue }
      for row in table.rows {
        guard let then = before.rows.first(where: { $0.name == row.name }),
          then.figure.median > 0
        else { continue }
        let isApart =
          row.figure.lowerQuartile > then.figure.upperQuartile
          || row.figure.upperQuartile < then.figure.lowerQuartile
        guard isApart else {
          alike += 1
          continue
        }
        let ratio = row.figure.median / then.figure.median
        lines.append(
          "  \(decimal(ratio, 2)) ×  \(table.title), \(row.name): "
            + "\(decimal(then.figure.median, 2)) → \(decimal(row.figure.median, 2)) \(table.unit)")
      }
    }
    lines.append("  \(alike) rows differ by no more than their own spread")
    return lines.joined(separator: "\n")
  }

  static func load(_ path: String) throws -> BenchmarkReport {
    let data = try Data(contentsOf: URL(filePath: path))
    return try JSONDecoder().decode(BenchmarkReport.self, from: data)
  }
}
