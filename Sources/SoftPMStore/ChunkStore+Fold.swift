// Folding: the deltas of the tail become trees, a checkpoint names them, and what nobody needs
// any more becomes free.
//
// Facts:
// 1. A fold writes to fresh space only; until a superblock names its checkpoint it counts for
//    nothing, and a crash leaves the checkpoint before.
// 2. Space that it frees is given out only when both superblocks name the new checkpoint.
// 3. The leader folds, between turns: no barrier is written meanwhile.
// 4. A hidden version is reclaimed when at most one version shares its table and nobody reads
//    it. What it alone has was born after its table's parent and is not in its only child's.
// 5. A fold reads a bounded number of blocks to find that out. What is left of a version then is
//    the next fold's first work, and until it is done no other version is reclaimed: what the
//    version shares with its parent and its child stays as it was when the work began.

import SoftPMBase

/// A fold under way: everything is computed aside, and taken over when it is durable.
struct Fold {
  struct Delta {
    var chunks: [ChunkEntry]
    var removed: [ChunkIndex]
  }

  let reader: TreeReader
  var tables: TreeEditor
  var records: TreeEditor
  var deltas: [VersionID: Delta] = [:]
  var trees: [VersionID: TreeReference?] = [:]
  var tableParents: [VersionID: VersionID?] = [:]
  /// Of hidden versions: those whose tables share with theirs, as this fold leaves them.
  var children: [VersionID: [VersionNode]] = [:]
  var reclaimed: Set<VersionID> = []
  /// The version that is partly given back, as this fold leaves it.
  var unfinished: UnfinishedReclaim?
  var freed: [Extent] = []
  /// Where images and metadata were moved to, and which metadata moved.
  var moved: [Extent] = []
  var movedMetadata: [VersionID: MetadataPlace] = [:]
  var space: FreeSpace
  /// A superblock that names the new checkpoint may be on the medium.
  var mayBeNamed = false

  init(_ reader: TreeReader, _ space: FreeSpace) {
    self.reader = reader
    self.space = space
    tables = TreeEditor(reader)
    records = TreeEditor(reader)
  }

  func parent(of node: VersionNode) -> VersionID? {
    tableParents[node.facts.id] ?? node.tableParent
  }

  /// Notes that a hidden version goes, and that its only child, if it has one, shares from now on
  /// with its parent.
  mutating func reclaim(_ node: VersionNode, leavingTableTo child: VersionNode?) {
    let id = node.facts.id
    let parent = parent(of: node)
    reclaimed.insert(id)
    children[id] = nil
    if let child { tableParents.updateValue(parent, forKey: child.facts.id) }
    guard let parent, children[parent] != nil else { return }
    children[parent]?.removeAll { $0 === node }
    if let child { children[parent]?.append(child) }
  }

  mutating func free(metadataOf node: VersionNode) {
    if case .blocks(let place, let byteCount) = node.facts.metadata {
      freed.append(Extent(start: place.block, count: Block.count(holding: byteCount)))
    }
  }

  mutating func free(_ entries: some Sequence<ChunkEntry>, chunkBytes: Int) {
    for entry in entries {
      freed.append(Extent(start: entry.block, count: chunkBytes / Block.byteCount))
    }
  }
}

extension ChunkStore {
  /// Folds the tail; durable when it returns. Waits for points in flight.
  package func checkpointNow() throws(ContainerError) {
    try monitor.locked { () throws(ContainerError) in try usable(changing: true) }
    try exclusively { () throws(ContainerError) in try fold() }
  }

  /// Folds when the tail has become long; on a thread of the store, between turns.
  func foldWhenDue() {
    // Whoever makes points without a pause would keep the store's own thread from its turn.
    if tail.barriers / 4 >= foldAfter {
      inBackground(mustBeTold: true) { () throws(ContainerError) in try foldIfThereIsRoom() }
      return
    }
    guard tail.barriers >= foldAfter, !isFoldQueued else { return }
    isFoldQueued = true
    queueThread.async {
      self.inBackground(mustBeTold: true) { () throws(ContainerError) in
        try self.exclusively { () throws(ContainerError) in
          self.isFoldQueued = false
          if self.monitor.locked({ self.isClosed }) { return }
          if self.tail.barriers >= self.foldAfter { try self.foldIfThereIsRoom() }
        }
      }
    }
  }

