// A random graph of ordinary objects, and what there is to say about it by ordinary means: the
// model that restored graphs are compared with.

/// Splitmix64: a seed reproduces a run.
package struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64
  package init(seed: UInt64) { state = seed &* 0x9e37_79b9_7f4a_7c15 &+ 1 }

  package mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }
}

protocol Named { var title: String { get } }
struct Tag: Named {
  var number: Int
  var title: String { "tag \(number)" }
}
struct Banner: Named {
  var lines: [String]
  var target: Vertex
  var title: String { lines.joined(separator: "/") + " to \(target.id)" }
}

enum Payload {
  case empty
  case number(Int)
  case pair(Vertex, String)
  indirect case nested(Payload, Vertex?)

  func describe(_ visit: (Vertex) -> Void) -> String {
    switch self {
    case .empty: return "empty"
    case .number(let number): return "number \(number)"
    case .pair(let vertex, let text):
      visit(vertex)
      return "pair \(vertex.id) \(text)"
    case .nested(let inner, let vertex):
      if let vertex { visit(vertex) }
      return "nested (\(inner.describe(visit))) \(vertex?.id ?? -1)"
    }
  }
}

class Vertex {
  let id: Int
  var name: String
  var edges: [Vertex] = []
  var named: [String: Vertex] = [:]
  var tags: Set<Int> = []
  var payload = Payload.empty
  var next: Vertex?
  weak var back: Vertex?
  var shape: any Named = Tag(number: 0)
  var anything: Any?
  var bytes: [UInt8] = []

  init(id: Int) {
    self.id = id
    name = "v\(id)"
  }
}

final class HeavyVertex: Vertex {
  var weights: [[Double]] = []
  var label: String?
}

package final class World {
  package init() {}

  var entry: Vertex?
  var index: [Int: Vertex] = [:]
  var log: [String] = []
  var generation = 0
  /// Long enough to take chunks of their own, so that they are looked at part by part.
  var row: [Vertex?] = []
  var names: [String: Vertex] = [:]
}

extension World {
  /// Everything strong references reach, in an order that depends on the graph alone.
  package func description() -> [String] {
    var found: [Vertex] = []
    var seen: Set<ObjectIdentifier> = []
    func visit(_ vertex: Vertex) {
      if seen.insert(ObjectIdentifier(vertex)).inserted { found.append(vertex) }
    }
    if let entry { visit(entry) }
    for key in index.keys.sorted() { index[key].map(visit) }
    for vertex in row { vertex.map(visit) }
    for key in names.keys.sorted() { names[key].map(visit) }
    var bodies: [(Vertex, String)] = []
    var next = 0
    while next < found.count {
      let vertex = found[next]
      bodies.append((vertex, vertex.describe(visit)))
      next += 1
    }
    // A weak reference to what only the program holds is nil in the store.
    let lines = bodies.map { vertex, body in
      let back = vertex.back.flatMap { seen.contains(ObjectIdentifier($0)) ? $0.id : nil }
      return "\(vertex.id) \(body) back \(back ?? -1)"
    }
    let header = "generation \(generation), entry \(entry?.id ?? -1), \(log.joined(separator: ";"))"
    let keys = index.sorted { $0.key < $1.key }.map { "\($0.key):\($0.value.id)" }
    let row = row.map { "\($0?.id ?? -1)" }.joined(separator: " ")
    let names = names.sorted { $0.key < $1.key }.map { "\($0.key):\($0.value.id)" }
    return [header, keys.joined(separator: " "), row, names.joined(separator: " ")]
      + lines.sorted()
  }
}

extension Vertex {
  fileprivate func describe(_ visit: (Vertex) -> Void) -> String {
    edges.forEach(visit)
    for key in named.keys.sorted() { named[key].map(visit) }
    if let next { visit(next) }
    if let banner = shape as? Banner { visit(banner.target) }
    if let vertex = anything as? Vertex { visit(vertex) }
    var text = "\(type(of: self)) \(name) edges \(edges.map(\.id))"
    text += " named \(named.sorted { $0.key < $1.key }.map { "\($0.key):\($0.value.id)" })"
    text += " tags \(tags.sorted()) payload \(payload.describe(visit)) next \(next?.id ?? -1)"
    text += " shape \(shape.title) bytes \(bytes)"
    switch anything {
    case nil: text += " nil"
    case let vertex as Vertex: text += " any vertex \(vertex.id)"
    case let value?: text += " any \(value)"
    }
    if let heavy = self as? HeavyVertex {
      text += " weights \(heavy.weights) label \(heavy.label ?? "nil")"
    }
    return text
  }
}
