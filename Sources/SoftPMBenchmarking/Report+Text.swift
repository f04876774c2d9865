// The report as a person reads it.

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

extension BenchmarkReport {
  public var text: String {
    clearProgress()
    var lines = machine.lines
    lines.append("size      \(size.rawValue)\(size == .smoke ? ": figures mean nothing" : "")")
    for durability in [Durability.memory, .buffered, .durable] {
      let some = tables.filter { $0.durability == durability && !$0.isDetail }
      guard !some.isEmpty else { continue }
      lines.append("")
      lines.append("==== \(durability.heading)")
      for table in some { lines += table.lines }
    }
    let details = tables.count { $0.isDetail }
    if details > 0 {
      lines += ["", "\(details) tables of single cells are in the --json file only"]
    }
    lines += verdictLines
    lines.append("\(decimal(seconds, 0)) s in all")
    return lines.joined(separator: "\n")
  }

  private var verdictLines: [String] {
    guard !verdicts.isEmpty else { return [] }
    var lines = ["", "==== targets"]
    lines.append(
      padded("#", 4) + padded("what", 58) + padded("measured", 28) + padded("bound", 22) + "verdict"
    )
    for verdict in verdicts.sorted(by: { $0.target < $1.target }) {
      lines.append(
        padded(verdict.target == 0 ? "–" : "\(verdict.target)", 4) + padded(verdict.what, 58)
          + padded(verdict.measured, 28)
          + padded(verdict.bound, 22) + verdict.outcome.rawValue)
    }
    let missed = verdicts.count { $0.outcome == .missed }
    let open = verdicts.count { $0.outcome == .open }
    let met = verdicts.count { $0.outcome == .met }
    lines.append("\(met) met, \(missed) missed, \(open) open, of \(verdicts.count)")
    return lines
  }
}

extension Durability {
  var heading: String {
    switch self {
    case .durable: "durable: on the disk when the call returns"
    case .buffered: "buffered: handed to the kernel, lost with the power"
    case .memory: "memory only"
    }
  }
}

extension BenchmarkTable {
  /// Name, median, the middle half of the samples, all of them, the ratio to the first row, counts.
  var lines: [String] {
    var lines = ["", "\(title)  [\(unit), \(clock.rawValue) clock]"]
    for row in rows {
      let figure = row.figure
      var line = "  " + padded(row.name, 44) + padded(short(figure.median), 10, fromRight: true)
      line += padded("  (\(short(figure.lowerQuartile)) … \(short(figure.upperQuartile)))", 24)
      line += padded("\(short(figure.least)) … \(short(figure.most))", 22)
      line += row.ratio.map { padded("\(decimal($0, 2)) ×", 9, fromRight: true) } ?? ""
      for count in row.counts { line += "   \(count.name) \(short(count.perLap))" }
      lines.append(line + "   #" + String(row.hash % 0xffff, radix: 16))
    }
    return lines
  }
}

func padded(_ text: String, _ width: Int, fromRight: Bool = false) -> String {
  let spaces = String(repeating: " ", count: max(fromRight ? 0 : 1, width - text.count))
  return fromRight ? spaces + text : text + spaces
}

/// Three digits or so.
func short(_ value: Double) -> String {
  decimal(value, abs(value) >= 100 ? 0 : abs(value) >= 10 ? 1 : 2)
}

/// `value` with so many decimals, and thousands apart.
public func decimal(_ value: Double, _ decimals: Int) -> String {
  guard value.isFinite, abs(value) < 1e15 else { return "\(value)" }
  var scale = 1.0
  for _ in 0..<decimals { scale *= 10 }
  let scaled = Int((abs(value) * scale).rounded())
  var whole = ""
  for (place, digit) in String(scaled / Int(scale)).reversed().enumerated() {
    if place > 0, place.isMultiple(of: 3) { whole = "," + whole }
    whole = String(digit) + whole
  }
  let sign = value < 0 && scaled != 0 ? "-" : ""
  guard decimals > 0 else { return sign + whole }
  let rest = String(scaled % Int(scale))
  return sign + whole + "." + String(repeating: "0", count: decimals - rest.count) + rest
}

func showProgress(_ text: String) {
  guard isatty(2) == 1 else { return }
  let line = Array("\r\u{1b}[K\(text)".utf8)
  _ = write(2, line, line.count)
}

func clearProgress() { showProgress("") }
