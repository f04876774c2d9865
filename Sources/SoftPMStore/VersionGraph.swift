// What the store holds, in memory: containers and versions, without their chunks' content.
//
// Facts:
// 1. A version's parent is in the graph as long as the version needs its chunk table.
// 2. A version is *pending* until a flush covered its barrier and all earlier ones; only then is
//    it listed. A failed one leaves the graph with all that came after it.
// 3. Version numbers rise along every line, and a parent's is smaller than its children's.

import SoftPMBase

/// A container as the graph has it.
struct ContainerEntry {
  var number: ContainerNumber
  var name: String
  var chunkBytes: Int
  /// False until the barrier that makes it is durable.
  var isStored = false
  /// The barrier that makes it is on its way.
  var isBeingMade = false
  var isBeingDeleted = false
  var newest: VersionID?
  var versionCount = 0
}

/// A version as the graph has it. Guarded by the store's monitor.
final class VersionNode {
  var facts: VersionFacts
  let chunkBytes: Int
  /// What differs from the parent's table; sorted.
  var chunks: [ChunkEntry]
  var removed: [ChunkIndex]
  /// The parent whose table this one's is a delta to; nil for the first of a line.
  let parent: VersionNode?
  var isDurable = false
  /// Kept only because others need its table; no longer listed.
  var isDropped = false

  init(
    facts: VersionFacts, chunkBytes: Int, chunks: [ChunkEntry], removed: [ChunkIndex],
    parent: VersionNode?
  ) {
    self.facts = facts
    self.chunkBytes = chunkBytes
    self.chunks = chunks
    self.removed = removed
    self.parent = parent
  }
}

struct VersionGraph {
  var containers: [ContainerNumber: ContainerEntry] = [:]
  var versions: [VersionID: VersionNode] = [:]
  var nextContainer: UInt64 = 1

  func container(named name: String) -> ContainerEntry? {
    containers.values.first { $0.name == name && !$0.isBeingDeleted }
  }

  /// The durable, listed versions of a container, oldest first.
  func listed(_ container: ContainerNumber) -> [VersionNode] {
    versions.values
      .filter { $0.facts.container == container && $0.isDurable && !$0.isDropped }
      .sorted { $0.facts.id < $1.facts.id }
  }

  /// Takes a durable change over. Throws `.corrupt` when it cannot follow from what is there,
  /// which only a damaged or forged store can make happen.
  mutating func apply(_ change: Change, at offset: Int) throws(ContainerError) {
    func refuse(_ expected: String) -> ContainerError {
      .corrupt(at: UInt64(offset), expected: expected)
    }
    switch change {
    case .containerMade(let number, let name, let chunkBytes):
      guard containers[number] == nil, container(named: name) == nil else {
        throw refuse("a container that does not exist yet")
      }
      containers[number] = ContainerEntry(
        number: number, name: name, chunkBytes: chunkBytes, isStored: true)
      nextContainer = max(nextContainer, number.rawValue + 1)
    case .versionMade(let facts, let removed, let chunks):
      try add(facts, removed: removed, chunks: chunks, refuse)
      publish(facts.id)
    case .containerDeleted(let number):
      guard containers[number] != nil else { throw refuse("an existing container") }
      remove(number)
    case .versionDropped(let version):
      guard let node = versions[version], !node.isDropped else {
        throw refuse("an existing version")
      }
      drop(node)
    case .labelSet(let version, let label):
      guard let node = versions[version] else { throw refuse("an existing version") }
      node.facts.label = label
    }
  }

  private mutating func add(
    _ facts: VersionFacts, removed: [ChunkIndex], chunks: [ChunkEntry],
    _ refuse: (String) -> ContainerError
  ) throws(ContainerError) {
    guard let container = containers[facts.container], versions[facts.id] == nil else {
      throw refuse("a new version of an existing container")
    }
    var parent: VersionNode?
    if let id = facts.parent {
      guard let found = versions[id], found.chunkBytes == container.chunkBytes else {
        throw refuse("a version whose parent exists")
      }
      parent = found
    }
    versions[facts.id] = VersionNode(
      facts: facts, chunkBytes: container.chunkBytes, chunks: chunks, removed: removed,
      parent: parent)
  }

  /// Lists a version whose barrier is durable.
  mutating func publish(_ version: VersionID) {
    guard let node = versions[version] else { return }
    node.isDurable = true
    containers[node.facts.container]?.isStored = true
    containers[node.facts.container]?.newest = version
    containers[node.facts.container]?.versionCount += 1
  }

  /// Takes a container out of the list. Versions that other containers descend from stay as
  /// long as those need them, unlisted.
  mutating func remove(_ number: ContainerNumber) {
    for node in listed(number) { drop(node) }
    containers[number] = nil
  }

  mutating func drop(_ node: VersionNode) {
    node.isDropped = true
    versions[node.facts.id] = nil
    containers[node.facts.container]?.versionCount -= 1
  }
}
