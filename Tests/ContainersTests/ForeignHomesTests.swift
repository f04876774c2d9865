import Containers
import Testing

/// Graphs built before there was a container, whose members take turns in the places that are kept for
/// their images: no point after the first has to look at everything.
@Suite("Foreign members come and go")
struct ForeignHomesTests {
  class Small { var number = 0 }
  final class Big: Small { var values = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16) }
  final class Root {
    var list: [Small] = []
    var rows: [[Int]] = []
  }

  @Test("what goes makes room for what comes, of whatever size, and a point looks at that only")
  func takingTurns() throws {
    let store = try Store.inMemory()
    let root = Root()
    root.list.reserveCapacity(3000)
    root.list = (0..<3000).map { _ in Small() }
    let container = try store.container("c", initial: root)
    try container.persistAndWait()
    #expect(container.statistics.pointsLookingAtAll == 1)
    // Outside of `update`: all of it is allocated as before.
    for round in 1...4 {
      root.list.removeAll(keepingCapacity: true)
      root.rows = []
      try container.persistAndWait()
      switch round {
      case 1: root.list += (0..<1000).map { _ in Big() }
      case 2: root.rows = (0..<3).map { Array(repeating: $0, count: 40_000) }
      case 3: root.rows = (0..<500).map { Array(repeating: $0, count: 30) }
      default: root.list += (0..<3000).map { _ in Small() }
      }
      try container.persistAndWait()
      #expect(container.statistics.pointsLookingAtAll == 1, "round \(round)")
    }
    let counts = (root.list.count, root.rows.count)
    try container.close()
    let restored = try store.container("c", initial: Root())
    #expect(restored.read { ($0.list.count, $0.rows.count) } == counts)
    try store.close()
  }
}
