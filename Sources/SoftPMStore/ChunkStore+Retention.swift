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
    try monitor.locked { () throws(ContainerError) in
      let node = try durable(version)
      if isReadOnly, node.pins == 0 { try medium.device.pins?.take(.version(version)) }
      node.pins += 1
    }
  }

  /// Whether a reader in another process has a snapshot of it.
  private func isPinnedElsewhere(_ version: VersionID) -> Bool {
    medium.device.pins?.isTaken(
      from: .version(version), to: .version(VersionID(version.rawValue + 1))) ?? false
  }

  package func unpin(_ version: VersionID) {
    monitor.locked {
      guard let node = try? graph.known(version) else { return }
      precondition(node.pins > 0, "a version is unpinned as often as it was pinned")
      node.pins -= 1
      if isReadOnly, node.pins == 0 { medium.device.pins?.letGo(.version(version)) }
    }
  }

  /// The versions that the barrier of `version` drops with it. Monitor held.
  ///
  /// Looks at what may go, and at what is pinned or branched from; not at what is kept.
  func superseded(
    by version: VersionID, in container: ContainerEntry
  ) throws(ContainerError) -> [VersionNode] {
    if container.retention == .all { return [] }
    try graph.loadAll()
    guard let listing = graph.index.listed[container.number] else { return [] }
    let mayGo: (VersionNode) -> Bool
    switch container.retention {
    case .all: return []
    case .latest(let count):
      // The new one counts too.
      guard let oldestKept = oldestKept(max(count, 1) - 1, of: listing.all) else { return [] }
      mayGo = { $0.facts.id < oldestKept }
    case .since(let seconds):
      let limit = clock() - seconds
      mayGo = { $0.facts.secondsSince1970 < limit }
    }
    var victims: [VersionNode] = []
    for node in listing.ageing {
      guard mayGo(node) else { break }
      if node.isBeingDropped || node.pins > 0 || graph.isBase(node.facts.id) { continue }
      if queue.contains(where: { $0.parent == node.facts.id }) { continue }
      if isPinnedElsewhere(node.facts.id) { continue }
      node.isBeingDropped = true
      victims.append(node)
    }
    return victims
  }

  /// The oldest of the `count` newest versions that nobody is dropping already; nil when there
  /// are not as many. Monitor held.
  private func oldestKept(_ count: Int, of listed: [VersionNode]) -> VersionID? {
    if count == 0 { return VersionID(.max) }
    if !queue.contains(where: \.dropsVersions) {
      return listed.count >= count ? listed[listed.count - count].facts.id : nil
    }
    var left = count
    for node in listed.reversed() where !node.isBeingDropped {
      left -= 1
      if left == 0 { return node.facts.id }
    }
    return nil
  }
}
