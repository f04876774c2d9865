import Foundation
import Testing

@testable import Containers

/// What happens to a graph between two points, one way each: what is found must be what is there.
@Suite("Discovery")
struct DiscoveryTests {
  final class Node {
    var name: String
    var next: Node?
    var other: Node?
    weak var back: Node?
    unowned(safe) var owner: Node?
    var kids: [Node] = []
    var slot: Node??
    var any: Any?
    init(_ name: String) { self.name = name }
  }
  final class Root {
    var a: Node?
    var b: Node?
    var list: [Node] = []
    var row: [Node?] = []
    var table: [String: Node] = [:]
    var numbers: [Int: Node] = [:]
  }

  struct Case: CustomTestStringConvertible, Sendable {
    var name: String
    var build: @Sendable (Root) -> Void
    var change: @Sendable (Root, inout [Node]) -> Void
    var testDescription: String { name }

    init(
      _ name: String, build: @escaping @Sendable (Root) -> Void,
      change: @escaping @Sendable (Root, inout [Node]) -> Void
    ) {
      self.name = name
      self.build = build
      self.change = change
    }
  }

  static func chain(_ count: Int) -> Node {
    let first = Node("0, and a name that is not inline")
    var last = first
    for number in 1..<count {
      let node = Node("\(number), and a name that is not inline")
      node.back = last
      last.next = node
      last = node
    }
    return first
  }

  static let cases: [Case] = [
    Case("a new head") {
      $0.a = chain(300)
    } change: { root, _ in
      let head = Node("head")
      head.next = root.a
      root.a?.back = head
      root.a = head
    },
    Case("the head goes") {
      $0.a = chain(300)
    } change: { root, _ in
      root.a = root.a?.next
    },
    Case("the middle goes") {
      $0.a = chain(300)
    } change: { root, _ in
      let before = root.a?.next?.next
      before?.next = before?.next?.next
      before?.next?.back = before
    },
    Case("a wrapper comes between") {
      $0.a = chain(50)
    } change: { root, _ in
      let wrapper = Node("wrapper")
      wrapper.any = [root.a as Any]
      root.a = nil
      root.b = wrapper
    },
    Case("a circle is cut loose") { root in
      root.a = chain(20)
      root.a?.next?.next?.other = root.a
    } change: { root, _ in
      root.a = nil
    },
    Case("a circle is cut loose and held outside") { root in
      root.a = chain(20)
      root.a?.next?.next?.other = root.a
    } change: { root, held in
      if let node = root.a { held.append(node) }
      root.a = nil
    },
    Case("a circle loses one of two ways to it") { root in
      root.a = chain(20)
      root.a?.next?.next?.other = root.a
      root.list = [root.a?.next].compactMap(\.self)
    } change: { root, _ in
      root.a = nil
    },
    Case("what is shared loses the way by which it was found first") { root in
      let shared = Node("shared")
      shared.kids = [Node("kid")]
      root.a = Node("first")
      root.a?.next = shared
      root.numbers[7] = shared
    } change: { root, _ in
      root.a = nil
    },
    Case("an array grows beyond its storage") {
      $0.list = (0..<100).map { Node("\($0)") }
    } change: { root, _ in
      root.list += (0..<3000).map { Node("new \($0)") }
    },
    Case("the last of an array goes, its slot unwritten") { root in
      root.list = (0..<3000).map { Node("\($0)") }
    } change: { root, held in
      held.append(root.list.removeLast())
    },
    Case("an array is cut short and grows again") { root in
      root.list = (0..<3000).map { Node("\($0)") }
    } change: { root, _ in
      root.list.removeLast(2000)
      root.list += (0..<50).map { Node("again \($0)") }
    },
    Case("one slot of a long row changes") {
      $0.row = (0..<9000).map { Node("\($0)") }
    } change: { root, _ in
      root.row[4321] = nil
      root.row[8000] = root.row[1]
    },
    Case("a long table gains, loses and changes") { root in
      for number in 0..<5000 { root.table["key \(number), not inline"] = Node("\(number)") }
    } change: { root, _ in
      root.table["key 17, not inline"] = nil
      root.table["key 18, not inline"] = Node("other")
      root.table["another key, not inline either"] = root.table["key 19, not inline"]
    },
    Case("an object moves by take, its page unwritten") { root in
      root.a = Node("a")
      root.a?.slot = .some(chain(10))
    } change: { root, _ in
      root.b = root.a?.slot.take() ?? nil
    },
    Case("two objects change places") { root in
      root.a = chain(10)
      root.b = chain(20)
    } change: { root, _ in
      swap(&root.a, &root.b)
    },
    Case("a weak target dies") { root in
      root.a = Node("watcher")
      root.b = Node("watched")
      root.a?.back = root.b
    } change: { root, _ in
      root.b = nil
    },
    Case("a weak target leaves and lives on outside") { root in
      root.a = Node("watcher")
      root.b = Node("watched")
      root.a?.back = root.b
    } change: { root, held in
      if let node = root.b { held.append(node) }
      root.b = nil
    },
    Case("a weak target joins") { root in
      root.a = Node("watcher")
    } change: { root, _ in
      let joined = Node("joined")
      root.a?.back = joined
      root.list.append(joined)
    },
    Case("an unowned target comes and goes") { root in
      root.a = Node("owned")
      root.b = Node("owner")
      root.a?.owner = root.b
    } change: { root, _ in
      let next = Node("next owner")
      root.list.append(next)
      root.a?.owner = next
      root.b = nil
    },
    Case("cells are freed and used again") { root in
      root.list = (0..<500).map { Node("\($0)") }
    } change: { root, _ in
      for round in 0..<5 {
        root.list.removeAll { Int($0.name).map { $0 % 3 == 0 } ?? false }
        root.list += (0..<100).map { Node("\(round * 1000 + $0)") }
      }
    },
    Case("all goes, and other kinds of cells take its place") { root in
      root.list = (0..<4000).map { Node("\($0)") }
    } change: { root, _ in
      root.list = []
      for number in 0..<2000 { root.numbers[number] = chain(1) }
      root.row = Array(repeating: nil, count: 20_000)
    },
    Case("more references than a byte counts") { root in
      root.a = Node("famous")
      root.row = Array(repeating: root.a, count: 700)
    } change: { root, _ in
      for index in 0..<650 { root.row[index] = nil }
      root.b = root.a
    },
  ]

