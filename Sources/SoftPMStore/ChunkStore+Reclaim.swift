import SoftPMBase

extension ChunkStore {
  /// Most hidden versions looked through in one fold, so that a fold's time is bounded.
  private static let reclaimedMost = 256

  /// Finds out what hidden versions alone have. Work is in proportion to what they wrote, and
  /// bounded: what is left of a large one is the next fold's first work.
  func reclaim(_ nodes: [VersionNode], _ fold: inout Fold) throws(ContainerError) {
    var reads = reclaimReads.most + reclaimReads.perNode * fold.tables.written.count
    if let begun = fold.unfinished {
      fold.unfinished = nil
      if let node = nodes.first(where: { $0.facts.id == begun.version && $0.isDropped }) {
        guard mayBeReclaimed(node, fold) else {
          throw .corrupt(at: nil, expected: "a dropped version that at most one other shares")
        }
        try reclaim(node, from: begun.chunk, &reads, &fold)
      }
    }
    // Youngest first: a line that was abandoned is taken up from its end.
    var left = ChunkStore.reclaimedMost
    for node in nodes.reversed() where node.isDropped && left > 0 && reads > 0 {
      if fold.unfinished != nil { return }
      guard mayBeReclaimed(node, fold) else { continue }
      left -= 1
      try reclaim(node, from: 0, &reads, &fold)
    }
  }

  private func mayBeReclaimed(_ node: VersionNode, _ fold: Fold) -> Bool {
    let id = node.facts.id
    let children = fold.children[id] ?? []
    return !fold.reclaimed.contains(id) && (node.isFolded || fold.trees[id] != nil)
      && children.count <= 1 && children.allSatisfy(\.isDurable)
      && monitor.locked { node.pins == 0 }
  }

  private func reclaim(
    _ node: VersionNode, from chunk: UInt64, _ reads: inout Int, _ fold: inout Fold
  ) throws(ContainerError) {
    let id = node.facts.id
    let child = fold.children[id]?.first
    var search = OwnBlocks(
      reader: fold.tables.reader, bornAfter: fold.parent(of: node)?.rawValue ?? 0, from: chunk,
      chunkBlocks: node.chunkBytes / Block.byteCount,
      child: child.map { LookupPath(root: fold.trees[$0.facts.id] ?? $0.tree) }, reads: reads)
    let rest = try search.find(in: fold.trees[id] ?? node.tree)
    reads = search.reads
    fold.freed += search.found
    if let rest {
      fold.unfinished = UnfinishedReclaim(version: id, chunk: rest)
    } else {
      fold.free(metadataOf: node)
      fold.reclaim(node, leavingTableTo: child)
    }
  }

  /// Reads the checkpoint's free space, which opening left unread, and takes out of it what the
  /// tail has taken since. Leader only.
  func loadFreeSpace() throws(ContainerError) {
    guard let root = unreadFreeSpace else { return }
    var loaded = FreeSpace(frontier: checkpoint.frontier)
    let reader = TreeReader(medium: medium, identity: superblock.identity, source: .cache)
    var extents: [Extent] = []
    try reader.walk(root) { (key, value) throws(ContainerError) in
      let count = try decoding(value, "free extent") {
        (reader: inout ByteReader) throws(ContainerError) in try reader.integer(UInt64.self)
      }
      guard count > 0, key < self.checkpoint.frontier.rawValue,
        count <= self.checkpoint.frontier.rawValue - key,
        extents.last.map({ $0.end.rawValue < key }) ?? true
      else { throw .corrupt(at: nil, expected: "free extents in order") }
      extents.append(Extent(start: Block(key), count: Int(count)))
    }
    for extent in extents { loaded.give(extent) }
    for extent in tail.extents + tail.images where extent.start < checkpoint.frontier {
      loaded.occupy(extent)
    }
    loaded.take(over: space, above: checkpoint.frontier)
    loaded.isLogging = space.isLogging
    if isWatched(from: 0, before: openedAt + 1) {
      // Readers of the writer before look at some of it, and nobody knows at what.
      limbo.add(loaded.extents, before: openedAt + 1)
      loaded = FreeSpace(frontier: loaded.frontier, log: space)
    }
    space = loaded
    takeOutHoles()
    unreadFreeSpace = nil
  }
}

