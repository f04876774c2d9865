// Brings a graph to life that another program wrote, checks it, uses it, and checks it again.

import Glibc
import SoftPMTypes
import TypesZoo

// A type of this program only, so that its own types lie elsewhere than the writer's.
private struct Unrelated {
  var text = "unrelated"
}

let path = CommandLine.arguments.count > 1 ? CommandLine.arguments[1] : ""
do {
  let bytes = ToyContainer.Stored.read(from: path)
  let stored = try bytes.withUnsafeBytes { try ToyContainer.Stored(decoding: $0) }
  let isRehashed = stored.seeds != .current
  let zoo: Zoo = try ToyContainer.restore(stored)
  var problems = zoo.problems()
  zoo.mutate()
  problems += zoo.problems().map { "\($0), after use" }
  for problem in problems { print("wrong: \(problem)") }
  print(isRehashed ? "other seeds" : "same seeds", [Unrelated()].count)
  exit(problems.isEmpty ? 0 : 1)
} catch {
  print(error)
  exit(1)
}
