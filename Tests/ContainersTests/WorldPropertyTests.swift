import Containers
import Foundation
import Testing
import Worlds

/// Random graphs, changed at random, persisted at random, restored, and compared with what
/// ordinary Swift said about them.
@Suite("Random graphs")
struct WorldPropertyTests {
  private static let isDeep = ProcessInfo.processInfo.environment["SOFTPM_TEST_DEEP"] != nil
  static let seeds = Array(1...(isDeep ? 200 : 6))
  private static let steps = isDeep ? 4000 : 800

  @Test(
    "a restored graph is the graph at its last point, whatever was done to it", arguments: seeds)
  func restoredEqualsModel(seed: Int) throws {
    let store = try Store.inMemory()
    var attributes = ContainerAttributes()
    // Small chunks: what spans several of them is common.
    attributes.chunkSize = seed % 2 == 0 ? 16 << 10 : 4 << 10
    var container = try store.container("world", initial: World(), attributes: attributes)
    var mutator = WorldMutator(seed: UInt64(seed))
    var persisted: [String]?
    var points = 0
    for step in 0..<Self.steps {
      container.update { mutator.step($0) }
      guard Int.random(in: 0..<40, using: &mutator.random) == 0 else { continue }
      let point = try container.persist()
      persisted = container.read { $0.description() }
      points += 1
      guard points % 5 == 0 else { continue }
      try point.wait()
      try container.close()
      container = try store.container("world", initial: World())
      let restored = container.read { $0.description() }
      #expect(restored == persisted, "seed \(seed), step \(step)")
      if restored != persisted { break }
      // What is held from before belongs to the graph that was closed.
      mutator.forgetHeld()
    }
    #expect(points > 5)
    try store.close()
  }

  @Test("every version still reads as what it was when it was made", arguments: seeds.prefix(2))
  func versionsKeepTheirContent(seed: Int) throws {
    let store = try Store.inMemory()
    let container = try store.container("world", initial: World())
    var mutator = WorldMutator(seed: UInt64(seed) + 1000)
    var expected: [VersionID: [String]] = [:]
    for _ in 0..<20 {
      container.update { world in for _ in 0..<25 { mutator.step(world) } }
      expected[try container.persistAndWait()] = container.read { $0.description() }
    }
    #expect(try container.versions.map(\.id) == expected.keys.sorted())
    for (version, description) in expected {
      let snapshot = try container.snapshot(version)
      #expect(snapshot.read { $0.description() } == description, "seed \(seed), \(version)")
      snapshot.close()
    }
    try store.close()
  }
}
