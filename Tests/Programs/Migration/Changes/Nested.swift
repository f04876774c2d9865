// Changed types within others: elements, keys, existentials, boxes, storage that types describe.

import Containers
import Foundation
import Synchronization

#if BEFORE
  struct Item { var name = "a long name, not inline", count: Int32 = 3 }
  let items = Change.before(
    "property added to the struct of an array's elements", [Item(), Item()])
#else
  struct Item { var name = "", note: String?, count = 0, extra = (0, 0, 0) }
  let items = Change.refused(
    "property added to the struct of an array's elements", [Item](), says: "`extra` of Shop.Item")
#endif

#if BEFORE
  struct Cell { var name = "a long name, not inline", count: Int32 = 3 }
  let cells = Change.before("struct of elements, of a slice and an inline array grew", Cells())
  struct Cells {
    var all = [Cell(), Cell(count: 4)], slice = [Cell(), Cell(count: 5), Cell()][1...],
      four: InlineArray<2, Cell> = [Cell(), Cell(count: 6)]
  }
#else
  struct Cell { var name = "", note: String?, count = 0 }
  struct Cells {
    var all: [Cell] = [], slice: ArraySlice<Cell> = [],
      four: InlineArray<2, Cell> = [Cell(), Cell()]
  }
  let cells = Change.after("struct of elements, of a slice and an inline array grew", Cells()) {
    $0.all.map(\.count) == [3, 4] && $0.slice.map(\.count) == [5, 3] && $0.slice.startIndex == 1
      && $0.four[1].count == 6 && $0.all[0].name == "a long name, not inline"
  }
#endif

#if BEFORE
  struct Key: Hashable {
    var id: Int32
    var name: String
  }
  final class Index {
    var table: [Key: Int32] = [:]
    var set: Set<Key> = []
  }
  func index() -> Index {
    let index = Index()
    for id in 0..<500 {
      index.table[Key(id: Int32(id), name: "key number \(id)")] = Int32(id)
      index.set.insert(Key(id: Int32(id), name: ""))
    }
    return index
  }
  let keys = Change.before("struct of a dictionary's keys and of a set's members changed", index())
#else
  struct Key: Hashable {
    var name: String
    var id: Int
    var more: Int?
  }
  final class Index {
    var table: [Key: Int] = [:]
    var set: Set<Key> = []
  }
  let keys = Change.after(
    "struct of a dictionary's keys and of a set's members changed", Index()
  ) { index in
    index.table.count == 500 && index.set.count == 500
      && (0..<500).allSatisfy {
        index.table[Key(name: "key number \($0)", id: $0)] == $0
          && index.set.contains(Key(name: "", id: $0))
      }
  }
#endif

#if BEFORE
  struct Code: Hashable {
    var group: Int
    var number: Int
  }
  let codes = Change.before(
    "keys of a dictionary became equal",
    [Code(group: 1, number: 1): "a", Code(group: 2, number: 1): "b"])
#else
  struct Code: Hashable { var number: Int }
  let codes = Change.refused(
    "keys of a dictionary became equal", [Code: String](), says: "two keys")
#endif

#if BEFORE
  protocol Priced { var price: Int { get } }
  struct Small: Priced { var price = 3 }
  struct Large: Priced { var price = 4, a = 1, b = 2, c = 3 }
  struct Stays: Error { var code: Int32 = 6 }
  final class Shelf {
    var one: any Priced = Small(), two: any Priced = Large(),
      anything: [Any] = [Small(), 5, "x", Large()]
    var error: any Error = Stays(), key: AnyHashable = AnyHashable(3)
  }
  let shelves = Change.before("struct in an existential outgrew it, or shrank", Shelf())
