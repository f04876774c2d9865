// Room: what a point may take, and what is kept for those who make room.
//
// Facts:
// 1. Behind the frontier there is always storage that points leave alone: enough to drop versions
//    and to fold. So a full medium refuses points, and what is dropped then makes room for them.
// 2. A point is refused before anything of it is written. Before that, space is made: what was
//    dropped is given back by a fold, and a point that fits nowhere whole is dealt out to what
//    is free, a chunk at least at a time.
// 3. Free space is used before the store grows; a run of at least 64 KiB is worth a write of its
//    own, and smaller ones are when there is nothing else.

import SoftPMBase

extension ChunkStore {
  /// Blocks kept for dropping and folding, besides what the tail's trees may need.
  static let reservedLeast = 128
  /// Free runs that a point is dealt out to while the store could grow, in blocks.
  private static let runLeast = 16

  /// Sees that everything in a turn has a place, before any of it takes one. Leader only.
  func makeRoom(for batch: [Transaction], isPoint: Bool = false) throws(ContainerError) {
    mayGrow = true
    defer { space.storageEnd = Block(UInt64(medium.device.byteCount / Block.byteCount)) }
    guard isPoint || batch.contains(where: { $0.commit != nil }) else {
      return makeRoomForChanges(batch)
    }
    let nodes = batch.reduce(0) { $0 + $1.treeNodesMost }
    let needed = batch.reduce(0) { $0 + $1.blocksMost }
    let reserved = reservedBlocks + nodes
    defer { tail.treeNodes += nodes }
    let end = space.frontier.offset + (needed + reserved) * Block.byteCount
    // Holes are used before the store grows.
    if !punched.isEmpty, space.freeBlocks < needed { try? fillHoles(needed) }
    if end <= medium.device.byteCount { return }
    do throws(ContainerError) {
      if !punched.isEmpty {
        try fillHoles(needed)
        mayGrow = !fits(batch, leaving: reserved)
        if !mayGrow { return }
      }
      try medium.device.allocate(to: end)
    } catch  where error.code == .noSpace {
      mayGrow = false
      if fits(batch, leaving: reserved) { return }
      if tail.barriers > 0 || !lost.isEmpty || !limbo.isEmpty || unreadFreeSpace != nil {
        try foldAllDropped()
      }
      guard fits(batch, leaving: reservedBlocks + nodes) else { throw error }
    }
  }

  /// Drops, labels: they may have what is reserved, but must leave enough of it for a fold.
  private func makeRoomForChanges(_ batch: [Transaction]) {
    let needed = batch.reduce(0) { $0 + $1.blocksMost }
    guard blocksLeft < needed + reservedBlocks / 2, tail.barriers > 0 else { return }
    do throws(ContainerError) {
      try medium.device.allocate(
        to: space.frontier.offset + (needed + reservedBlocks) * Block.byteCount)
    } catch {
      // Where that fails too, the change itself may still succeed.
      try? fold()
    }
  }

  /// What a fold may write before it frees anything, and some drops before that.
  var reservedBlocks: Int {
    let versions = monitor.locked { graph.versions.count + graph.hidden.count }
    return ChunkStore.reservedLeast + tail.treeNodes + versions / 16 + space.extents.count / 128
  }

  /// Storage that the store has and does not use.
  private var blocksLeft: Int {
    let behind = medium.device.byteCount / Block.byteCount - Int(space.frontier.rawValue)
    return max(behind, 0) + space.freeBlocks
  }

  /// Whether a turn has room in what is free, and so much is left afterwards.
  private func fits(_ batch: [Transaction], leaving reserved: Int) -> Bool {
    guard batch.reduce(reserved, { $0 + $1.blocksMost }) <= blocksLeft else { return false }
    var trial = space
    for transaction in batch {
      for count in transaction.runs where trial.takeFree(units: 1, of: count, least: 1) == nil {
        return false
      }
      let unit = transaction.chunkBlocks
      if transaction.imageCount > 0,
        trial.takeFree(units: transaction.imageCount, of: unit, least: unit) == nil
      {
        return false
      }
    }
    return true
  }

  /// Where the images of a point go: one run, or several.
  func takeImages(_ count: Int, of unit: Int, wanted: Block) -> [Extent] {
    if let extent = space.takeIfFree(at: wanted, count * unit) { return [extent] }
    let least = mayGrow ? max(unit, ChunkStore.runLeast) : unit
    if let runs = space.takeFree(units: count, of: unit, least: least) { return runs }
    return [space.take(count * unit, wanted: wanted)]
  }
}

extension Transaction {
  private var version: (facts: VersionFacts, chunks: [ChunkEntry])? {
    for case .versionMade(let facts, _, let chunks) in changes { return (facts, chunks) }
    return nil
  }

  var chunkCount: Int { version?.chunks.count ?? 0 }
  /// Images that are still to be written.
  var imageCount: Int { isStreamed ? 0 : chunkCount }
  var chunkBlocks: Int { max(chunkBytes / Block.byteCount, 1) }

  /// What must lie in one run each: metadata, the barrier's body, the next barrier's place.
  var runs: [Int] {
    var runs = [1]
    if let metadata { runs.append(metadata.byteCount / Block.byteCount) }
    let body = Change.encode(changes).count
    if body > Barrier.inlineBytesMost { runs.append(Block.count(holding: body)) }
    return runs
  }

  /// Everything that it writes, in blocks; its body is estimated generously.
  var blocksMost: Int {
    let records = 28 * chunkCount + 4 * (version?.facts.label?.utf8.count ?? 0) + 8192
    return imageCount * chunkBlocks + (metadata?.byteCount ?? 0) / Block.byteCount
      + Block.count(holding: records + changes.count * 64) + 2
  }

  /// How many nodes a fold may write for it: a leaf for every 32 neighbouring chunks, and some.
  var treeNodesMost: Int {
    // A stream made room for them when it began.
    guard !isStreamed else { return 2 }
    guard let chunks = version?.chunks, !chunks.isEmpty else { return 2 }
    return VersionNode.treeNodesMost(chunks)
  }
}

extension Transaction {
  /// What a version with these chunks would need, whatever else it may be.
  static func trial(_ chunks: [ChunkIndex], chunkBytes: Int) -> Transaction {
    let facts = VersionFacts(
      id: VersionID(0), container: ContainerNumber(0), parent: nil, secondsSince1970: 0,
      bytesWritten: 0, objectCount: 0, label: nil,
      metadata: .inline([]))
    let entries = chunks.map { ChunkEntry(chunk: $0, block: Block(0), digest: .zero) }
    return Transaction(
      changes: [.versionMade(facts, removed: [], chunks: entries)], chunkBytes: chunkBytes
    ) { _ in }
  }
}

extension VersionNode {
  static func treeNodesMost(_ chunks: [ChunkEntry]) -> Int {
    var leaves = 0
    var last: UInt32?
    for entry in chunks where entry.chunk.rawValue / 32 != last {
      last = entry.chunk.rawValue / 32
      leaves += 1
    }
    return leaves + leaves / 32 + 2
  }
}
