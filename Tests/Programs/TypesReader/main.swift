// Brings a graph to life that another program wrote, checks it, uses it, and checks it again.
//
//   TypesReader <file>    prints which seeds it found and how many tables it rebuilt
//   TypesReader <file> <library>   the same for an exhibition, of this library now
//   TypesReader --seeds   prints whose seeds it hashes by

import Glibc
import SoftPMTypes
import TypesZoo

// A type of this program only, so that its own types lie elsewhere than the writer's.
private struct Unrelated {
  var text = "unrelated"
}

let path = CommandLine.arguments.count > 1 ? CommandLine.arguments[1] : ""
if path == "--seeds" {
  let seeds = StoredSeeds.current
  print(StoredSeeds.areTheUsers ? "user" : "process", seeds.seed0, seeds.seed1)
  exit(0)
}

do {
  let bytes = ToyContainer.Stored.read(from: path)
  let stored = try bytes.withUnsafeBytes { try ToyContainer.Stored(decoding: $0) }
  let haveOtherSeeds = stored.seeds != .current
  var rehashed = 0
  if CommandLine.arguments.count > 2 {
    let exhibitor = Exhibitor(CommandLine.arguments[2])
    for isUntrusted in [false, true] {
      let root: AnyObject = try ToyContainer.restore(stored, isUntrusted: isUntrusted)
      if exhibitor.problems(of: root) > 0 { exit(1) }
    }
    print(haveOtherSeeds ? "other seeds" : "same seeds")
    exit(0)
  }
  let zoo: Zoo = try ToyContainer.restore(stored) { rehashed = $0.rehashedTableCount }
  var problems = zoo.problems()
  zoo.mutate()
  problems += zoo.problems().map { "\($0), after use" }
  for problem in problems { print("wrong: \(problem)") }
  print(haveOtherSeeds ? "other seeds" : "same seeds", rehashed, [Unrelated()].count)
  exit(problems.isEmpty ? 0 : 1)
} catch {
  print(error)
  exit(1)
}
