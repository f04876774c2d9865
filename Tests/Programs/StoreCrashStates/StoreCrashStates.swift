// Looks at the crash states of the store, as optimised code, and says how many there were.
//
//     store-crash-states all|deep
//     store-crash-states pairs [first] [last]
//     store-crash-states damage-large [first] [last]
//     store-crash-states pmem|opening|reclaims|recoveries|faults|damage|canaries
//
// `deep` after any of them, and as the only word, means its deep size; `all` is everything at the
// size of every day. First and last choose among the workloads of pairs, and among the bytes that
// `damage-large` damages.
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
    var proof = StoreProof(isThorough: true, isDeep: arguments.contains("deep"))
    if ["pairs", "deep", "all"].contains(what) {
      let range = arguments.dropFirst().compactMap { Int($0) }
      proof.pairs(from: range.first ?? 0, through: range.last ?? .max)
    }
    let isAll = what == "all" || what == "deep"
    if what == "pmem" || isAll { proof.persistentMemory() }
    if what == "opening" || isAll { proof.opening() }
    if what == "reclaims" || isAll { proof.reclaims() }
    if what == "recoveries" || isAll { proof.recoveries() }
    if what == "faults" || isAll { proof.faults() }
    if what == "damage" || isAll { proof.damage() }
    if what == "damage-large" || what == "deep" {
      let range = arguments.compactMap { Int($0) }
      proof.damage(large: true, bytes: range.count == 2 ? range[0]..<range[1] : nil)
    }
    if what == "canaries" || isAll { proof.canaries() }
    for line in proof.failures { print("FAILED:", line) }
    if proof.report.isEmpty { exit(2) }
    if !proof.failures.isEmpty { exit(1) }
  }
}
