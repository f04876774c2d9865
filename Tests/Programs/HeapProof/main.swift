// Proves where Swift's objects lie, in a program of its own: `run` builds it in every way that the
// heap is to work in, also those that `swift test` has not (a static standard library).
//
// Ends with status 0 and the line `proved`, or with the first thing that was not as promised.

import Foundation

final class Node {
  var next: Node?
  weak var back: Node?
  var value: Int
  init(_ value: Int, _ next: Node?) {
    self.value = value
    self.next = next
    next?.back = self
  }
}
actor Keeper { var value = 1 }
final class Vector { var lanes = SIMD8<Float>(repeating: 1) }
struct Big { var words = (1, 2, 3, 4, 5) }
struct Holder { var value: Any }
indirect enum Tree {
  case leaf(Int)
  case branch(Tree, Tree)
}

func require(_ holds: Bool, _ promise: String) {
  guard !holds else { return }
  print("not so:", promise)
  exit(1)
}

func word<Value>(_ index: Int, of value: Value) -> UInt {
  withUnsafeBytes(of: value) {
    $0.load(fromByteOffset: index * 8, as: UInt.self) & 0x00ff_ffff_ffff_fff8
  }
}

func address(_ object: AnyObject) -> UInt {
  UInt(bitPattern: Unmanaged.passUnretained(object).toOpaque())
}

@inline(never) func opaque<Value>(_ value: Value) -> Value { value }

nonisolated(unsafe) var kept: [Any] = []

/// Makes one object of every kind; calls `place` with each address.
@inline(never) func makeEverything(_ place: (String, UInt) -> Void) {
  let node = Node(opaque(1), Node(2, nil))
  place("class", address(node))
  place("weakly referenced class", address(node.next!))
  let array = Array(0..<opaque(100))
  place("array", word(0, of: array))
  let dictionary = Dictionary(uniqueKeysWithValues: (0..<opaque(40)).map { ($0, "\($0)") })
  place("dictionary", word(0, of: dictionary))
  let set = Set(0..<opaque(40))
  place("set", word(0, of: set))
  let text = String(repeating: "long ", count: opaque(10))
  place("string", word(1, of: text))
  let box: Any = Big(words: (opaque(1), 2, 3, 4, 5))
  place("box", word(0, of: Holder(value: box)))
  let tree = Tree.branch(.leaf(opaque(1)), .leaf(2))
  place("indirect enum", word(0, of: tree))
  let keeper = Keeper()
  place("actor", address(keeper))
  let vector = Vector()
  place("aligned class", address(vector))
  kept = [node, array, dictionary, set, text, box, tree, keeper, vector]
}

func inScope<Result>(_ range: OpaquePointer, _ body: () throws -> Result) rethrows -> Result {
  let previous = softpm_scope_enter(range)
  defer { softpm_scope_leave(previous) }
  return try body()
}

func whose(_ address: UInt) -> OpaquePointer? {
  var cell = softpm_cell()
  return softpm_cell_find(address, &cell) && cell.start == address ? cell.range : nil
}

func placement(_ arena: OpaquePointer) {
  inScope(arena) {
    makeEverything { require(whose($1) == arena, "a \($0) made in a scope lies in the arena") }
  }
  let nursery = softpm_nursery_range()
  makeEverything { require(whose($1) == nursery, "a \($0) made outside lies in the nursery") }
  kept = []
}

/// Two threads grow and free each other's objects, in a scope and out of it.
func threads(_ arena: OpaquePointer, operations: Int) {
  nonisolated(unsafe) var mailbox: [([Int], Node)] = []
  nonisolated(unsafe) let arena = arena
  let lock = NSLock()
  let group = DispatchGroup()
  for thread in 0..<2 {
    group.enter()
    Thread.detachNewThread {
      for index in 0..<operations {
        let make = { (Array(repeating: index, count: index % 50 + 1), Node(index, nil)) }
        let mine = index % 2 == thread ? inScope(arena, make) : make()
        let other = lock.withLock {
          mailbox.append(mine)
          return mailbox.count > 200 ? mailbox.remove(at: index % 200) : nil
        }
        guard var (values, node) = other else { continue }
        values.append(values[0])
        node.next = Node(values.count, nil)
        require(values.allSatisfy { $0 == node.value }, "objects stay intact")
      }
      group.leave()
    }
  }
  group.wait()
}

func runtimeInScope(_ arena: OpaquePointer) async throws {
  let names = try inScope(arena) {
    let data = try JSONEncoder().encode(["a long enough name": [1, 2, 3]])
    _ = DateFormatter().string(from: Date(timeIntervalSince1970: 0))
    return try JSONDecoder().decode([String: [Int]].self, from: data)
  }
  require(names.values.first == [1, 2, 3], "Foundation works in a scope")
  let tasks = inScope(arena) { (0..<10).map { index in Task { [index] } } }
  for (index, task) in tasks.enumerated() {
    let value = await task.value
    require(value == [index], "tasks made in a scope run")
  }
}

require(softpm_heap_support() == softpm_support_full, "the heap is in force")
let operations = CommandLine.arguments.dropFirst().first.flatMap { Int($0) } ?? 20_000
for _ in 0..<3 {
  guard let arena = softpm_range_reserve(0, 1 << 30, 16 << 10) else { exit(2) }
  placement(arena)
  threads(arena, operations: operations)
  try await runtimeInScope(arena)
  for range in [arena, softpm_nursery_range()!] {
    let problem = softpm_range_check(range).map { String(cString: $0) }
    require(problem == nil, "the heap is sound: \(problem ?? "")")
  }
  softpm_range_close(arena)
}
require(!Date(timeIntervalSince1970: 0).formatted().isEmpty, "Foundation works after closing")
print("proved")
