// What is compared, and how: contestants that do the same work in turn, A B A B.
//
// 1. A round runs every contestant once, each time beginning with another one; rounds of warm-up
//    are not counted. So what else the machine does falls on all alike.
// 2. Only what a body runs in `Lap.time` is timed; what it prepares is not.
// 3. A body returns a hash of its result, which is printed: nothing can be optimised away unseen.

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// How long what a table measures lasts: figures of different kinds never share a table.
public enum Durability: String, Codable, Sendable {
  case durable, buffered, memory
}

/// Which clock runs. Processor time leaves out what others on the machine take, and all waiting.
public enum StopwatchKind: String, Codable, Sendable {
  case wall, processor

  public func nanoseconds() -> Double {
    var time = timespec()
    clock_gettime(self == .wall ? CLOCK_MONOTONIC : CLOCK_PROCESS_CPUTIME_ID, &time)
    return Double(time.tv_sec) * 1e9 + Double(time.tv_nsec)
  }
}

/// One contestant's part of one round.
public final class Lap {
  let clock: StopwatchKind
  public private(set) var nanoseconds = 0.0
  public private(set) var counts: [String: Double] = [:]
  /// Which round this is; those of warm-up are negative.
  public let round: Int

  init(clock: StopwatchKind, round: Int) {
    self.clock = clock
    self.round = round
  }

  @discardableResult
  public func time<Result>(_ body: () throws -> Result) rethrows -> Result {
    let faults = Self.pageFaults()
    let start = clock.nanoseconds()
    let result = try body()
    nanoseconds += clock.nanoseconds() - start
    let more = Self.pageFaults() - faults
    if more > 0 { count("page faults", more) }
    return result
  }

  /// Of the whole process, so far: first writes to fresh, frozen or watched pages among them.
  private static func pageFaults() -> Double {
    var usage = rusage()
    #if canImport(Glibc)
      getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    #else
      getrusage(RUSAGE_SELF, &usage)
    #endif
    return Double(usage.ru_minflt + usage.ru_majflt)
  }

  /// A time that was measured elsewhere: by a child process, or by the library itself.
  public func add(nanoseconds more: Double) { nanoseconds += more }

  /// A lap of the same contest that has another number.
  public convenience init(like lap: Lap, round: Int) {
    self.init(clock: lap.clock, round: round)
  }

  /// The time and the counts of another lap.
  public func take(_ other: Lap) {
    nanoseconds += other.nanoseconds
    counts.merge(other.counts, uniquingKeysWith: +)
  }

  /// Something counted beside the time: bytes, flushes, faults.
  public func count(_ name: String, _ amount: Double) {
    counts[name, default: 0] += amount
  }
}

/// Things that do the same work, to be run in turn.
public final class Contest {
  public typealias Body = (Lap) throws -> UInt64

  private struct Contestant {
    let name: String
    let operations: Int
    let body: Body
    var samples: [Double] = []
    var counts: [String: Double] = [:]
    var hash: UInt64 = 0
  }

  private let title: String
  private let unit: TimeUnit
  private let durability: Durability
  private let clock: StopwatchKind
  private var contestants: [Contestant] = []

  /// The first contestant added is the one that all others are held against.
  public init(
    _ title: String, unit: TimeUnit = .microseconds, durability: Durability = .memory,
    clock: StopwatchKind = .wall
  ) {
    self.title = title
    self.unit = unit
    self.durability = durability
    self.clock = clock
  }

  /// `operations`: what one lap is divided by.
  public func add(_ name: String, operations: Int = 1, _ body: @escaping Body) {
    contestants.append(Contestant(name: name, operations: max(1, operations), body: body))
  }

  /// Runs everybody, and adds the table to the report.
  @discardableResult
  public func run(
    rounds: Int, warmUp: Int = 2, isDetail: Bool = false, in report: BenchmarkReport
  ) throws -> BenchmarkTable {
    for round in -warmUp..<max(1, rounds) {
      report.progress("\(title): round \(round + 1) of \(rounds)")
      for place in contestants.indices {
        let index = (place + round + warmUp) % contestants.count
        let lap = Lap(clock: clock, round: round)
        let hash = try contestants[index].body(lap)
        guard round >= 0 else { continue }
        contestants[index].hash = contestants[index].hash &* 31 &+ hash
        contestants[index].samples.append(
          lap.nanoseconds / Double(contestants[index].operations) / unit.nanoseconds)
        for (name, amount) in lap.counts {
          contestants[index].counts[name, default: 0] += amount
        }
      }
    }
    let base = Figure(contestants.first?.samples ?? []).median
    let rows = contestants.map { contestant in
      let figure = Figure(contestant.samples)
      return BenchmarkRow(
        name: contestant.name, figure: figure, ratio: base > 0 ? figure.median / base : nil,
        counts: contestant.counts.sorted { $0.key < $1.key }.map {
          .init(name: $0.key, perLap: $0.value / Double(contestant.samples.count))
        },
        hash: contestant.hash)
    }
    return report.add(
      BenchmarkTable(
        title: title, unit: unit.rawValue, durability: durability, clock: clock, rows: rows,
        isDetail: isDetail))
  }
}

public enum TimeUnit: String, Codable, Sendable {
  case nanoseconds = "ns"
  case microseconds = "µs"
  case milliseconds = "ms"

  var nanoseconds: Double {
    switch self {
    case .nanoseconds: 1
    case .microseconds: 1e3
    case .milliseconds: 1e6
    }
  }
}
