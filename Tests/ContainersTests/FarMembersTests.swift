import Containers
import Testing

/// Containers that have used more addresses than members can be numbered in.
@Suite("Members far from the start")
struct FarMembersTests {
  final class Node {
    var number: Int
    var next: Node?
    init(_ number: Int, _ next: Node?) {
      self.number = number
      self.next = next
    }
  }
  final class Root {
    var first: Node?
    var sum: Int {
      var sum = 0
      var node = first
      while let current = node {
        sum += current.number
        node = current.next
      }
      return sum
    }
  }

  @Test("what lies beyond 16 GiB of used addresses is persisted too, by looking at everything")
  func far() throws {
    let store = try Store.inMemory()
    var attributes = ContainerAttributes()
    attributes.addressSpace = 64 << 30
    let container = try store.container("far", initial: Root(), attributes: attributes)
    container.update { $0.first = Node(1, nil) }
    try container.persistAndWait()
    // Addresses only: no page of it is touched.
    var gap: [UInt8] = []
    container.update { root in
      gap.reserveCapacity(17 << 30)
      for number in 2...5000 { root.first = Node(number, root.first) }
    }
    let sum = container.read { $0.sum }
    try container.persistAndWait()
    #expect(gap.isEmpty)
    gap = []
    try container.close()
    let restored = try store.container("far", initial: Root())
    #expect(restored.read { $0.sum } == sum)
    try store.close()
  }
}
