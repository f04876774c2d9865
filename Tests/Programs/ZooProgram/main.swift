// The zoo in a container, one step a process:
//
//   ZooProgram plain N          what the zoo should be after N days, with no container at all
//   ZooProgram make-inside      built inside `update`
//   ZooProgram make-before      built before the container exists
//   ZooProgram show             restored, shown
//   ZooProgram show-untrusted PATH   the same, validated as if anybody had written the file
//   ZooProgram day N            restored, shown, day N lived, persisted
//   ZooProgram unchanged        restored, read, persisted: prints what that wrote

import Containers

let arguments = CommandLine.arguments.dropFirst()
func number() -> Int { arguments.count > 1 ? Int(arguments[arguments.startIndex + 1]) ?? 0 : 0 }

switch arguments.first {
case "plain":
  let zoo = Zoo()
  zoo.fill()
  for day in 0..<number() { zoo.mutate(day: day + 1) }
  print(zoo.report.joined(separator: "\n"))

case "make-inside":
  let container = try Store.default.container("zoo", initial: Zoo())
  container.update { $0.fill() }
  try container.persistAndWait()
  print(container.root.report.joined(separator: "\n"))

case "make-before":
  let zoo = Zoo()
  zoo.fill()
  let container = try Store.default.container("zoo", initial: zoo)
  try container.persistAndWait()
  print(container.root.report.joined(separator: "\n"))

case "show":
  let container = try Store.default.container("zoo", initial: Zoo())
  print(container.read { $0.report.joined(separator: "\n") })

case "show-untrusted":
  var options = StoreOptions()
  options.trust = .untrusted
  let store = try Store.open(arguments.last ?? "", options)
  let container = try store.container("zoo", initial: Zoo())
  print(container.read { $0.report.joined(separator: "\n") })
  let point = try container.persist()
  precondition(point.statistics.writtenBytes == 0, "validating made a version")

case "day":
  let container = try Store.default.container("zoo", initial: Zoo())
  print(container.read { $0.report.joined(separator: "\n") })
  container.update { $0.mutate(day: number()) }
  try container.persistAndWait()

case "unchanged":
  let container = try Store.default.container("zoo", initial: Zoo())
  let before = container.version
  let lines = container.read { $0.report.count }
  let point = try container.persist()
  try point.wait()
  print(
    "\(lines > 5) same version: \(point.version == before) bytes: \(point.statistics.writtenBytes)")

default:
  print("unknown command \(arguments)")
}
