import SoftPMBase

extension Recovery {
  /// Applies barriers to what the checkpoint held, checking those above the watermark first.
  func replay(
    _ links: [Link], provenUpTo proven: Int, on checkpoint: Checkpoint, _ superblock: Superblock
  ) throws(ContainerError) -> Found {
    var graph = VersionGraph()
    graph.nextContainer = checkpoint.nextContainer
    graph.unfinished = checkpoint.unfinished
    let reader = TreeReader(medium: medium, identity: superblock.identity, source: source)
    try reader.walk(checkpoint.containers) { (key, value) throws(ContainerError) in
      graph.add(try ContainerEntry(decoding: value, number: key))
    }
    graph.stored = checkpoint.versions.map { (reader, $0) }
    var tail = ChunkStore.Tail()
    var space = FreeSpace(frontier: checkpoint.frontier)
    var chain = ChunkStore.Chain(
      sequence: checkpoint.barrier, digest: checkpoint.barrierDigest,
      next: checkpoint.nextBarrier)
    var largest: UInt64 = 0
    for (index, link) in links.enumerated() {
      let offset = link.barrier.block.offset
      if index >= proven, canary != .chunksUnchecked, try !isWhole(link, in: graph) { break }
      for change in link.changes {
        try graph.apply(change, at: offset)
        if case .versionMade(let facts, _, _) = change { largest = max(largest, facts.id.rawValue) }
      }
      occupy(link, in: &space, &tail, graph)
      chain = ChunkStore.Chain(
        sequence: link.barrier.sequence, digest: link.digest, next: link.barrier.next)
    }
    // Numbers may have been given out that nothing on the medium tells of, unless the writer
    // said goodbye.
    var nextVersion = max(superblock.nextVersion, largest + 1)
    if !superblock.isClean { nextVersion += ChunkStore.numbersAhead }
    return Found(
      graph: graph, chain: chain, space: space, superblock: superblock, checkpoint: checkpoint,
      tail: tail, nextVersion: nextVersion)
  }

  /// Whether everything that a barrier names is on the medium.
  private func isWhole(_ link: Link, in graph: VersionGraph) throws(ContainerError) -> Bool {
    var sizes = graph.containers.mapValues(\.chunkBytes)
    for change in link.changes {
      switch change {
      case .containerMade(let number, _, let chunkBytes):
        sizes[number] = chunkBytes
      case .versionMade(let facts, _, let chunks):
        guard let size = sizes[facts.container] else { return false }
        if case .blocks(let place, let byteCount) = facts.metadata {
          guard try holds(place, byteCount: byteCount) else { return false }
        }
        for entry in chunks {
          let place = BlockReference(block: entry.block, digest: entry.digest)
          guard try holds(place, byteCount: size) else { return false }
        }
      default: break
      }
    }
    return true
  }

  private func holds(_ place: BlockReference, byteCount: Int) throws(ContainerError) -> Bool {
    guard place.block.offset + byteCount <= medium.device.byteCount else { return false }
    let buffer = try medium.blocks(
      Block.count(holding: byteCount), at: place.block, from: .medium)
    let bytes = UnsafeRawBufferPointer(rebasing: buffer.readOnly[..<byteCount])
    return Checksum.digest(bytes) == place.digest
  }

  /// Takes out of the free space what a barrier had taken.
  private func occupy(
    _ link: Link, in space: inout FreeSpace, _ tail: inout ChunkStore.Tail, _ graph: VersionGraph
  ) {
    tail.barriers += 1
    tail.extents.append(Extent(start: link.barrier.block, count: 1))
    if let outside = link.barrier.outside {
      tail.extents.append(
        Extent(start: outside.block, count: Block.count(holding: link.barrier.bodyBytes)))
    }
    let known = tail.images.count
    for case .versionMade(let facts, _, let chunks) in link.changes {
      if case .blocks(let place, let byteCount) = facts.metadata {
        tail.images.append(Extent(start: place.block, count: Block.count(holding: byteCount)))
      }
      let blocks = (graph.containers[facts.container]?.chunkBytes ?? 0) / Block.byteCount
      tail.treeNodes += VersionNode.treeNodesMost(chunks)
      guard blocks > 0 else { continue }
      tail.images += chunks.map { Extent(start: $0.block, count: blocks) }
    }
    // Below the checkpoint's frontier the free space is read later, and then all of this is
    // taken out of it.
    let new = tail.extents.suffix(link.barrier.outside == nil ? 1 : 2) + tail.images[known...]
    for extent in new { space.occupy(extent) }
  }
}
