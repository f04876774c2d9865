import SoftPMBase
import SoftPMStore

extension StoreProof {
  /// Fails every operation of a workload in every way, once and for ever, and sees that the
  /// store tells, keeps what was durable, and goes on when the fault is gone.
  package mutating func faults() {
    let workloads: [[StoreOperation]] = [
      [.create, .smallWrite, .twoPoints, .fold, .largeWrite, .deleteVersion, .smallWrite],
      [.create, .branch, .twoContainers, .deleteContainer, .fold, .switchBack, .label, .fold],
      [.create, .fold, .deleteVersion, .smallWrite, .crash, .fold, .smallWrite, .twoContainers],
      [.create, .largeWrite, .largeWrite, .deleteVersion, .fold, .largeWrite, .reopen, .branch],
      [.create, .twoPoints, .twoPoints, .fold, .switchBack, .fold, .removeChunk, .reopen, .fold],
      [.twoContainers, .fold, .failedFlush, .fold, .label, .deleteContainer, .fold, .create],
      [.create, .smallWrite, .reopen, .removeChunk, .fold, .twoPoints, .crash, .smallWrite],
      [
        .create, .largeWrite, .smallWrite, .deleteVersion, .compact, .smallWrite, .compact, .branch,
      ],
    ]
    var runs = 0
    var problems = 0
    for (number, operations) in workloads.enumerated() {
      for kind in StoreFaultPlan.Kind.allCases {
        for forEver in [false, true] {
          let step = isThorough ? 1 : 151
          for place in stride(from: 0, to: 400, by: step) {
            let seed = UInt64(number)
            let plan = StoreFaultPlan(kind, at: place, forEver: forEver)
            let name = "faults workload=\(number) \(kind.rawValue) at=\(place) forEver=\(forEver)"
            runs += 1
            let (found, wasReached) = run(operations, plan, seed: seed)
            problems += found.count
            for line in found.prefix(3) { fail("\(name): \(line)") }
            if !wasReached { break }
          }
        }
      }
    }
    say("runs with a failing operation: \(runs), problems: \(problems)")
  }

  /// What went wrong, and whether the operation that was to fail was reached.
  private func run(
    _ operations: [StoreOperation], _ plan: StoreFaultPlan, seed: UInt64
  ) -> ([String], Bool) {
    do {
      let workload = try StoreWorkload(seed: seed, faults: nil)
      workload.device.setFaults(plan)
      workload.toleratesRefusal = true
      workload.run(operations)
      let reached = workload.device.operations > plan.at
      workload.settle()
      return (workload.problems, reached)
    } catch {
      return (["\(error)"], true)
    }
  }
}
