import Foundation
import SoftPMBase
import SoftPMHeap
import Testing

private final class Node {
  var next: Node?
  var value: Int
  init(_ value: Int) { self.value = value }
}
private class Generic<Value> {
  var value: Value
  init(_ value: Value) { self.value = value }
}
private actor Counter { var count = 1 }
private final class Vector { var lanes = SIMD8<Float>(repeating: 1) }
private struct Big { var words = (1, 2, 3, 4, 5) }
private struct Holder { var value: Any }
private indirect enum Tree {
  case leaf(Int)
  case branch(Tree, Tree)
}
private enum Failure: Error { case expected }

/// One of each kind that Swift allocates, and the address of each.
private struct Everything {
  var addresses: [(kind: String, address: UInt)] = []
  var keep: [Any] = []
  let buffer = UnsafeMutablePointer<Int>.allocate(capacity: 9)

  init() {
    let node = Node(opaque(1))
    add("class", address(of: node), node)
    let generic = Generic([opaque(1)])
    add("generic class", address(of: generic), generic)
    let array = Array(0..<opaque(100))
    add("array", word(0, of: array), array)
    let large = [UInt8](repeating: 1, count: opaque(100_000))
    add("large array", word(0, of: large), large)
    let dictionary = [opaque("key"): 1]
    add("dictionary", word(0, of: dictionary), dictionary)
    let set: Set<Int> = [opaque(7)]
    add("set", word(0, of: set), set)
    let string = String(repeating: "long ", count: opaque(10))
    add("string", word(1, of: string), string)
    let box: Any = Big(words: (opaque(1), 2, 3, 4, 5))
    add("existential box", word(0, of: Holder(value: box)), box)
    let tree = Tree.branch(.leaf(opaque(1)), .leaf(2))
    add("indirect enum", word(0, of: tree), tree)
    let actor = Counter()
    add("actor", address(of: actor), actor)
    let vector = Vector()
    add("class of alignment 32", address(of: vector), vector)
    var captured = opaque(1)
    let closure = { captured += 1 }
    closure()
    add("closure context", word(1, of: closure), closure)
    addresses.append(("raw buffer", UInt(bitPattern: buffer)))
  }

  private mutating func add(_ kind: String, _ address: UInt, _ value: Any) {
    addresses.append((kind, address))
    keep.append(value)
  }
}

@Suite struct ScopeTests {
  @Test("what Swift allocates in a scope lies in the arena, every kind of it")
  func everythingInScope() throws {
    let arena = try makeArena()
    let everything = arena.inScope { Everything() }
    for (kind, address) in everything.addresses {
      let cell = arena.cell(containing: address)
      #expect(arena.contains(address), "\(kind)")
      #expect(cell?.start == address, "\(kind)")
    }
    #expect(arena.cell(containing: everything.addresses.last!.address)?.isRaw == true)
    #expect(arena.cell(containing: everything.addresses.first!.address)?.isRaw == false)
    everything.buffer.deallocate()
  }

  @Test("what Swift allocates outside scopes lies in the nursery and in no arena")
  func nothingOutside() throws {
    let arena = try makeArena()
    let before = arena.statistics.liveCells
    let everything = Everything()
    for (kind, address) in everything.addresses {
      #expect(!arena.contains(address), "\(kind)")
      #expect(Heap.nurseryRange.contains(address), "\(kind)")
      #expect(Heap.cell(containing: address)?.start == address, "\(kind)")
    }
    #expect(arena.statistics.liveCells == before)
    everything.buffer.deallocate()
  }

  @Test("alignment is kept, in a scope and when raw memory asks for more than a cell can give")
  func alignment() throws {
    let arena = try makeArena()
    arena.inScope {
      for alignment in [16, 32, 64, 128, 256, 4096] {
        for byteCount in [1, 40, 100, 1000, 5000, 20_000] {
          let raw = UnsafeMutableRawPointer.allocate(byteCount: byteCount, alignment: alignment)
          #expect(UInt(bitPattern: raw) % UInt(alignment) == 0, "\(byteCount) at \(alignment)")
          memset(raw, 1, byteCount)
          raw.deallocate()
        }
      }
    }
  }

  @Test("scopes nest, and end when the body returns or throws")
  func nesting() throws {
    let outer = try makeArena()
    let inner = try makeArena()
    try outer.inScope {
      #expect(outer.isCurrent)
      do {
        try inner.inScope {
          #expect(inner.contains(address(of: Node(1))))
          withoutScopes {
            let node = Node(2)
            #expect(!inner.contains(address(of: node)) && !outer.contains(address(of: node)))
          }
          #expect(inner.isCurrent)
          throw Failure.expected
        }
      } catch Failure.expected {}
      #expect(outer.contains(address(of: Node(3))))
    }
    #expect(!outer.isCurrent && !inner.isCurrent)
  }

  @Test("an ambient arena serves its thread outside explicit scopes, and no other thread")
  func ambient() throws {
    let arena = try makeArena()
    let other = try makeArena()
    let done = DispatchSemaphore(value: 0)
    Thread.detachNewThread {
      arena.makeAmbient()
      #expect(arena.contains(address(of: Node(1))))
      other.inScope { #expect(other.contains(address(of: Node(2)))) }
      withoutScopes { #expect(!arena.contains(address(of: Node(3)))) }
      other.inScope { arena.makeAmbient() }
      #expect(arena.isCurrent)
      other.makeAmbient()
      #expect(other.contains(address(of: Node(4))))
      Arena.clearAmbient()
      #expect(!other.contains(address(of: Node(5))))
      arena.makeAmbient()
      done.signal()
    }
    done.wait()
    #expect(!arena.isCurrent && !other.isCurrent)
  }

  @Test("other threads' objects do not follow one thread's scope")
  func perThread() throws {
    let arena = try makeArena()
    arena.inScope {
      let done = DispatchSemaphore(value: 0)
      nonisolated(unsafe) var wasInside = true
      Thread.detachNewThread {
        wasInside = arena.contains(address(of: Node(1)))
        done.signal()
      }
      done.wait()
      #expect(!wasInside)
    }
  }
}
