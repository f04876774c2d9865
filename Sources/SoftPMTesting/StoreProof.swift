import Glibc
import SoftPMBase
import SoftPMStore

/// The proof that the store keeps its promises, in a size for every use: a sample for code built
/// for debugging, everything for optimised code.
package struct StoreProof {
  let isThorough: Bool
  /// Wider bounds: millions of states.
  let isDeep: Bool
  /// What was looked at, with counts.
  package internal(set) var report: [String] = []
  /// What went wrong, each line reproducing it.
  package internal(set) var failures: [String] = []

  package init(isThorough: Bool, isDeep: Bool = false) {
    self.isThorough = isThorough
    self.isDeep = isDeep
  }

  mutating func say(_ line: String) {
    report.append(line)
    if isThorough { print(line) }
    // Whoever watches a log of hours wants to see it grow.
    fflush(nil)
  }

  mutating func fail(_ line: String) {
    failures.append(line)
    if isThorough { print("FAILED:", line) }
  }

  /// Every crash state, within the bounds, of a workload for every ordered pair of operations.
  package mutating func pairs(from first: Int = 0, through last: Int = .max) {
    let bounds = isThorough ? (isDeep ? StoreCrashBounds() : .quick) : .smoke
    var check = StoreCrashCheck(deepEvery: isThorough ? 8 : 97)
    var workloads = 0
    let all = StoreOperation.paired
    for (row, one) in all.enumerated() {
      for (column, two) in all.enumerated() {
        let seed = row * all.count + column
        guard seed >= first, seed <= last, isThorough || seed == 16 else {
          continue
        }
        workloads += 1
        let operations: [StoreOperation] = [.create, one, two, .smallWrite]
        let name = "workload=" + operations.map(\.rawValue).joined(separator: ",")
        do {
          let workload = try StoreWorkload(seed: UInt64(seed))
          workload.run(operations)
          failures += workload.problems.map { "\(name) seed=\(seed) \($0)" }
          // All workloads begin alike; the beginning is looked at once.
          check.run(
            workload, name, bounds: bounds, seed: UInt64(seed),
            fromEpoch: seed == first ? 0 : workload.epochOfSecondOperation)
        } catch {
          failures.append("\(name) seed=\(seed) \(error)")
        }
      }
    }
    failures += check.violations
    say(
      "crash states: \(check.states) of \(workloads) workloads, "
        + "\(check.violations.count) violations")
  }

  /// Crash states of persistent memory: lines instead of sectors.
  package mutating func persistentMemory() {
    var bounds = isThorough ? (isDeep ? StoreCrashBounds() : .quick) : .smoke
    bounds.atomBytes = 64
    bounds.tearStep = isThorough ? 8 : 24
    if !isThorough { bounds.prefixesMost = 16 }
    bounds.tornAtomsMost = isDeep ? .max : isThorough ? 64 : 8
    bounds.pairsMost = min(bounds.pairsMost, isDeep ? 64 : 16)
    let workloads: [[StoreOperation]] = [
      [.create, .smallWrite, .twoPoints, .reopen, .smallWrite],
      [.create, .largeWrite, .fold, .deleteVersion, .fold, .smallWrite],
      [.create, .branch, .twoContainers, .deleteContainer, .compact, .smallWrite],
    ]
    var check = StoreCrashCheck(deepEvery: isThorough ? 8 : 97)
    for (number, operations) in workloads.enumerated() where isThorough || number == 0 {
      let name = "persistent memory workload=\(number)"
      do {
        let workload = try StoreWorkload(seed: UInt64(number))
        workload.run(operations)
        failures += workload.problems.map { "\(name) \($0)" }
        check.run(
          workload, name, bounds: bounds, seed: UInt64(number),
          fromEpoch: isThorough ? 0 : workload.epochOfSecondOperation)
      } catch {
        failures.append("\(name) \(error)")
      }
    }
    failures += check.violations
    say("crash states of persistent memory: \(check.states), \(check.violations.count) violations")
  }

  /// Every planted bug must be caught by the discipline or by a crash state.
  package mutating func canaries() {
    var caught = 0
    for canary in StoreCanary.allCases {
      if let line = first(of: canary) {
        caught += 1
        say("canary \(canary.rawValue): \(line.prefix(160))")
      } else {
        fail("canary \(canary.rawValue) went unnoticed")
      }
    }
    say("canaries caught: \(caught) of \(StoreCanary.allCases.count)")
  }

  private func first(of canary: StoreCanary) -> String? {
    let workloads: [[StoreOperation]] = [
      [.create, .smallWrite, .twoPoints, .reopen, .smallWrite],
      [.create, .failedFlush, .smallWrite, .crash, .smallWrite],
      [.create, .smallWrite, .fold, .smallWrite, .deleteVersion, .fold, .smallWrite, .fold],
    ]
    var bounds = StoreCrashBounds.quick
    bounds.tearStep = isThorough ? 24 : 120
    for (number, operations) in workloads.enumerated() {
      for attempt in 0..<6 {
        let seed = UInt64(number * 4 + attempt)
        guard let workload = try? StoreWorkload(seed: seed, canary: canary) else { continue }
        workload.run(operations)
        if let problem = workload.problems.first { return "on the run: \(problem)" }
        var check = StoreCrashCheck(canary: canary, deepEvery: 16)
        check.run(
          workload, "crash state", bounds: bounds, seed: seed, violationsMost: 1)
        if let violation = check.violations.first { return violation }
      }
    }
    return nil
  }
}