  /// On a full medium points fold when they need room, and tell when that fails.
  func foldIfThereIsRoom() throws(ContainerError) {
    do throws(ContainerError) { try fold() } catch  where error.code == .noSpace {}
  }

  /// Leader only. With `limit`, what lies from there on is moved to free blocks before it.
  func fold(movingFrom limit: Block? = nil, _ progress: (Int) -> Void = { _ in })
    throws(ContainerError)
  {
    if chain.isBroken { try startEpoch() }
    try loadFreeSpace()
    var fold = Fold(
      TreeReader(medium: medium, identity: superblock.identity, source: .cache), space)
    fold.unfinished = checkpoint.unfinished
    let nodes = try monitor.locked { () throws(ContainerError) in
      try graph.loadAll()
      let work = graph.work(for: &fold)
      return limit == nil ? work : graph.everything
    }
    do throws(ContainerError) {
      try foldTables(nodes, &fold)
      try reclaim(nodes, &fold)
      // (A version that is partly given back names blocks that are not its own any more.)
      if let limit, fold.unfinished == nil { try move(nodes, from: limit, &fold, progress) }
      let next = try foldRecords(nodes, &fold)
      try publish(next, &fold, nodes)
    } catch  where error.code == .noSpace && !fold.mayBeNamed {
      // Nothing names what it took: it is as if it had not begun.
      throw error
    } catch {
      // Whatever it took may be on the medium or not, and is named by nothing.
      lost += fold.tables.written.map { Extent(start: $0.block, count: 1) }
      lost += fold.records.written.map { Extent(start: $0.block, count: 1) }
      lost += fold.moved
      space = fold.space
      chain.isBroken = true
      throw error
    }
    do throws(ContainerError) {
      try writeSuperblock(checkpoint: superblock.checkpoint)
    } catch {
      chain.isBroken = true
      throw error
    }
    limbo.took(space.takeLog(), since: namedAt, isWatched: isWatched)
    limbo.add(lost, before: namesCheckpoint)
    lost = []
    namedAt = namesCheckpoint
    releaseLimbo()
    space.isLogging = isWatched(from: 0, before: .max)
    punchSurplus()
  }

  /// Gives every durable version of the tail a tree, and merges those that are hidden away.
  private func foldTables(
    _ nodes: [VersionNode], _ fold: inout Fold
  ) throws(ContainerError) {
    for node in nodes where !node.isFolded && node.isDurable {
      let id = node.facts.id
      let delta = fold.deltas[id] ?? Fold.Delta(chunks: node.chunks, removed: node.removed)
      let parent = fold.parent(of: node)
      let children = fold.children[id] ?? []
      if isReclaimable(node, children) {
        fold.reclaim(node, leavingTableTo: children.first)
        fold.free(metadataOf: node)
        if let child = children.first {
          merge(delta, into: child, from: node, &fold)
        } else {
          fold.free(delta.chunks, chunkBytes: node.chunkBytes)
        }
        continue
      }
      let base = parent.flatMap { parent in
        fold.trees[parent] ?? monitor.locked { graph.loaded(parent)?.tree }
      }
      var edits = delta.removed.map { TreeEditor.Edit(key: UInt64($0.rawValue), value: nil) }
      edits += delta.chunks.map {
        let place = ChunkPlace(block: $0.block, digest: $0.digest, birth: id.rawValue)
        return TreeEditor.Edit(key: UInt64($0.chunk.rawValue), value: place.encoded)
      }
      edits.sort { $0.key < $1.key }
      let tree = try fold.tables.edited(base, edits, birth: id.rawValue, &fold.space)
      fold.trees.updateValue(tree, forKey: id)
    }
  }

