// What the store holds, in memory: containers and versions, without their chunks' content.
//
// Facts:
// 1. Versions of the tail, made since the checkpoint, are all here; older ones are read from the
//    checkpoint's tree of versions when somebody asks, so opening does not depend on history.
// 2. A version is *pending* until a flush covered its barrier and all earlier ones; only then is
//    it listed. A failed one leaves the graph with all that came after it.
// 3. Version numbers rise along every line, and a parent's is smaller than its children's.
// 4. A dropped version is *hidden*: nobody sees it, but others' tables may need it until a fold
//    has given its space back.
// 5. `bases` has every container's base, with the number of containers that begin there. A base
//    outlives the versions that descend from it: it belongs to the container.

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
  /// Another container's version that the first version of this one descends from.
  var base: VersionID?
  /// Nil keeps every version.
  var retention = StoredRetention.all
}

/// Which versions of a container are kept, beside its newest, labelled and pinned ones and those
/// that other containers begin with.
package enum StoredRetention: Sendable, Equatable {
  case all
  case latest(Int)
  case since(seconds: Double)
}

/// A version as the graph has it. Guarded by the store's monitor.
final class VersionNode {
  var facts: VersionFacts
  let chunkBytes: Int
  /// What differs from the parent's table, sorted; empty once folded.
  var chunks: [ChunkEntry]
  var removed: [ChunkIndex]
  /// The parent whose table this one's is a delta to; nil when folded or the first of a line.
  var parent: VersionNode?
  /// The version that this one's blocks are shared with, which moves up as parents are reclaimed.
  var tableParent: VersionID?
  /// The whole table, once folded; nil for an empty one.
  var tree: TreeReference?
  var isFolded = false
  /// Of a hidden version: what it alone has in chunks before this one was given back.
  var reclaimedBelow: UInt64 = 0
  /// Differs from its record in the tree of versions.
  var isChanged = false
  var isDurable = false
  var isDropped = false
  var isBeingDropped = false
  /// Readers that need it; a pinned version is neither dropped by retention nor reclaimed.
  var pins = 0

  init(
    facts: VersionFacts, chunkBytes: Int, chunks: [ChunkEntry], removed: [ChunkIndex],
    parent: VersionNode?
  ) {
    self.facts = facts
    self.chunkBytes = chunkBytes
    self.chunks = chunks
    self.removed = removed
    self.parent = parent
    tableParent = facts.parent
  }
}

struct VersionGraph {
  var containers: [ContainerNumber: ContainerEntry] = [:]
  private var bases: [VersionID: Int] = [:]
  /// Those that are known, listed or pending.
  var versions: [VersionID: VersionNode] = [:]
  /// Dropped ones whose space has not been given back.
  var hidden: [VersionID: VersionNode] = [:]
  var nextContainer: UInt64 = 1
  /// The checkpoint's versions, until all of them are known.
  var stored: (reader: TreeReader, root: TreeReference)?
  /// What the checkpoint says of a version that is partly given back.
  var unfinished: UnfinishedReclaim?
  var index = VersionIndex()

  func container(named name: String) -> ContainerEntry? {
    containers.values.first { $0.name == name && !$0.isBeingDeleted }
  }

  /// A version that is listed or pending.
  mutating func find(_ id: VersionID) throws(ContainerError) -> VersionNode? {
    if let known = versions[id] { return known }
    return try known(id).flatMap { $0.isDropped ? nil : $0 }
  }

  /// Any version, hidden ones too.
  mutating func known(_ id: VersionID) throws(ContainerError) -> VersionNode? {
    if let known = versions[id] ?? hidden[id] { return known }
    guard let stored, let bytes = try stored.reader.value(of: id.rawValue, in: stored.root)
    else { return nil }
    let node = try VersionNode(decoding: bytes, id: id.rawValue)
    keep(node)
    return node
  }

  private mutating func keep(_ node: VersionNode) {
    if let unfinished, unfinished.version == node.facts.id, node.isDropped {
      node.reclaimedBelow = unfinished.chunk
    }
    if node.isDropped { hidden[node.facts.id] = node } else { versions[node.facts.id] = node }
  }

  /// Reads what the checkpoint has and nobody asked for yet: once, and then the index is kept.
  mutating func loadAll() throws(ContainerError) {
    guard let stored else { return }
    var nodes: [VersionNode] = []
    try stored.reader.walk(stored.root) { (key, bytes) throws(ContainerError) in
      nodes.append(try VersionNode(decoding: bytes, id: key))
    }
    for node in nodes where versions[node.facts.id] == nil && hidden[node.facts.id] == nil {
      keep(node)
    }
    self.stored = nil
    index.rebuild(versions, hidden)
  }

