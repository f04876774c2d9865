import Containers
import Testing

private final class Knot {
  var number: Int
  var text: String
  var maybe: Int?
  var list: [Int] = []
  var kids: [String: Knot] = [:]
  var only: Knot?
  init(_ number: Int) {
    self.number = number
    text = number % 2 == 0 ? "t\(number)" : "a text that does not fit a word or two \(number)"
  }
}

/// A tree that is changed at random, without ever moving an object: so the difference of two
/// versions must be that of their leaves by path, which is counted here from the live objects.
private struct Gardener {
  private var state: UInt64
  private var count = 0

  init(seed: UInt64) { state = seed }

  mutating func random(_ bound: Int) -> Int {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return Int((mixed ^ (mixed >> 31)) >> 33) % bound
  }

  mutating func fresh() -> Knot {
    count += 1
    let knot = Knot(count)
    knot.list = (0..<random(4)).map { $0 + count }
    if random(3) == 0 { knot.maybe = count }
    return knot
  }

  mutating func change(_ root: Knot) {
    var knot = root
    while random(3) > 0 {
      let next = random(2) == 0 ? knot.only : knot.kids.sorted { $0.key < $1.key }.last?.value
      guard let next else { break }
      knot = next
    }
    count += 1
    switch random(9) {
    case 0: knot.number = -count
    case 1: knot.text += "+"
    case 2: knot.maybe = knot.maybe == nil ? count : nil
    case 3: knot.list.append(count)
    case 4: if !knot.list.isEmpty { knot.list.removeLast() }
    case 5: if !knot.list.isEmpty { knot.list[0] = -count }
    case 6: knot.kids["k\(random(5))"] = fresh()
    case 7: knot.kids["k\(random(5))"] = nil
    default: knot.only = random(3) == 0 ? nil : fresh()
    }
  }

  static func leaves(_ knot: Knot, _ path: String) -> [String: String] {
    var leaves = ["\(path).number": "\(knot.number)", "\(path).text": "\"\(knot.text)\""]
    if let maybe = knot.maybe { leaves["\(path).maybe"] = "\(maybe)" }
    for (index, number) in knot.list.enumerated() { leaves["\(path).list[\(index)]"] = "\(number)" }
    for (key, kid) in knot.kids {
      leaves.merge(Self.leaves(kid, "\(path).kids[\"\(key)\"]")) { $1 }
    }
    if let only = knot.only { leaves.merge(Self.leaves(only, "\(path).only")) { $1 } }
    return leaves
  }
}

@Suite("The difference of random versions")
struct DiffPropertyTests {
  @Test("is that of their leaves, forwards, backwards and over many versions", arguments: 1...6)
  func trees(_ seed: Int) throws {
    var gardener = Gardener(seed: UInt64(seed))
    let store = try Store.inMemory()
    let container = try store.container("tree", initial: gardener.fresh())
    var versions: [(id: VersionID, leaves: [String: String])] = []
    for _ in 0..<25 {
      container.update { root in
        for _ in 0..<1 + gardener.random(6) { gardener.change(root) }
      }
      let version = try container.persistAndWait()
      versions.append((version, container.read { Gardener.leaves($0, "root") }))
      let other = versions[gardener.random(versions.count)]
      for (old, new) in [
        (other, versions[versions.count - 1]), (versions[versions.count - 1], other),
      ] {
        let expected = Set(old.leaves.keys).union(new.leaves.keys)
          .filter { old.leaves[$0] != new.leaves[$0] }
          .map { ContainerChange(path: $0, before: old.leaves[$0], after: new.leaves[$0]) }
        let found = try container.diff(old.id, new.id)
        #expect(
          Set(found) == Set(expected) && found.count == expected.count,
          "seed \(seed), versions \(old.id) and \(new.id)")
      }
    }
  }

  @Test("of a point in flight is that of what becomes durable")
  func inFlight() throws {
    let store = try Store.inMemory()
    let container = try store.container("numbers", initial: [1, 2, 3])
    let first = try container.persistAndWait()
    container.root[1] = 5
    let point = try container.persist()
    #expect(try container.diff(first, point.version).map(\.description) == ["root[1]: 2 → 5"])
  }
}