  static func describe(_ root: Root) -> [String] {
    var numbers: [ObjectIdentifier: Int] = [:]
    var nodes: [Node] = []
    func number(_ node: Node?) -> Int {
      guard let node else { return -1 }
      if let known = numbers[ObjectIdentifier(node)] { return known }
      numbers[ObjectIdentifier(node)] = nodes.count
      nodes.append(node)
      return nodes.count - 1
    }
    var lines = ["\(number(root.a)) \(number(root.b)) \(root.list.map(number))"]
    lines.append("\(root.row.map(number))")
    for key in root.table.keys.sorted() { lines.append("\(key): \(number(root.table[key]))") }
    for key in root.numbers.keys.sorted() { lines.append("\(key): \(number(root.numbers[key]))") }
    var next = 0
    while next < nodes.count {
      let node = nodes[next]
      var any = "nil"
      if let list = node.any as? [Any] { any = "\(list.map { number($0 as? Node) })" }
      lines.append(
        "\(next) \(node.name) \(number(node.next)) \(number(node.other)) "
          + "\(node.kids.map(number)) \(number(node.slot ?? nil)) \(any)")
      next += 1
    }
    // Weak and unowned references last: what only they lead to is not there after a restore.
    let known = nodes.count
    for (position, node) in nodes.enumerated() {
      func name(_ target: Node?) -> Int {
        target.flatMap { numbers[ObjectIdentifier($0)] }.flatMap { $0 < known ? $0 : nil } ?? -1
      }
      lines.append("\(position) back \(name(node.back)) owner \(name(node.owner))")
    }
    return lines
  }

  @Test(
    "whatever happened between two points, the second holds what is there",
    arguments: cases, [true, false])
  func change(_ example: Case, inScope: Bool) throws {
    let store = try Store.inMemory()
    var attributes = ContainerAttributes()
    attributes.chunkSize = 4 << 10
    let root = Root()
    // Made before there is a container, everything is foreign.
    if !inScope { example.build(root) }
    let container = try store.container("c", initial: root, attributes: attributes)
    if inScope { container.update { example.build($0) } }
    try container.persistAndWait()
    // Again, so that what the first point found is all that is known.
    try container.persistAndWait()
    var held: [Node] = []
    if inScope {
      container.update { example.change($0, &held) }
    } else {
      example.change(root, &held)
    }
    try container.persistAndWait()
    // Cells of the nursery are every thread's to use again, so a point may have to look at all there.
    if inScope { #expect(container.statistics.pointsLookingAtAll == 1) }
    let expected = Self.describe(root)
    #expect(container.statistics.objectCount > 0)
    try container.close()
    let restored = try store.container("c", initial: Root())
    #expect(restored.read { Self.describe($0) } == expected)
    withExtendedLifetime(held) {}
    try store.close()
  }
}
