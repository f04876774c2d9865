// What a run of the benchmarks found: tables, verdicts, and on what machine.

/// The median of some samples, and how far they lie apart.
public struct Figure: Codable, Sendable {
  public let median, lowerQuartile, upperQuartile, least, most: Double
  public let samples: Int

  public init(_ values: [Double]) {
    let sorted = values.sorted()
    func at(_ share: Double) -> Double {
      sorted.isEmpty ? 0 : sorted[min(sorted.count - 1, Int(share * Double(sorted.count)))]
    }
    median = at(0.5)
    lowerQuartile = at(0.25)
    upperQuartile = at(0.75)
    least = sorted.first ?? 0
    most = sorted.last ?? 0
    samples = sorted.count
  }
}

/// One contestant's line.
public struct BenchmarkRow: Codable, Sendable {
  public struct Count: Codable, Sendable {
    public let name: String
    public let perLap: Double

    public init(name: String, perLap: Double) {
      self.name = name
      self.perLap = perLap
    }
  }

  public let name: String
  public let figure: Figure
  /// To the median of the table's first row.
  public let ratio: Double?
  public let counts: [Count]
  /// Of what was computed, over all counted rounds.
  public let hash: UInt64

  public init(name: String, figure: Figure, ratio: Double?, counts: [Count], hash: UInt64) {
    self.name = name
    self.figure = figure
    self.ratio = ratio
    self.counts = counts
    self.hash = hash
  }

  public func count(_ name: String) -> Double? { counts.first { $0.name == name }?.perLap }
}

public struct BenchmarkTable: Codable, Sendable {
  public let title, unit: String
  public let durability: Durability
  public let clock: StopwatchKind
  public let rows: [BenchmarkRow]
  /// One of very many: kept in the JSON, and only counted in the text.
  public let isDetail: Bool

  public init(
    title: String, unit: String, durability: Durability, clock: StopwatchKind,
    rows: [BenchmarkRow], isDetail: Bool = false
  ) {
    self.isDetail = isDetail
    self.title = title
    self.unit = unit
    self.durability = durability
    self.clock = clock
    self.rows = rows
  }

  public func median(_ name: String) -> Double? {
    rows.first { $0.name == name }?.figure.median
  }
}

/// What TARGETS asks for, and whether this run shows it.
public struct Verdict: Codable, Sendable {
  public enum Outcome: String, Codable, Sendable {
    case met, missed
    /// The run was too small to tell.
    case unjudged
    /// What it needs is not built yet.
    case open
    /// Asked for without a bound.
    case printed
  }

  /// Its number in the table of targets; 0 for what a layer asks of itself.
  public let target: Int
  public let what, measured, bound: String
  public let outcome: Outcome
}

public final class BenchmarkReport: Codable {
  public private(set) var machine: Machine
  public let size: BenchmarkSize
  public private(set) var tables: [BenchmarkTable] = []
  public private(set) var verdicts: [Verdict] = []

  public init(size: BenchmarkSize) {
    self.size = size
    machine = Machine.current()
  }

  /// Which part of the run this is, for the progress line.
  public var part = ""
  private let started = StopwatchKind.wall.nanoseconds()

  private enum CodingKeys: String, CodingKey { case machine, size, tables, verdicts, seconds }

  @discardableResult
  public func add(_ table: BenchmarkTable) -> BenchmarkTable {
    tables.append(table)
    return table
  }

  public func judge(
    target: Int, _ what: String, _ measured: Double, atMost bound: Double, _ unit: String
  ) {
    verdicts.append(
      Verdict(
        target: target, what: what, measured: "\(decimal(measured, 2)) \(unit)",
        bound: "≤ \(decimal(bound, 2)) \(unit)", outcome: outcome(measured <= bound)))
  }

  public func judge(
    target: Int, _ what: String, _ measured: Double, atLeast bound: Double, _ unit: String
  ) {
    verdicts.append(
      Verdict(
        target: target, what: what, measured: "\(decimal(measured, 2)) \(unit)",
        bound: "≥ \(decimal(bound, 2)) \(unit)", outcome: outcome(measured >= bound)))
  }

  /// What is counted and does not depend on the run's size: judged in the smallest too.
  public func judgeCount(
    target: Int, _ what: String, _ measured: Double, atMost bound: Double, _ unit: String
  ) {
    verdicts.append(
      Verdict(
        target: target, what: what, measured: "\(decimal(measured, 0)) \(unit)",
        bound: "≤ \(decimal(bound, 0)) \(unit)", outcome: measured <= bound ? .met : .missed))
  }

  private func outcome(_ holds: Bool) -> Verdict.Outcome {
    size == .smoke ? .unjudged : holds ? .met : .missed
  }

  /// A figure that a target asks for without a bound.
  public func note(target: Int, _ what: String, _ measured: String) {
    verdicts.append(
      Verdict(target: target, what: what, measured: measured, bound: "none", outcome: .printed))
  }

  /// A row that cannot be measured before something is built.
  public func leaveOpen(target: Int, _ what: String, bound: String, because reason: String) {
    verdicts.append(
      Verdict(target: target, what: what, measured: reason, bound: bound, outcome: .open))
  }

  /// Call it when everything has run: notes how busy the machine was by then.
  public func finish() {
    machine.loadAtEnd = Machine.load()
    seconds = elapsed
  }

  /// How long the whole run took.
  public private(set) var seconds = 0.0
  private var elapsed: Double { (StopwatchKind.wall.nanoseconds() - started) / 1e9 }

  /// One line on a terminal, overwritten by the next.
  public func progress(_ text: String) {
    showProgress("\(decimal(elapsed, 0)) s  \(part)\(text)")
  }
}

/// How much is measured. Smoke sizes prove only that the benchmarks run.
public enum BenchmarkSize: String, Codable, Sendable {
  case smoke, quick, full

  public func pick<Value>(smoke: Value, quick: Value, full: Value) -> Value {
    switch self {
    case .smoke: smoke
    case .quick: quick
    case .full: full
    }
  }

  public var rounds: Int { pick(smoke: 1, quick: 7, full: 15) }
  public var warmUp: Int { pick(smoke: 0, quick: 1, full: 2) }
}
