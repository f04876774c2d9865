// What the store's space is used for, and what keeps each version.

import SoftPMBase

/// Why a version is there.
package enum VersionReason: String, Sendable, CaseIterable {
  /// The container's newest.
  case newest
  case label
  /// Another container begins with it.
  case branch
  /// A snapshot of it is open in this process.
  case snapshot
  /// A snapshot of it is open in another process.
  case reader
  /// Its container's retention keeps it.
  case retention
  /// It was dropped, and what others share with it is not: its own space returns with them.
  case shared
  /// It was dropped; the next folds give its space back.
  case dropped
}

package struct VersionUsage: Sendable {
  package var version: VersionID
  package var container: ContainerNumber
  /// What would become free if this version alone went.
  package var ownBytes: Int
  package var reasons: [VersionReason]
}

/// Where the bytes of a store are.
package struct StoreUsage: Sendable {
  /// The file's or device's length.
  package var byteCount = 0
  /// What it takes of the file system: less where it has holes.
  package var allocatedBytes = 0
  /// Below the store's frontier: used, free, and free but still looked at by readers.
  package var usedBytes = 0
  package var freeBytes = 0
  package var waitingBytes = 0
  /// Whether another process has the store open for reading.
  package var hasReaders = false
  package var versions: [VersionUsage] = []
}

extension ChunkStore {
  /// What pins how much. Work is in proportion to what versions wrote, not to what they hold.
  package func usage() throws(ContainerError) -> StoreUsage {
    var usage = StoreUsage()
    usage.byteCount = medium.device.byteCount
    usage.allocatedBytes = medium.device.allocatedBytes
    if isReadOnly {
      try measure(&usage)
    } else {
      try exclusively { () throws(ContainerError) in try measure(&usage) }
    }
    return usage
  }

  private func measure(_ usage: inout StoreUsage) throws(ContainerError) {
    try loadFreeSpace()
    let waiting = (limbo.extents + lost + abandoned).reduce(0) { $0 + $1.count }
    usage.waitingBytes = waiting * Block.byteCount
    let holes = punched.ranges.reduce(0) { $0 + $1.count }
    usage.freeBytes = (space.freeBlocks + holes) * Block.byteCount
    usage.usedBytes = space.frontier.offset - usage.freeBytes - usage.waitingBytes
    usage.hasReaders = medium.device.pins?.isTaken(from: .view(0), to: .view(.max)) ?? false
    let nodes = try everyNode().sorted { $0.facts.id < $1.facts.id }
    var children: [VersionID: [VersionNode]] = [:]
    for node in nodes {
      if let parent = node.tableParent { children[parent, default: []].append(node) }
    }
    let reader = TreeReader(medium: medium, identity: identity)
    for node in nodes {
      let mine = children[node.facts.id] ?? []
      let blocks = try reader.ownBlocks(of: node, children: mine)
      usage.versions.append(
        VersionUsage(
          version: node.facts.id, container: node.facts.container,
          ownBytes: blocks * Block.byteCount, reasons: reasons(for: node, mine)))
    }
  }

  private func reasons(
    for node: VersionNode, _ children: [VersionNode]
  ) -> [VersionReason] {
    let id = node.facts.id
    return monitor.locked {
      var reasons: [VersionReason] = []
      if node.isDropped { reasons.append(children.count > 1 ? .shared : .dropped) }
      if graph.containers[node.facts.container]?.newest == id { reasons.append(.newest) }
      if node.facts.label != nil { reasons.append(.label) }
      if graph.isBase(id) { reasons.append(.branch) }
      if node.pins > 0 { reasons.append(.snapshot) }
      if medium.device.pins?.isTaken(from: .version(id), to: .version(VersionID(id.rawValue + 1)))
        ?? false
      {
        reasons.append(.reader)
      }
      return reasons.isEmpty ? [.retention] : reasons
    }
  }
}

extension TreeReader {
  /// How many blocks a version has that neither its table's parent nor any child has.
  fileprivate func ownBlocks(
    of node: VersionNode, children: [VersionNode]
  ) throws(ContainerError) -> Int {
    let size = node.chunkBytes / Block.byteCount
    var count = 0
    if case .blocks(_, let byteCount) = node.facts.metadata {
      count += Block.count(holding: byteCount)
    }
    guard node.isFolded else {
      for entry in node.chunks {
        let key = UInt64(entry.chunk.rawValue)
        if try !isShared(key, entry.block, with: children) { count += size }
      }
      return count
    }
    let parent = node.tableParent?.rawValue ?? 0
    try walk(node.tree, bornAfter: parent, from: node.reclaimedBelow) {
      (reference, content) throws(ContainerError) in
      for child in children {
        // A child of the tail has its parent's tree for the time being.
        guard child.isFolded else { return true }
        if try contains(reference.block, firstKey: content.firstKey, in: child.tree) {
          return false
        }
      }
      count += 1
      return true
    } _: { (key, value) throws(ContainerError) in
      let place = try ChunkPlace(decoding: value)
      guard place.birth > parent, try !isShared(key, place.block, with: children) else { return }
      count += size
    }
    return count
  }

  private func isShared(
    _ key: UInt64, _ block: Block, with children: [VersionNode]
  ) throws(ContainerError) -> Bool {
    for child in children {
      if child.isFolded {
        guard let theirs = try value(of: key, in: child.tree) else { continue }
        if try ChunkPlace(decoding: theirs).block == block { return true }
      } else {
        let chunk = ChunkIndex(UInt32(truncatingIfNeeded: key))
        if child.chunks.entry(of: chunk) == nil, !child.removed.contains(chunk) { return true }
      }
    }
    return false
  }
}