  private func isReclaimable(_ node: VersionNode, _ children: [VersionNode]) -> Bool {
    guard node.isDropped, children.count <= 1, children.allSatisfy(\.isDurable) else {
      return false
    }
    return monitor.locked { node.pins == 0 }
  }

  /// A hidden version's delta becomes part of its only child's.
  private func merge(
    _ delta: Fold.Delta, into child: VersionNode, from node: VersionNode, _ fold: inout Fold
  ) {
    let own =
      fold.deltas[child.facts.id] ?? Fold.Delta(chunks: child.chunks, removed: child.removed)
    let replaced = Set(own.chunks.map(\.chunk)).union(own.removed)
    fold.free(delta.chunks.filter { replaced.contains($0.chunk) }, chunkBytes: node.chunkBytes)
    let written = Set(own.chunks.map(\.chunk))
    let kept = delta.chunks.filter { !replaced.contains($0.chunk) }
    fold.deltas[child.facts.id] = Fold.Delta(
      chunks: own.chunks + kept,
      removed: Array(
        Set(own.removed + delta.removed).subtracting(written).subtracting(kept.map(\.chunk))))
  }

  /// Writes the trees of containers, versions and free space, and the checkpoint's record.
  private func foldRecords(
    _ nodes: [VersionNode], _ fold: inout Fold
  ) throws(ContainerError) -> (Checkpoint, BlockReference) {
    var next = checkpoint
    for root in [checkpoint.containers, checkpoint.freeSpace] {
      try fold.freeNodes(of: root)
    }
    fold.freed.append(Extent(start: superblock.checkpoint.block, count: 1))
    fold.freed += tail.extents
    if canary == .reusedTooEarly { for extent in fold.freed { fold.space.give(extent) } }
    let entries = monitor.locked { graph.containers.values.filter(\.isStored) }
      .sorted { $0.number < $1.number }
      .map { TreeEditor.Edit(key: $0.number.rawValue, value: $0.encoded) }
    next.containers = try fold.records.edited(nil, entries, birth: 0, &fold.space)
    let versions = nodes.compactMap { fold.edit(for: $0) }
    next.versions = try fold.records.edited(checkpoint.versions, versions, birth: 0, &fold.space)
    next.unfinished = fold.unfinished
    let place = fold.space.take(1).start
    fold.freed += fold.records.replaced.map { Extent(start: $0.block, count: 1) }
    next.freeSpace = try fold.freeSpaceTree(
      besides: lost + staged + limbo.extents + punched.extents, chain.next, canary)
    next.barrier = chain.sequence
    next.barrierDigest = chain.digest
    next.nextBarrier = chain.next
    next.nextContainer = monitor.locked { graph.nextContainer }
    next.frontier = fold.space.frontier
    let buffer = PageBuffer(blocksHolding: next.encoded(at: place))
    fold.records.add(buffer, at: place)
    return (next, BlockReference(block: place, digest: Checksum.digest(buffer.readOnly)))
  }

  private func publish(
    _ next: (checkpoint: Checkpoint, place: BlockReference), _ fold: inout Fold,
    _ nodes: [VersionNode]
  ) throws(ContainerError) {
    var batch = WriteBatch()
    for (block, buffer) in fold.tables.written + fold.records.written {
      batch.add(buffer, at: block)
    }
    try medium.writeAndFlush(batch.writes)
    fold.mayBeNamed = true
    try writeSuperblock(checkpoint: next.place)
    // One superblock names it: from here on it counts, whatever happens. What it frees waits
    // for the other superblock.
    namesCheckpoint = superblock.sequence
    checkpoint = next.checkpoint
    space = fold.space
    if canary != .reusedTooEarly { lost += fold.freed }
    tail = Tail()
    monitor.locked {
      graph.unfinished = fold.unfinished
      for node in nodes { fold.finish(node, &graph) }
      if !fold.moved.isEmpty {
        tables = TableCache()
        moves += 1
      }
    }
  }
}

extension Fold {
  mutating func freeNodes(of root: TreeReference?) throws(ContainerError) {
    var found: [Extent] = []
    try reader.walk(root) { (reference, _) throws(ContainerError) in
      found.append(Extent(start: reference.block, count: 1))
      return true
    } _: { _, _ throws(ContainerError) in
    }
    freed += found
  }

