import Containers
import Dispatch
import Synchronization
import Testing

/// Who waits for a container gets it, however busy the others are.
@Suite("Turns")
struct TurnTests {
  final class Over: Sendable {
    let value = Atomic(false)
  }
  final class Root {
    var counts = [0, 0]
  }

  @Test("points and readers get their turn among two threads that update without a pause")
  func tireless() throws {
    let store = try Store.inMemory()
    let container = try store.container("busy", initial: Root())
    let isOver = Over()
    let updaters = DispatchGroup()
    for thread in 0..<2 {
      DispatchQueue.global().async(group: updaters) {
        while !isOver.value.load(ordering: .relaxed) {
          container.update { root in root.counts[thread] += 1 }
        }
      }
    }
    // The container must be open as long as somebody updates it.
    let outcome = Result { try Self.alternate(container) }
    isOver.value.store(true, ordering: .relaxed)
    updaters.wait()
    let seen = try outcome.get()
    #expect(seen == seen.sorted())
    try store.close()
  }

  /// The sums that readers see after each of some points.
  private static func alternate(_ container: Container<Root>) throws -> [Int] {
    var seen: [Int] = []
    for _ in 0..<20 {
      try container.persistAndWait()
      seen.append(container.read { $0.counts[0] + $0.counts[1] })
    }
    return seen
  }
}
