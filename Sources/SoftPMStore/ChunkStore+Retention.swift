// Which versions go when a new one comes.

import SoftPMBase

extension ChunkStore {
  /// Sets which versions of a container are kept from its next point on. Not stored: whoever
  /// opens the container says it again.
  package func setRetention(
    _ retention: StoredRetention, of container: ContainerNumber
  ) throws(ContainerError) {
    try monitor.locked { () throws(ContainerError) in
      try usable(changing: true)
      guard graph.containers[container] != nil else {
        throw .noSuchContainer("with number \(container.rawValue)")
      }
      graph.containers[container]?.retention = retention
    }
  }

  /// Keeps a version, and its space, until `unpin`: for whoever reads it over some time.
  package func pin(_ version: VersionID) throws(ContainerError) {
    try monitor.locked { () throws(ContainerError) in try durable(version).pins += 1 }
  }

  package func unpin(_ version: VersionID) {
    monitor.locked {
      guard let node = try? graph.known(version) else { return }
      precondition(node.pins > 0, "a version is unpinned as often as it was pinned")
      node.pins -= 1
    }
  }

  /// The versions that the barrier of `version` drops with it. Monitor held.
  func superseded(
    by version: VersionID, in container: ContainerEntry
  ) throws(ContainerError) -> [VersionNode] {
    if container.retention == .all { return [] }
    let listed = try graph.listed(container.number)
    let oldest = listed.filter { !$0.isBeingDropped }
    let candidates: ArraySlice<VersionNode>
    switch container.retention {
    case .all: return []
    case .latest(let count):
      // The new one counts too.
      candidates = oldest.prefix(max(0, oldest.count + 1 - max(count, 1)))
    case .since(let seconds):
      let limit = clock() - seconds
      candidates = oldest.prefix { $0.facts.secondsSince1970 < limit }
    }
    let bases = branchBases(from: container.number)
    let parents = Set(queue.compactMap(\.parent))
    let victims = candidates.filter { node in
      node.facts.label == nil && node.pins == 0 && !bases.contains(node.facts.id)
        && !parents.contains(node.facts.id)
    }
    for victim in victims { victim.isBeingDropped = true }
    return victims
  }

  /// Versions of a container that others begin with. Monitor held.
  private func branchBases(from container: ContainerNumber) -> Set<VersionID> {
    var bases: Set<VersionID> = []
    for node in graph.versions.values where node.facts.container != container {
      if let parent = node.facts.parent { bases.insert(parent) }
    }
    return bases
  }
}
