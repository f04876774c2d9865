// Opens, changes, persists and closes a container over and over, and prints three times on the way
// how much memory (KiB), how many mappings and how much address space (KiB) the process has, how many
// objects it holds, after how many generations, how large the store's file is, and how much the
// versions that are kept have written (KiB).
//
//   GenerationsProgram reopen COUNT      close and open again each time
//   GenerationsProgram store COUNT       the same with the whole store
//   GenerationsProgram switch COUNT      switch to an old version each time; of each tenth graph,
//                                        hold an object for a while
//   GenerationsProgram hold COUNT        the same, and hold all those objects to the end
//   GenerationsProgram graphs COUNT      hold an object that reaches all others of its graph instead
//   GenerationsProgram snapshot COUNT    look at three past graphs at once each time; of each tenth
//                                        time, hold an object for a while

//   GenerationsProgram clean COUNT       keep one version of the graph, and be killed
//   GenerationsProgram linked COUNT      with so many more objects in circles, and be killed
//   GenerationsProgram garbage COUNT     the same, unlink them, hold some, and be killed

import Containers
import Foundation

final class Item {
  var number: Int
  var name: String
  var links: [Item] = []
  var table: [String: Item] = [:]
  weak var back: Item?

  init(_ number: Int) {
    self.number = number
    name = "item number \(number), not inline"
  }
}

final class Root {
  var items: [Item] = []
}

func makeRoot() -> Root {
  let root = Root()
  for number in 0..<200 {
    let item = Item(number)
    item.back = root.items.last
    item.links = Array(root.items.suffix(3))
    item.table = ["self": item, "name \(number)": item]
    root.items.append(item)
  }
  return root
}

/// Lines of a file that says of itself that it has no bytes, and comes in pieces.
func mappings() -> Int {
  guard let maps = fopen("/proc/self/maps", "r") else { return 0 }
  defer { fclose(maps) }
  var lines = 0
  while true {
    switch getc(maps) {
    case EOF: return lines
    case 10: lines += 1
    default: break
    }
  }
}

func usage(
  after generations: Int, _ container: Container<Root>, holding held: [Item]
) throws -> String {
  let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
  func figure(_ name: String) -> String {
    status.split(separator: "\n").first { $0.hasPrefix(name) }?
      .split(whereSeparator: { !$0.isNumber }).first.map(String.init) ?? "0"
  }
  let path = ProcessInfo.processInfo.environment["SOFTPM_STORE"] ?? ""
  let file = try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int ?? 0
  let kept = try container.versions.reduce(0) { $0 + $1.bytesWritten }
  return "\(figure("VmRSS")) \(mappings()) \(figure("VmSize")) "
    + "\(held.count) \(generations) \(file >> 10) \(kept >> 10)"
}

/// Objects that refer to each other in pairs: without the root nothing but themselves keeps them.
func makeCircles(_ count: Int) -> [Item] {
  var circles: [Item] = []
  for number in 0..<count / 2 {
    let (one, other) = (Item(number), Item(-number))
    one.links = [other]
    other.links = [one]
    circles += [one, other]
  }
  return circles
}

/// Ends this process as a crash would, with objects that nothing but its own variables hold.
func dieHolding(_ held: [Item]) -> Never {
  withExtendedLifetime(held) { _ = kill(getpid(), SIGKILL) }
  fatalError("killed and alive")
}

func runGarbage(_ mode: String, _ count: Int) throws -> Never {
  var attributes = ContainerAttributes()
  attributes.retention = .latest(1)
  let container = try Store.default.container(
    "items", initial: makeRoot(), attributes: attributes)
  guard mode != "clean" else {
    try container.persistAndWait()
    dieHolding([])
  }
  container.update { $0.items += makeCircles(count) }
  try container.persistAndWait()
  guard mode == "garbage" else { dieHolding([]) }
  let held = container.update { root in
    let held = Array(root.items.suffix(50))
    root.items.removeLast(count / 2 * 2)
    return held
  }
  try container.persistAndWait()
  // Neither these nor what was held was ever reached from the root again.
  let more = container.update { _ in makeCircles(count) }
  dieHolding(held + more)
}

let count = Int(CommandLine.arguments[2]) ?? 0
let mode = CommandLine.arguments[1]
if ["clean", "linked", "garbage"].contains(mode) { try runGarbage(mode, count) }
var container = try Store.default.container("items", initial: makeRoot())
// Labelled, so that it is kept while 64 newer versions come and go.
let first = try container.persistAndWait(label: "first")
var held: [Item] = []

/// An object without what it refers to, so that holding it holds nothing else.
func alone(_ item: Item) -> Item {
  item.links = []
  item.table = [:]
  return item
}

for round in 0..<count {
  container.update { root in
    root.items[round % 200].name = "renamed in round \(round), not inline"
    root.items[(round + 7) % 200].links = []
  }
  try container.persistAndWait()
  switch mode {
  case "reopen":
    try container.close()
    container = try Store.default.container("items", initial: makeRoot())
  case "store":
    try Store.default.close()
    container = try Store.default.container("items", initial: makeRoot())
  case "snapshot":
    let past = try [first, first, container.version ?? first].map { try container.snapshot($0) }
    precondition(past.allSatisfy { $0.root.items.count == 200 })
    if round % 10 == 0 { held.append(alone(past[round / 10 % 3].root.items[round % 200])) }
    if held.count > 20 { held.removeFirst() }
    for snapshot in past { snapshot.close() }
  default:
    let kept = alone(container.root.items[round % 200])
    if mode == "graphs" { kept.links = container.root.items }
    if round % 10 == 0 { held.append(kept) }
    if mode == "switch", held.count > 20 { held.removeFirst() }
    try container.switchTo(first)
  }
  if [count / 10, count / 2, count].contains(round + 1) {
    print(try usage(after: round + 1, container, holding: held))
    fflush(nil)
  }
}
precondition(container.root.items.count == 200 && held.allSatisfy { $0.number < 200 })
