import SoftPMBase

extension ChunkStore {
  /// Most hidden versions looked through in one fold, so that a fold's time is bounded.
  private static let reclaimedMost = 256

  /// Finds out what hidden versions alone have. Work is in proportion to what they wrote.
  func reclaim(_ nodes: [VersionNode], _ fold: inout Fold) throws(ContainerError) {
    // Youngest first: a line that was abandoned is taken up from its end.
    var left = ChunkStore.reclaimedMost
    for node in nodes.reversed() where node.isDropped && left > 0 {
      let id = node.facts.id
      let mine = fold.children[id] ?? []
      guard !fold.reclaimed.contains(id), node.isFolded || fold.trees[id] != nil,
        mine.count <= 1, mine.allSatisfy(\.isDurable), monitor.locked({ node.pins == 0 })
      else { continue }
      left -= 1
      let child = mine.first
      try fold.free(
        node, child: child.map { fold.trees[$0.facts.id] ?? $0.tree } ?? nil, hasChild: child != nil
      )
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

extension Fold {
  /// Frees what a version has and neither its table's parent nor its only child has.
  mutating func free(
    _ node: VersionNode, child: TreeReference?, hasChild: Bool
  ) throws(ContainerError) {
    let parent = self.parent(of: node)?.rawValue ?? 0
    let blocks = node.chunkBytes / Block.byteCount
    let reader = tables.reader
    var found: [Extent] = []
    try reader.walk(trees[node.facts.id] ?? node.tree, bornAfter: parent) {
      (reference, content) throws(ContainerError) in
      let key = content.firstKey
      if hasChild, try reader.contains(reference.block, firstKey: key, in: child) { return false }
      found.append(Extent(start: reference.block, count: 1))
      return true
    } _: { (key, value) throws(ContainerError) in
      let place = try ChunkPlace(decoding: value)
      guard place.birth > parent else { return }
      if hasChild, let theirs = try reader.value(of: key, in: child),
        try ChunkPlace(decoding: theirs).block == place.block
      {
        return
      }
      found.append(Extent(start: place.block, count: blocks))
    }
    freed += found
    free(metadataOf: node)
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