#else
  protocol Priced { var price: Int { get } }
  struct Small: Priced { var price = 0, text: String?, other: Int? }
  struct Large: Priced { var price = 0 }
  struct Stays: Error {
    var code = 0
    var why: String?
  }
  final class Shelf {
    var one: any Priced = Large(), two: any Priced = Large(), anything: [Any] = []
    var error: any Error = Stays(), key: AnyHashable = AnyHashable(0)
  }
  let shelves = Change.after("struct in an existential outgrew it, or shrank", Shelf()) { shelf in
    guard let first = shelf.anything[0] as? Small, let last = shelf.anything[3] as? Large,
      let error = shelf.error as? Stays
    else { return false }
    let prices: [Int] = [shelf.one.price, shelf.two.price, first.price, last.price]
    let areKinds = shelf.one is Small && shelf.two is Large
    let rest = shelf.anything[1] as? Int == 5 && shelf.anything[2] as? String == "x"
    return prices == [3, 4, 3, 4] && areKinds && rest && error.code == 6
      && shelf.key == AnyHashable(3)
  }
#endif

#if BEFORE
  final class Kept {
    var data = Data((0..<200).map { UInt8($0) }), slice = Data((0..<99).map { UInt8($0) })[10..<90]
    var text = "text that is not inline", part = "text that is not inline".dropFirst(5),
      url = URL(string: "https://a.b/c")
    var date = Date(timeIntervalSince1970: 5), type: Any.Type = Kept.self, tuple = (1, "two")
    weak var me: Kept?
    unowned var mine: Kept!
    var id: ObjectIdentifier?
    var gone = 1
    init() {
      me = self
      mine = self
      id = ObjectIdentifier(self)
    }
  }
  let kept = Change.before("neighbours of a change stay as they were", Kept())
#else
  final class Kept {
    var data = Data(), slice = Data(), text = "", part = "".dropFirst(), url: URL?, date = Date(),
      type: Any.Type = Int.self
    var tuple = (0, "")
    weak var me: Kept?
    unowned var mine: Kept!
    var id: ObjectIdentifier?
  }
  let kept = Change.after("neighbours of a change stay as they were", Kept()) { kept in
    let bytes: [UInt8] = (0..<200).map { UInt8($0) }
    let areBytes = kept.data == Data(bytes) && Array(kept.slice) == Array(bytes[10..<90])
    let areTexts = kept.text == "text that is not inline" && kept.part == "that is not inline"
    let areValues = kept.url?.host() == "a.b" && kept.date.timeIntervalSince1970 == 5
    let areMine = same(kept.me, kept) && same(kept.mine, kept) && kept.id == ObjectIdentifier(kept)
    return areBytes && areTexts && areValues && areMine && kept.slice.startIndex == 10
      && kept.type == Kept.self && kept.tuple == (1, "two")
  }
#endif

#if BEFORE
  struct State {
    var hits: Int32 = 5
    var name = "state, in a mutex"
  }
  final class Gate: PersistentLayout {
    let state = Mutex(State())
    let hits = Atomic<Int32>(7)
    static var hiddenStorage: [HiddenStorage] {
      [.mutex("state", of: State.self), .atomic("hits", of: Int32.self)]
    }
  }
  let gates = Change.before("described storage: value of a mutex and of an atomic widened", Gate())
#else
  struct State {
    var name = ""
    var hits = 0
    var last: Int?
  }
  final class Gate: PersistentLayout {
    let state = Mutex(State())
    let hits = Atomic<Int>(0)
    static var hiddenStorage: [HiddenStorage] {
      [.mutex("state", of: State.self), .atomic("hits", of: Int.self)]
    }
  }
  let gates = Change.after(
    "described storage: value of a mutex and of an atomic widened", Gate()
  ) {
    $0.state.withLock { $0.hits == 5 && $0.name == "state, in a mutex" }
      && $0.hits.load(ordering: .relaxed) == 7
  }
#endif

