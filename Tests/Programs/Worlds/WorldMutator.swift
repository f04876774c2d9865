// Random changes to a world: whatever programs do to their objects, in any order.

package struct WorldMutator {
  package var random: SeededGenerator
  private var lastID = 0
  /// Vertices that the program holds besides the graph, in it or out of it.
  private var held: [Vertex] = []

  package init(seed: UInt64) {
    random = SeededGenerator(seed: seed)
  }

  package mutating func forgetHeld() { held.removeAll() }

  private mutating func newVertex() -> Vertex {
    lastID += 1
    let vertex = lastID % 5 == 0 ? HeavyVertex(id: lastID) : Vertex(id: lastID)
    if Bool.random(using: &random) {
      vertex.name = "vertex number \(lastID), with a name that is not inline"
    }
    return vertex
  }

  /// A vertex reached by a short random walk, or one held.
  private mutating func pick(_ world: World) -> Vertex? {
    if let vertex = held.randomElement(using: &random), Int.random(in: 0..<8, using: &random) == 0 {
      return vertex
    }
    var vertex = world.index.values.randomElement(using: &random) ?? world.entry
    for _ in 0..<Int.random(in: 0..<4, using: &random) {
      guard let next = vertex?.edges.randomElement(using: &random) ?? vertex?.next else { break }
      vertex = next
    }
    return vertex
  }

  package mutating func step(_ world: World) {
    world.generation += 1
    guard let vertex = pick(world) else {
      let first = newVertex()
      world.entry = first
      world.index[first.id] = first
      return
    }
    switch Int.random(in: 0..<28, using: &random) {
    case 24..<28: arrange(vertex, world)
    case 0..<5: grow(vertex, world)
    case 5..<8: link(vertex, world)
    case 8..<12: cut(vertex, world)
    case 12..<20: edit(vertex, world)
    default: carry(vertex, world)
    }
  }

  private mutating func grow(_ vertex: Vertex, _ world: World) {
    let fresh = newVertex()
    fresh.back = vertex
    switch Int.random(in: 0..<5, using: &random) {
    case 0: vertex.next = fresh
    case 1: vertex.named["key \(fresh.id % 7)"] = fresh
    case 2: world.index[fresh.id % 40] = fresh
    case 3: vertex.payload = .nested(vertex.payload, fresh)
    default: vertex.edges.append(fresh)
    }
  }

  private mutating func link(_ vertex: Vertex, _ world: World) {
    guard let other = pick(world) else { return }
    switch Int.random(in: 0..<6, using: &random) {
    case 0: vertex.back = other
    case 1: vertex.payload = .pair(other, "to \(other.id)")
    case 2: vertex.shape = Banner(lines: ["banner", "number \(other.id)"], target: other)
    case 3: vertex.anything = other
    case 4: if vertex !== other { swap(&vertex.next, &other.next) }
    default: vertex.edges.append(other)
    }
  }

  private mutating func cut(_ vertex: Vertex, _ world: World) {
    switch Int.random(in: 0..<8, using: &random) {
    case 0: vertex.next = nil
    case 1: if !vertex.edges.isEmpty { vertex.edges.removeLast() }
    case 2: vertex.edges.removeAll()
    case 3: if let key = vertex.named.keys.min() { vertex.named[key] = nil }
    case 4: vertex.payload = .empty
    case 5: vertex.shape = Tag(number: vertex.id)
    case 6: if let key = world.index.keys.max() { world.index[key] = nil }
    default: vertex.anything = nil
    }
  }

  private mutating func edit(_ vertex: Vertex, _ world: World) {
    let number = Int.random(in: 0..<1000, using: &random)
    switch Int.random(in: 0..<9, using: &random) {
    case 0: vertex.name += "."
    case 1: vertex.name = "short"
    case 2: vertex.tags.insert(number)
    case 3: if let tag = vertex.tags.min() { vertex.tags.remove(tag) }
    case 4: vertex.payload = .number(number)
    case 5: vertex.anything = number % 2 == 0 ? number : "text number \(number), not inline"
    case 6: vertex.bytes = Array(repeating: UInt8(number % 256), count: number % 97 * 50)
    case 7:
      world.log.append("entry \(number)")
      if world.log.count > 20 { world.log.removeFirst(15) }
    default:
      if let heavy = vertex as? HeavyVertex {
        heavy.weights.append([Double(number), 0.5])
        heavy.label = number % 3 == 0 ? nil : "label \(number)"
      }
    }
  }

  /// Long rows and tables: written here and there, grown, cut short.
  private mutating func arrange(_ vertex: Vertex, _ world: World) {
    let number = Int.random(in: 0..<3000, using: &random)
    switch Int.random(in: 0..<8, using: &random) {
    case 0: world.row += Array(repeating: nil, count: number / 4)
    case 1: if world.row.count > 2500 { world.row.removeLast(number / 2) }
    case 2: if !world.row.isEmpty { world.row[number % world.row.count] = nil }
    case 3: if let last = world.row.popLast() ?? nil { held.append(last) }
    case 4: world.names["name number \(number), not inline"] = vertex
    case 5: if let key = world.names.keys.min() { world.names[key] = nil }
    default: if !world.row.isEmpty { world.row[number % world.row.count] = vertex }
    }
  }

  /// Objects leave the graph and come back, held by the program meanwhile.
  private mutating func carry(_ vertex: Vertex, _ world: World) {
    switch Int.random(in: 0..<4, using: &random) {
    case 0: held.append(vertex)
    case 1: if !held.isEmpty { held.remove(at: Int.random(in: 0..<held.count, using: &random)) }
    case 2: if let back = held.randomElement(using: &random) { vertex.edges.append(back) }
    default:
      if let next = vertex.next {
        held.append(next)
        vertex.next = nil
      }
    }
  }
}
