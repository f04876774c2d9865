// Random programs: objects of every kind, made and dropped by several threads in and out of
// scopes of several arenas, each checked when it is dropped, and the heap's invariants with them.
//
// `SOFTPM_TEST_DEEP=1` runs ten million operations; `SOFTPM_SEED` repeats a run.

import Foundation
import SoftPMBase
import SoftPMHeap
import Testing

private struct Generator: RandomNumberGenerator {
  var state: UInt64
  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var word = state
    word = (word ^ (word >> 30)) &* 0xbf58_476d_1ce4_e5b9
    word = (word ^ (word >> 27)) &* 0x94d0_49bb_1331_11eb
    return word ^ (word >> 31)
  }
}

private final class Node {
  var next: Node?
  weak var back: Node?
  var value: Int
  init(_ value: Int, _ next: Node?) {
    self.value = value
    self.next = next
    next?.back = self
  }
}
private actor Keeper {
  let value: Int
  init(_ value: Int) { self.value = value }
  nonisolated var copy: Int { value }
}
private indirect enum Tree {
  case leaf(Int)
  case branch(Tree, Tree)
  var sum: Int {
    switch self {
    case .leaf(let value): value
    case .branch(let left, let right): left.sum + right.sum
    }
  }
}
private struct Big { var words: (Int, Int, Int, Int, Int) }

/// A value of some kind that knows what it should hold.
private struct Thing {
  let value: Any
  let expected: Int

  init(_ expected: Int, kind: Int, size: Int) {
    self.expected = expected
    switch kind {
    case 0: value = Node(expected, Node(expected + 1, nil))
    case 1: value = Array(repeating: expected, count: size)
    case 2: value = Dictionary(uniqueKeysWithValues: (0..<size % 50).map { ($0, expected) })
    case 3: value = Set((0..<size % 50).map { $0 + expected })
    case 4: value = String(repeating: "long text ", count: size % 40) + String(expected)
    case 5: value = Big(words: (expected, 1, 2, 3, 4))
    case 6: value = (0..<size % 10).reduce(Tree.leaf(expected)) { .branch($0, .leaf($1)) }
    case 7: value = Keeper(expected)
    default: value = { expected }
    }
  }

  /// Whether it still holds that, having grown meanwhile where it can.
  func isIntact() -> Bool {
    switch value {
    case let node as Node:
      return node.value == expected && node.next?.value == expected + 1 && node.next?.back === node
    case var array as [Int]:
      array.append(expected)
      return array.allSatisfy { $0 == expected }
    case var dictionary as [Int: Int]:
      dictionary[1_000] = expected
      return dictionary.values.allSatisfy { $0 == expected }
    case var set as Set<Int>:
      set.insert(expected - 1)
      return set.contains(expected - 1)
    case let text as String: return text.hasSuffix(String(expected))
    case let big as Big: return big.words.0 == expected && big.words.4 == 4
    case let tree as Tree: return tree.sum >= expected
    case let keeper as Keeper: return keeper.copy == expected
    case let closure as () -> Int: return closure() == expected
    default: return false
    }
  }
}

/// What the threads hand to each other, so that most things are freed by another thread.
private final class Exchange: @unchecked Sendable {
  private var things: [Thing] = []
  private let lock = NSLock()

  func swap(_ thing: Thing, _ random: UInt64) -> Thing? {
    lock.withLock {
      guard things.count > 2_000 else {
        things.append(thing)
        return nil
      }
      let index = Int(random % UInt64(things.count))
      defer { things[index] = thing }
      return things[index]
    }
  }

  func drain() -> [Thing] {
    lock.withLock {
      defer { things = [] }
      return things
    }
  }
}

private let seed =
  ProcessInfo.processInfo.environment["SOFTPM_SEED"].flatMap { UInt64($0) }
  ?? UInt64.random(in: 0...UInt64.max)

@Suite(.serialized) struct StressTests {
  /// One thread's share of a random program; returns what was found damaged.
  private static func work(
    _ operations: Int, _ generator: Generator, _ arenas: [Arena], _ exchange: Exchange
  ) -> Int {
    var generator = generator
    var damaged = 0
    for operation in 0..<operations {
      let random = generator.next()
      let size = random % 100 == 0 ? Int(random >> 40) % 5_000 : Int(random >> 40) % 60
      let make = { Thing(operation, kind: Int(random >> 8) % 9, size: size) }
      let choice = Int(random >> 16) % (arenas.count + 1)
      let thing = choice < arenas.count ? arenas[choice].inScope(make) : make()
      guard let other = exchange.swap(thing, random >> 20) else { continue }
      if !other.isIntact() { damaged += 1 }
    }
    return damaged
  }

  @Test("objects made and freed by several threads in several arenas stay intact")
  func stress() throws {
    let operations = isDeep ? 10_000_000 : 60_000
    let exchange = Exchange()
    let arenas = try [4, 16, 64].map {
      try makeArena(addressSpace: .mebibytes(512), chunkSize: .kibibytes($0))
    }
    nonisolated(unsafe) var damaged = 0
    let lock = NSLock()
    let group = DispatchGroup()
    let threads = 3
    for thread in 0..<threads {
      group.enter()
      Thread.detachNewThread {
        let generator = Generator(state: seed &+ UInt64(thread))
        let found = Self.work(operations / threads, generator, arenas, exchange)
        lock.withLock { damaged += found }
        group.leave()
      }
    }
    while group.wait(timeout: .now() + .milliseconds(50)) == .timedOut {
      for arena in arenas { try arena.checkInvariants() }
      try Heap.checkNurseryInvariants()
    }
    #expect(damaged == 0, "SOFTPM_SEED=\(seed)")
    #expect(exchange.drain().allSatisfy { $0.isIntact() }, "SOFTPM_SEED=\(seed)")
    for arena in arenas {
      try arena.checkInvariants()
      arena.close()
    }
  }

  @Test("a quarantine holds whatever other threads free, and invariants hold in it")
  func quarantineUnderLoad() throws {
    let arena = try makeArena(addressSpace: .mebibytes(256))
    let exchange = Exchange()
    let group = DispatchGroup()
    for thread in 0..<2 {
      group.enter()
      Thread.detachNewThread {
        let generator = Generator(state: seed &+ UInt64(100 + thread))
        _ = Self.work(isDeep ? 500_000 : 10_000, generator, [arena], exchange)
        group.leave()
      }
    }
    while group.wait(timeout: .now() + .milliseconds(5)) == .timedOut {
      arena.beginQuarantine()
      try arena.checkInvariants()
      arena.endQuarantine()
    }
    #expect(exchange.drain().allSatisfy { $0.isIntact() }, "SOFTPM_SEED=\(seed)")
    try arena.checkInvariants()
  }
}