/// Looks for what a version has and neither its table's parent nor its only child has, in order
/// of chunks.
private struct OwnBlocks {
  let reader: TreeReader
  /// The parent: what is not younger is the parent's too.
  let bornAfter: UInt64
  /// Chunks before this one were looked at before.
  let from: UInt64
  let chunkBlocks: Int
  var child: LookupPath?
  /// How many blocks may still be read; a little more are.
  var reads: Int
  var found: [Extent] = []
  private var hasSeenSome = false

  init(
    reader: TreeReader, bornAfter: UInt64, from: UInt64, chunkBlocks: Int, child: LookupPath?,
    reads: Int
  ) {
    self.reader = reader
    self.bornAfter = bornAfter
    self.from = from
    self.chunkBlocks = chunkBlocks
    self.child = child
    self.reads = reads
  }

  /// The chunk to go on from another time; nil when all is found.
  mutating func find(in root: TreeReference?) throws(ContainerError) -> UInt64? {
    guard let root, root.birth > bornAfter else { return nil }
    return try find(in: root, level: nil)
  }

  private mutating func find(
    in reference: TreeReference, level expected: Int?
  ) throws(ContainerError) -> UInt64? {
    reads -= 1
    let node = try reader.node(reference, level: expected)
    if try child?.contains(reference.block, firstKey: node.firstKey, reader, &reads) ?? false {
      hasSeenSome = true
      return nil
    }
    switch node.content {
    case .leaf(let leaves):
      for leaf in leaves where leaf.key >= from {
        let place = try ChunkPlace(decoding: leaf.value)
        guard place.birth > bornAfter else { continue }
        if let theirs = try child?.value(of: leaf.key, reader, &reads),
          try ChunkPlace(decoding: theirs).block == place.block
        {
          continue
        }
        found.append(Extent(start: place.block, count: chunkBlocks))
      }
      hasSeenSome = true
    case .inner(let children, let level):
      for (index, next) in children.enumerated() {
        if index + 1 < children.count, children[index + 1].key <= from { continue }
        if next.reference.birth <= bornAfter { continue }
        if reads <= 0, hasSeenSome { return max(next.key, from) }
        if let rest = try find(in: next.reference, level: level - 1) { return rest }
      }
    }
    // A node is free when all below it was looked at: until then it leads to the rest.
    found.append(Extent(start: reference.block, count: 1))
    return nil
  }
}

/// Looks keys up in a tree, and reads no node twice while keys rise.
private struct LookupPath {
  let root: TreeReference?
  private var path: [(reference: TreeReference, node: TreeNode)] = []

  init(root: TreeReference?) {
    self.root = root
  }

  private mutating func node(
    _ reference: TreeReference, depth: Int, _ reader: TreeReader, _ reads: inout Int
  ) throws(ContainerError) -> TreeNode {
    if depth < path.count, path[depth].reference == reference { return path[depth].node }
    reads -= 1
    let node = try reader.node(reference)
    path.removeLast(max(path.count - depth, 0))
    path.append((reference, node))
    return node
  }

  mutating func value(
    of key: UInt64, _ reader: TreeReader, _ reads: inout Int
  ) throws(ContainerError) -> [UInt8]? {
    var next = root
    var depth = 0
    while let reference = next {
      switch try node(reference, depth: depth, reader, &reads).content {
      case .leaf(let leaves): return leaves.first { $0.key == key }?.value
      case .inner(let children, _): next = children.last { $0.key <= key }?.reference
      }
      depth += 1
    }
    return nil
  }

  /// Whether the node at `block` is part of the tree: looked for where its first key leads.
  mutating func contains(
    _ block: Block, firstKey key: UInt64, _ reader: TreeReader, _ reads: inout Int
  ) throws(ContainerError) -> Bool {
    var next = root
    var depth = 0
    while let reference = next {
      if reference.block == block { return true }
      switch try node(reference, depth: depth, reader, &reads).content {
      case .leaf: return false
      case .inner(let children, _):
        next = (children.last { $0.key <= key } ?? children.first)?.reference
      }
      depth += 1
    }
    return false
  }
}

extension TreeNode {
  var firstKey: UInt64 {
    switch content {
    case .leaf(let leaves): leaves.first?.key ?? 0
    case .inner(let children, _): children.first?.key ?? 0
    }
  }
}