  /// What of a version's record the tree of versions must change; nil when nothing.
  func edit(for node: VersionNode) -> TreeEditor.Edit? {
    let id = node.facts.id
    if reclaimed.contains(id) {
      return node.isFolded ? TreeEditor.Edit(key: id.rawValue, value: nil) : nil
    }
    guard node.isDurable else { return nil }
    let tree = trees[id] ?? node.tree
    let metadata = movedMetadata[id]
    guard
      !node.isFolded || node.isChanged || tableParents[id] != nil || trees[id] != nil
        || metadata != nil
    else { return nil }
    return TreeEditor.Edit(
      key: id.rawValue,
      value: node.encoded(tree: tree, tableParent: parent(of: node), metadata: metadata))
  }

  /// The free space as it will be when the checkpoint counts, written to blocks that are set
  /// aside before it is written down. The next barrier's place is free in its eyes: a barrier
  /// that was written there says so itself.
  mutating func freeSpaceTree(
    besides lost: [Extent], _ nextBarrier: Block, _ canary: StoreCanary?
  ) throws(ContainerError) -> TreeReference? {
    var aside = FreeSpace(frontier: space.frontier)
    var free = space
    var needed = Fold.nodes(forExtents: space.extents.count)
    // Setting blocks aside changes how many extents there are, and so how many are needed;
    // where that does not settle, new blocks serve.
    for _ in 0..<4 {
      free = space
      aside = FreeSpace(frontier: space.frontier)
      for _ in 0..<needed { aside.give(free.take(1), below: free.frontier) }
      let rest = free
      if canary != .reusedTooEarly { try free.give(checking: freed) }
      try free.give(checking: lost + [Extent(start: nextBarrier, count: 1)])
      let now = Fold.nodes(forExtents: free.extents.count)
      if now == needed {
        space = rest
        return try write(free, to: &aside)
      }
      needed = now
    }
    free = space
    aside = FreeSpace(frontier: space.frontier)
    if canary != .reusedTooEarly { try free.give(checking: freed) }
    try free.give(checking: lost + [Extent(start: nextBarrier, count: 1)])
    return try write(free, to: &aside)
  }

  /// How many nodes a tree of so many free extents has.
  private static func nodes(forExtents count: Int) -> Int {
    var level = (count * 18 + TreeNode.roomBytes / 18 * 18 - 1) / (TreeNode.roomBytes / 18 * 18)
    var nodes = level
    while level > 1 {
      let most = TreeNode.roomBytes / TreeNode.innerEntryBytes
      level = (level + most - 1) / most
      nodes += level
    }
    return nodes
  }

  private mutating func write(
    _ free: FreeSpace, to aside: inout FreeSpace
  ) throws(ContainerError) -> TreeReference? {
    let edits = free.extents.map { extent in
      var writer = ByteWriter(capacity: 8)
      writer.integer(UInt64(extent.count))
      return TreeEditor.Edit(key: extent.start.rawValue, value: writer.bytes)
    }
    let tree = try records.edited(nil, edits, birth: 0, &aside)
    precondition(aside.extents.isEmpty, "as many blocks are set aside as the tree has nodes")
    if aside.frontier > space.frontier { space.advance(to: aside.frontier) }
    return tree
  }

  func finish(_ node: VersionNode, _ graph: inout VersionGraph) {
    let id = node.facts.id
    if reclaimed.contains(id) {
      graph.reclaimed(id)
      return
    }
    if let unfinished, unfinished.version == id { node.reclaimedBelow = unfinished.chunk }
    graph.index.move(node, to: parent(of: node))
    guard node.isDurable else { return }
    graph.index.unsaved[id] = nil
    if let tree = trees[id] { node.tree = tree }
    if let metadata = movedMetadata[id] { node.facts.metadata = metadata }
    node.isFolded = true
    node.isChanged = false
    node.chunks = []
    node.removed = []
    node.parent = nil
  }
}
