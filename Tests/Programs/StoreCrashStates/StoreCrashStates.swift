// Looks at the crash states of the store, as optimised code, and says how many there were.
//
//     store-crash-states [pairs|pmem|opening|deep|canaries|faults|damage|recoveries|all] [first] [last]
//
// `deep` is everything at its deep size; first and last choose among the workloads of pairs.
//
// Exit status 0: nothing wrong and every planted bug caught. 1: see the lines printed, each of
// which names the workload, seed, epoch and subset that reproduce it.

import Glibc
import SoftPMStore
import SoftPMTesting

@main
struct StoreCrashStates {
  static func main() {
    let arguments = CommandLine.arguments.dropFirst()
    let what = arguments.first ?? "all"
    var proof = StoreProof(isThorough: true, isDeep: what == "deep")
    if ["pairs", "deep", "all"].contains(what) {
      let range = arguments.dropFirst().compactMap { Int($0) }
      proof.pairs(from: range.first ?? 0, through: range.last ?? .max)
    }
    let isAll = what == "all" || what == "deep"
    if what == "pmem" || isAll { proof.persistentMemory() }
    if what == "opening" || isAll { proof.opening() }
    if what == "recoveries" || isAll { proof.recoveries() }
    if what == "faults" || isAll { proof.faults() }
    if what == "damage" || isAll { proof.damage() }
    if what == "canaries" || isAll { proof.canaries() }
    for line in proof.failures { print("FAILED:", line) }
    if !proof.failures.isEmpty { exit(1) }
  }
}
