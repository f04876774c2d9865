import Foundation
import Testing
import Worlds

@testable import Containers

/// Restored objects are ordinary ones: each is released once, when the last reference to it goes, and
/// not before. Counted, and compared with a model that counts references by itself.
@Suite("Releasing what was restored", .serialized)
struct ReleaseTests {
  private static let isDeep = ProcessInfo.processInfo.environment["SOFTPM_TEST_DEEP"] != nil

  /// How often each number's `deinit` ran. The suite is serialized, and one thread at a time lets go.
  nonisolated(unsafe) static var ended: [Int: Int] = [:]

  enum Payload {
    case none
    case one(Part)
    indirect case pair(Payload, Part)
  }

  class Part {
    let number: Int
    var text: String
    var edges: [Part] = []
    var named: [String: Part] = [:]
    var payload = Payload.none
    var anything: Any?
    var next: Part?
    weak var back: Part?
    unowned var root: Root
    init(_ number: Int, _ root: Root) {
      self.number = number
      self.root = root
      text = "part number \(number), too long to be inline"
    }
    deinit { ReleaseTests.ended[number, default: 0] += 1 }
  }
  final class LargePart: Part {
    var bytes = [UInt8](repeating: 7, count: 5000)
    var rows: [[String]] = [["a row that is too long to be inline"], []]
  }
  final class Root {
    var slots: [Part?] = []
  }

  /// The graph, and who refers to whom: from smaller numbers to larger ones, so that without a
  /// circle all of it ends when the slots do.
  struct Model {
    var edges: [[Int]] = []
    var slots: [Int?] = []
    var references: [Int] = []
    var ended: Set<Int> = []

    mutating func release(_ number: Int) {
      references[number] -= 1
      guard references[number] == 0 else { return }
      ended.insert(number)
      for next in edges[number] { release(next) }
    }

    mutating func clear(_ slot: Int) {
      guard let number = slots[slot] else { return }
      slots[slot] = nil
      release(number)
    }
  }

  /// Makes graph and model, alike.
  private func grow(_ root: Root, _ count: Int, _ random: inout SeededGenerator) -> Model {
    let parts = (0..<count).map { $0 % 6 == 0 ? LargePart($0, root) : Part($0, root) }
    var model = Model(
      edges: Array(repeating: [], count: count), references: Array(repeating: 0, count: count))
    func link(_ from: Int, _ to: Int) -> Part {
      model.edges[from].append(to)
      model.references[to] += 1
      return parts[to]
    }
    for (number, part) in parts.enumerated() {
      part.back = parts.randomElement(using: &random)
      guard number + 1 < count else { break }
      for kind in 0..<5 where Int.random(in: 0..<3, using: &random) == 0 {
        let other = Int.random(in: number + 1..<count, using: &random)
        let another = Int.random(in: number + 1..<count, using: &random)
        switch kind {
        case 0: part.next = link(number, other)
        case 1: part.edges = [link(number, other), link(number, another), link(number, other)]
        case 2:
          part.named["a key that is too long to be inline"] = link(number, other)
          part.named["key"] = link(number, another)
        case 3: part.payload = .pair(.one(link(number, other)), link(number, another))
        default: part.anything = link(number, other)
        }
      }
    }
    // What nothing refers to hangs on the root, and more does besides.
    for number in 0..<count where model.references[number] == 0 || number % 3 == 0 {
      model.slots.append(number)
      model.references[number] += 1
      root.slots.append(parts[number])
    }
    return model
  }

  @Test(
    "each restored object ends once, when its last reference goes, and leaves nothing behind",
    arguments: 1...(isDeep ? 100 : 8))
  func endsOnce(seed: Int) throws {
    Self.ended = [:]
    var random = SeededGenerator(seed: UInt64(seed))
    let store = try Store.inMemory()
    var container = try store.container("parts", initial: Root())
    try container.persistAndWait()
    let empty = try container.versions[0].id
    // A seed that is even builds before there is a scope: foreign objects come home at restore.
    var model: Model
    if seed % 2 == 0 {
      let root = container.root
      model = grow(root, 120, &random)
    } else {
      model = container.update { grow($0, 120, &random) }
    }
    try container.persistAndWait()
    try container.close()
    #expect(Self.ended.isEmpty, "seed \(seed): closing ran \(Self.ended.count) deinits")

    container = try store.container("parts", initial: Root())
    for slot in model.slots.indices.shuffled(using: &random) {
      model.clear(slot)
      container.update { $0.slots[slot] = nil }
      #expect(
        Set(Self.ended.keys) == model.ended && Self.ended.values.allSatisfy { $0 == 1 },
        "seed \(seed), slot \(slot)")
      if Self.ended.count != model.ended.count { return }
      // In between, as programs do: persisted, and restored again.
      guard slot % 10 == 0 else { continue }
      try container.persistAndWait()
      try container.close()
      container = try store.container("parts", initial: Root())
    }
    #expect(Self.ended.count == 120, "seed \(seed)")
    // The counts themselves have grown within `update`, and lie in the container's memory.
    Self.ended = [:]
    container.update { $0.slots = [] }
    let left = container.core.arena.statistics.liveCells
    // As much as a container has that never held any of it.
    try container.switchTo(empty)
    #expect(left == container.core.arena.statistics.liveCells, "seed \(seed)")
    try store.close()
  }

  @Test("what a program took out of a snapshot ends once, when the program lets go of it")
  func snapshots() throws {
    Self.ended = [:]
    var random = SeededGenerator(seed: 77)
    let store = try Store.inMemory()
    let container = try store.container("parts", initial: Root())
    _ = container.update { grow($0, 60, &random) }
    let version = try container.persistAndWait()
    let snapshot = try container.snapshot(version)
    var held: Part? = snapshot.root.slots[0]
    let number = try #require(held?.number)
    snapshot.close()
    #expect(Self.ended.isEmpty)
    held = nil
    // With it goes what only it held; the root that it knows of was not its own.
    #expect(Self.ended[number] == 1)
    #expect(Self.ended.values.allSatisfy { $0 == 1 })
    #expect(held == nil)
    try store.close()
  }
}