#if BEFORE
  struct Head {
    var count = 0
    let capacity: Int
  }
  final class Buffer: ManagedBuffer<Head, Item2>, PersistentLayout {
    static var hiddenStorage: [HiddenStorage] {
      [.elements(of: Item2.self, count: \Head.count, capacity: \.capacity)]
    }
  }
  struct Item2 {
    var text = "an element of a buffer"
    var number: Int32 = 3
  }
  func buffer() -> Buffer {
    let buffer = unsafeDowncast(
      Buffer.create(minimumCapacity: 8) { _ in Head(capacity: 8) }, to: Buffer.self)
    buffer.withUnsafeMutablePointerToElements {
      for place in 0..<5 { ($0 + place).initialize(to: Item2(number: Int32(place))) }
    }
    buffer.header.count = 5
    return buffer
  }
  let buffers = Change.before("described storage: elements of a buffer grew", [buffer()])
#else
  struct Head {
    var count = 0
    let capacity: Int
    var note: String?
  }
  final class Buffer: ManagedBuffer<Head, Item2>, PersistentLayout {
    static var hiddenStorage: [HiddenStorage] {
      [.elements(of: Item2.self, count: \Head.count, capacity: \.capacity)]
    }
  }
  struct Item2 {
    var number = 0
    var text = ""
    var more: Item?
  }
  let buffers = Change.after("described storage: elements of a buffer grew", [Buffer]()) {
    $0[0].header.count == 5 && $0[0].header.capacity == 8 && $0[0].header.note == nil
      && $0[0].withUnsafeMutablePointerToElements { elements in
        (0..<5).allSatisfy {
          elements[$0].number == $0 && elements[$0].text == "an element of a buffer"
        }
      }
  }
#endif

#if BEFORE
  final class Graph {
    var nodes: [Graph] = []
    var number: Int32
    init(_ number: Int) { self.number = Int32(number) }
  }
  func graph() -> Graph {
    let nodes = (0..<1000).map { Graph($0) }
    for (index, node) in nodes.enumerated() {
      node.nodes = [nodes[index * 7 % 1000], nodes[index * 3 % 1000], nodes[0]]
    }
    nodes[0].nodes = nodes
    return nodes[0]
  }
  let graphs = Change.before("class changed in a graph with cycles and shared objects", graph())
#else
  final class Graph {
    var number = 0
    var nodes: [Graph] = []
    var note = ""
  }
  let graphs = Change.after("class changed in a graph with cycles and shared objects", Graph()) {
    root in
    root.nodes.count == 1000
      && root.nodes.dropFirst().enumerated().allSatisfy { index, node in
        node.number == index + 1 && same(node.nodes[0], root.nodes[(index + 1) * 7 % 1000])
          && same(node.nodes[2], root)
      }
  }
#endif

#if BEFORE
  typealias Row = (id: Int32, name: String)
  final class Table {
    var rows: [Row] = [(1, "a"), (2, "b")]
    var grown = (1, 2)
  }
  let tables = Change.before("element of a tuple of another type", Table())
#else
  typealias Row = (id: Int, name: String?)
  final class Table {
    var rows: [Row] = []
    var grown = (0, 0.5 as Double?)
  }
  let tables = Change.refused(
    "element of a tuple of another type", Table(), says: "`grown.1` of Shop.Table")
#endif

#if BEFORE
  final class Tuples { var rows: [(id: Int32, name: String)] = [(1, "a"), (2, "b")] }
  let tuples = Change.before("elements of tuples widened", Tuples())
#else
  final class Tuples { var rows: [(id: Int, name: String?)] = [] }
  let tuples = Change.after("elements of tuples widened", Tuples()) {
    $0.rows.map(\.id) == [1, 2] && $0.rows.map(\.name) == ["a", "b"]
  }
#endif

#if BEFORE
  final class Arity { var pair = (1, 2) }
  let arities = Change.before("tuple with another number of elements", Arity())
#else
  final class Arity { var pair = (0, 0, 0) }
  let arities = Change.refused(
    "tuple with another number of elements", Arity(), says: "`pair` of Shop.Arity")
#endif

let nested = [
  items, cells, keys, codes, shelves, kept, gates, buffers, graphs, tables, tuples, arities,
]
