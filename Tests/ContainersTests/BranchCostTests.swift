import Foundation
import SoftPMStore
import SoftPMTesting
import Testing

@testable import Containers

/// What versions cost, and what is not in them: counted, not timed.
@Suite("Cost of versions")
struct BranchCostTests {
  final class Node {
    var text: String
    var next: Node?
    var other: Node?
    init(_ text: String) { self.text = text }
  }
  final class Graph {
    var first: Node?
    var count = 0
  }

  @Test("a branch costs what one durable point costs, however large the container is")
  func branch() throws {
    for count in [10, 20_000] {
      let core = StoreCore(try ChunkStore.open(on: MemoryDevice()), path: nil)
      let store = Store(core)
      let graph = try store.container("graph", initial: Graph())
      graph.update { root in
        for number in 0..<count {
          let node = Node("node number \(number), not inline")
          node.next = root.first
          root.first = node
        }
      }
      let version = try graph.persistAndWait()
      func flushes(_ body: () throws -> Void) rethrows -> (flushes: Int, bytes: Int) {
        // A fold that came before has flushes of its own.
        core.chunks.waitForBackground()
        let before = core.chunks.statistics
        try body()
        let after = core.chunks.statistics
        return (after.flushes - before.flushes, after.bytesWritten - before.bytesWritten)
      }
      let point = try flushes {
        graph.update { $0.count += 1 }
        try graph.persistAndWait()
      }
      let branch = try flushes { _ = try graph.branch("branch", from: version) }
      #expect(branch.flushes >= 1 && branch.flushes <= point.flushes, "\(branch), \(point)")
      #expect(branch.bytes <= point.bytes, "\(branch), a point \(point)")
      try store.close()
    }
  }

  @Test("cycles cut loose are in no further version, and their space returns")
  func cycles() throws {
    let folder = try ScratchFolder()
    let store = try Store.open(folder.path("s"))
    var attributes = ContainerAttributes()
    attributes.retention = .latest(1)
    let graph = try store.container("graph", initial: Graph(), attributes: attributes)
    try graph.persistAndWait()
    let small = try store.compact().bytesAfter
    graph.update { root in
      for number in 0..<10_000 {
        let one = Node("one of a pair, number \(number), not inline")
        let other = Node("the other of a pair, number \(number), not inline")
        (one.other, other.other) = (other, one)
        one.next = root.first
        root.first = one
      }
    }
    let full = try graph.persistAndWait()
    let large = try store.compact().bytesAfter
    #expect(large > small + (1 << 20))
    // Cut off one by one: each pair still holds itself, and nobody else does.
    graph.update { root in
      while let node = root.first {
        root.first = node.next
        node.next = nil
      }
      root.count = 1
    }
    let empty = try graph.persistAndWait()
    #expect(empty > full)
    let counts = try graph.versions.map(\.objectCount)
    #expect(counts.count == 1 && counts[0] < 10, "\(counts)")
    #expect(try store.compact().bytesAfter < small + (256 << 10))
    try store.close()
  }
}