  /// The durable, listed versions of a container, oldest first.
  mutating func listed(_ container: ContainerNumber) throws(ContainerError) -> [VersionNode] {
    try loadAll()
    return index.listed[container]?.all ?? []
  }

  mutating func add(_ node: VersionNode) {
    versions[node.facts.id] = node
    index.added(node)
    let number = node.facts.container
    if let entry = containers[number], entry.newest == nil, entry.base == nil, isBranch(node) {
      setBase(of: number, to: node.facts.parent)
    }
  }

  /// A container that a checkpoint or a barrier tells of.
  mutating func add(_ entry: ContainerEntry) {
    containers[entry.number] = entry
    if let base = entry.base { bases[base, default: 0] += 1 }
  }

  /// Whether a container begins with this version of another one.
  func isBase(_ id: VersionID) -> Bool { bases[id] != nil }

  private mutating func setBase(of number: ContainerNumber, to base: VersionID?) {
    if let old = containers[number]?.base, let count = bases[old] {
      bases[old] = count > 1 ? count - 1 : nil
    }
    containers[number]?.base = base
    if let base { bases[base, default: 0] += 1 }
  }

  /// Takes out a version that failed.
  mutating func forget(_ id: VersionID) {
    guard let node = versions.removeValue(forKey: id) else { return }
    index.unlist(node)
    index.unlinked(node)
    let entry = containers[node.facts.container]
    if let entry, entry.newest == nil, entry.base == node.facts.parent {
      setBase(of: entry.number, to: nil)
    }
  }

  private func isBranch(_ node: VersionNode) -> Bool {
    guard let id = node.facts.parent, let parent = versions[id] ?? hidden[id] else { return false }
    return parent.facts.container != node.facts.container
  }

  /// Takes out a hidden version whose space was given back.
  mutating func reclaimed(_ id: VersionID) {
    guard let node = hidden.removeValue(forKey: id) else { return }
    index.unlinked(node)
  }

  /// Lists a version whose barrier is durable.
  mutating func publish(_ version: VersionID) {
    guard let node = versions[version] else { return }
    node.isDurable = true
    index.list(node)
    containers[node.facts.container]?.isStored = true
    containers[node.facts.container]?.newest = version
    containers[node.facts.container]?.versionCount += 1
  }

  mutating func setLabel(_ label: String?, on node: VersionNode) {
    index.unlist(node)
    node.facts.label = label
    node.isChanged = true
    index.list(node)
    index.unsaved[node.facts.id] = node
  }

  /// Takes a container and its versions out of the list.
  mutating func remove(_ number: ContainerNumber) throws(ContainerError) {
    for node in try listed(number) { drop(node) }
    setBase(of: number, to: nil)
    containers[number] = nil
    index.listed[number] = nil
  }

  mutating func drop(_ node: VersionNode) {
    guard !node.isDropped else { return }
    index.unlist(node)
    node.isDropped = true
    node.isChanged = true
    node.isBeingDropped = false
    versions[node.facts.id] = nil
    hidden[node.facts.id] = node
    index.unsaved[node.facts.id] = node
    containers[node.facts.container]?.versionCount -= 1
  }
}

extension VersionGraph {
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
      add(ContainerEntry(number: number, name: name, chunkBytes: chunkBytes, isStored: true))
      nextContainer = max(nextContainer, number.rawValue + 1)
    case .versionMade(let facts, let removed, let chunks):
      guard let container = containers[facts.container], try known(facts.id) == nil else {
        throw refuse("a new version of an existing container")
      }
      var parent: VersionNode?
      if let id = facts.parent {
        guard let found = try find(id), found.chunkBytes == container.chunkBytes else {
          throw refuse("a version whose parent exists")
        }
        parent = found
      }
      add(
        VersionNode(
          facts: facts, chunkBytes: container.chunkBytes, chunks: chunks, removed: removed,
          parent: parent))
      publish(facts.id)
    case .containerDeleted(let number):
      guard containers[number] != nil else { throw refuse("an existing container") }
      try remove(number)
    case .versionDropped(let version):
      guard let node = try find(version) else { throw refuse("an existing version") }
      drop(node)
    case .labelSet(let version, let label):
      guard let node = try find(version) else { throw refuse("an existing version") }
      setLabel(label, on: node)
    }
  }
}
