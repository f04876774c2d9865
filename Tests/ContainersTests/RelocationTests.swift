import Containers
import Testing
import Worlds

/// Containers that cannot lie where the store records them, since something of theirs lies there still.
@Suite("Relocation")
struct RelocationTests {
  @Test(
    "a graph restored elsewhere is the graph, changes, is persisted, and is restored once more",
    arguments: 1...4)
  func generations(seed: Int) throws {
    let store = try Store.inMemory()
    var container = try store.container("world", initial: World())
    var mutator = WorldMutator(seed: UInt64(seed) + 500)
    container.update { world in for _ in 0..<300 { mutator.step(world) } }
    #expect(container.statistics.isAtHome)
    var held: [World] = []
    for generation in 1...5 {
      let before = container.read { $0.description() }
      try container.persistAndWait()
      // As long as the program holds the graph, its addresses are taken.
      held.append(container.root)
      mutator.forgetHeld()
      try container.close()
      container = try store.container("world", initial: World())
      #expect(!container.statistics.isAtHome, "seed \(seed), \(generation)")
      #expect(container.read { $0.description() } == before, "seed \(seed), \(generation)")
      // Only read, it is the version that it was, wherever it lies.
      let version = container.version
      #expect(try container.persistAndWait() == version)
      // What is held is the program's own: whole, and nobody else's.
      if let last = held.last { #expect(last.description() == before) }
      container.update { world in for _ in 0..<100 { mutator.step(world) } }
    }
    withExtendedLifetime(held) {}
    try store.close()
  }
}
