// Looking at everything: what is used, what is free, and whether all of it is what it should be.

import SoftPMBase

/// How every block of a store is used: by runs, since a forged store may name more blocks than
/// there is memory for notes about each.
private struct BlockMap {
  /// By first block. The same run may be reached from many versions, but only as the same thing.
  private var uses: [UInt64: (count: Int, use: Use)] = [:]
  private var conflict: String?

  enum Use: Equatable {
    case superblock, writerMark, checkpoint, node, barrier, next, lost, free
    case image(Digest)
    case metadata(VersionID)
  }

  mutating func note(_ extent: Extent, _ use: Use) {
    let start = extent.start.rawValue
    if let known = uses[start] {
      if known.use != use || known.count != extent.count {
        conflict = conflict ?? "block \(start) is used as \(known.use) and \(use)"
      }
    } else {
      uses[start] = (extent.count, use)
    }
  }

  /// What is wrong where there are so many blocks; nil when each is used, and used once.
  func problem(ofBlocks total: UInt64) -> String? {
    if let conflict { return conflict }
    var end: UInt64 = 0
    var unknown: UInt64 = 0
    for (start, run) in uses.sorted(by: { $0.key < $1.key }) {
      if start < end { return "block \(start) is used as \(run.use) and as something else" }
      unknown += start - end
      end = start + UInt64(run.count)
    }
    if end > total { return "block \(end - 1) is used, and there are \(total)" }
    unknown += total - end
    return unknown == 0 ? nil : "\(unknown) of \(total) blocks are neither free nor used"
  }
}

extension ChunkStore {
  /// What is wrong with the accounts of space; nil when every block is either free or used, and
  /// used for one thing.
  package func spaceProblem() throws(ContainerError) -> String? {
    try exclusively { () throws(ContainerError) in
      try loadFreeSpace()
      var map = BlockMap()
      map.note(Extent(start: Block(0), count: 2), .superblock)
      map.note(Extent(start: WriterMark.block, count: 1), .writerMark)
      map.note(Extent(start: superblock.checkpoint.block, count: 1), .checkpoint)
      for extent in tail.extents { map.note(extent, .barrier) }
      for extent in lost + staged + abandoned + limbo.extents { map.note(extent, .lost) }
      for extent in space.extents + punched.extents { map.note(extent, .free) }
      if chain.isReserved { map.note(Extent(start: chain.next, count: 1), .next) }
      for root in [checkpoint.containers, checkpoint.versions, checkpoint.freeSpace] {
        try note(root, in: &map)
      }
      for node in try everyNode() {
        if node.isFolded { try note(node.tree, from: node.reclaimedBelow, in: &map) }
        if case .blocks(let place, let byteCount) = node.facts.metadata {
          map.note(
            Extent(start: place.block, count: Block.count(holding: byteCount)),
            .metadata(node.facts.id))
        }
        let blocks = node.chunkBytes / Block.byteCount
        let entries = try node.table(TreeReader(medium: medium, identity: identity))
        for entry in entries + node.chunks {
          map.note(Extent(start: entry.block, count: blocks), .image(entry.digest))
        }
      }
      return map.problem(ofBlocks: space.frontier.rawValue)
    }
  }

  func everyNode() throws(ContainerError) -> [VersionNode] {
    try monitor.locked { () throws(ContainerError) in
      try graph.loadAll()
      return (Array(graph.versions.values) + Array(graph.hidden.values)).filter(\.isDurable)
    }
  }

  private func note(
    _ root: TreeReference?, from first: UInt64 = 0, in map: inout BlockMap
  ) throws(ContainerError) {
    var found: [Extent] = []
    try TreeReader(medium: medium, identity: identity).walk(root, from: first) {
      (reference, _) throws(ContainerError) in
      found.append(Extent(start: reference.block, count: 1))
      return true
    } _: { _, _ throws(ContainerError) in
    }
    for extent in found { map.note(extent, .node) }
  }

  /// Reads and checks every byte that any version needs, and the accounts of space.
  ///
  /// Returns what is damaged, a sentence each, rather than stopping at the first.
  package func verify(
    _ progress: (_ bytesDone: Int, _ bytesInAll: Int) -> Void = { _, _ in }
  ) throws(ContainerError) -> StoreVerification {
    var result = StoreVerification()
    let view = isReadOnly ? nil : holdView()
    defer { if let view { letGo(view) } }
    // Versions share blocks: damage is damage of all that have the block.
    var places: [UInt64: Int] = [:]
    var work: [(entry: ChunkEntry, size: Int, versions: [VersionID])] = []
    for node in try everyNode().sorted(by: { $0.facts.id < $1.facts.id }) {
      result.versions += 1
      do throws(ContainerError) {
        for entry in try node.table(TreeReader(medium: medium, identity: identity)) {
          if let place = places[entry.block.rawValue] {
            work[place].versions.append(node.facts.id)
          } else {
            places[entry.block.rawValue] = work.count
            work.append((entry, node.chunkBytes, [node.facts.id]))
          }
        }
        if !node.isDropped { _ = try metadata(of: node.facts.id) }
      } catch {
        result.problems.append("version \(node.facts.id): \(error)")
      }
    }
    let total = work.reduce(0) { $0 + $1.size }
    for item in work {
      let buffer = PageBuffer(byteCount: item.size, zeroed: false)
      do throws(ContainerError) {
        try readChecked(
          buffer.bytes, count: item.size, at: item.entry.block, item.entry.digest,
          "the image of \(item.entry.chunk)")
      } catch {
        let versions = item.versions.map(\.description).joined(separator: ", ")
        result.problems.append(
          "version\(item.versions.count == 1 ? "" : "s") \(versions): \(error)")
      }
      result.bytes += item.size
      progress(result.bytes, total)
    }
    if !isReadOnly, let problem = try spaceProblem() { result.problems.append(problem) }
    return result
  }
}

/// What `verify` looked at and found.
package struct StoreVerification: Sendable {
  package var versions = 0
  package var bytes = 0
  package var problems: [String] = []
}
