import Containers
import Foundation

let changes = properties + enums + names + kinds + nested

func path(_ index: Int) -> String { "\(CommandLine.arguments[2])/\(index).softpm" }

/// What the table says of a change: what the report found, or the error.
func outcome(_ change: Change, _ report: MigrationReport?) -> String {
  guard let report else { return "" }
  if let failure = report.failure { return "refused: \(failure.code)" }
  let hows = report.changes.map(\.how)
  var seen: Set<String> = []
  return "migrated: " + hows.filter { seen.insert($0).inserted }.joined(separator: ", ")
}

func bytes(_ index: Int) throws -> Data { try Data(contentsOf: URL(filePath: path(index))) }

/// What was wrong with opening it; nil where all is as promised.
func open(_ change: Change, _ index: Int) throws -> String? {
  var options = StoreOptions()
  options.migrations = change.migrations
  let before = try bytes(index)
  // The dry run: every second time in a store that is only read.
  options.readOnly = index % 4 < 2
  let reader = try Store.open(path(index), options)
  let report = try change.report(reader)
  try reader.close()
  if try bytes(index) != before { return "the dry run wrote to the file" }
  print("outcome", index, outcome(change, report))
  options.readOnly = false
  options.trust = index % 2 == 0 ? .untrusted : .sameUser
  let store = try Store.open(path(index), options)
  do {
    let problem = try change.open(store)
    try store.close()
    return report?.failure == nil ? problem : "the dry run foretold a failure"
  } catch let error as ContainerError {
    guard let refusal = change.refusal, error.code == refusal.code,
      refusal.words.allSatisfy({ error.message.contains($0) })
    else { return "\(error)" }
    guard report?.failure?.message == error.message else { return "the dry run did not foretell" }
    guard try bytes(index) == before else { return "the file was written" }
    try store.close()
    return try bytes(index) == before ? nil : "closing wrote to the file"
  }
}

var problems = 0
for (index, change) in changes.enumerated() {
  do {
    if CommandLine.arguments[1] == "write" {
      let store = try Store.open(path(index))
      try change.write(store)
      try store.close()
      print("change", index, change.name)
    } else if let problem = try open(change, index) {
      print("wrong", index, change.name, problem)
      problems += 1
    }
  } catch {
    print("wrong", index, change.name, error)
    problems += 1
  }
}
exit(problems == 0 ? 0 : 1)
