// Moving: what lies at the store's end goes to free blocks before it, so that the file can be
// made shorter.
//
// Facts:
// 1. A move is part of a fold: images are copied to free blocks, nodes that refer to them are
//    written anew, and only the checkpoint makes it count. What was left behind is freed as
//    anything else that a fold replaces.
// 2. Births stay as they were, and what versions shared they share afterwards: each image and
//    node is moved once, however many versions have it.
// 3. Nothing is moved further from the start; what finds no room before the limit stays.

import SoftPMBase

private struct Mover {
  let limit: Block
  var nodes: [Block: TreeReference] = [:]
  var images: [Block: Block] = [:]
}

extension ChunkStore {
  /// Leader only, within a fold.
  func move(
    _ nodes: [VersionNode], from limit: Block, _ fold: inout Fold, _ progress: (Int) -> Void
  ) throws(ContainerError) {
    var mover = Mover(limit: limit)
    for node in nodes where node.isDurable && !fold.reclaimed.contains(node.facts.id) {
      let id = node.facts.id
      if let tree = fold.trees[id] ?? node.tree {
        let moved = try moved(
          tree, blocks: node.chunkBytes / Block.byteCount, &mover, &fold, progress)
        if moved != tree { fold.trees.updateValue(moved, forKey: id) }
      }
      if case .blocks(var place, let byteCount) = node.facts.metadata, place.block >= limit {
        let old = place.block
        let count = Block.count(holding: byteCount)
        guard let new = try copy(old, count, byteCount, place.digest, &fold, limit) else {
          continue
        }
        place.block = new
        fold.movedMetadata[id] = .blocks(place, byteCount: byteCount)
        fold.freed.append(Extent(start: old, count: count))
        progress(count * Block.byteCount)
      }
    }
  }

  private func moved(
    _ reference: TreeReference, blocks: Int, _ mover: inout Mover, _ fold: inout Fold,
    _ progress: (Int) -> Void
  ) throws(ContainerError) -> TreeReference {
    if let known = mover.nodes[reference.block] { return known }
    var node = try fold.tables.reader.node(reference)
    var isChanged = false
    switch node.content {
    case .leaf(var leaves):
      for index in leaves.indices {
        var place = try ChunkPlace(decoding: leaves[index].value)
        guard
          let new = try newPlace(of: place, blocks: blocks, &mover, &fold, progress)
        else { continue }
        place.block = new
        leaves[index].value = place.encoded
        isChanged = true
      }
      node.content = .leaf(leaves)
    case .inner(var children, let level):
      for index in children.indices {
        let old = children[index].reference
        children[index].reference = try moved(old, blocks: blocks, &mover, &fold, progress)
        if children[index].reference != old { isChanged = true }
      }
      node.content = .inner(children, level: level)
    }
    var result = reference
    if isChanged || reference.block >= mover.limit {
      result = fold.tables.replace(reference, by: node, &fold.space)
      fold.freed.append(Extent(start: reference.block, count: 1))
    }
    mover.nodes[reference.block] = result
    return result
  }

  private func newPlace(
    of place: ChunkPlace, blocks: Int, _ mover: inout Mover, _ fold: inout Fold,
    _ progress: (Int) -> Void
  ) throws(ContainerError) -> Block? {
    if let known = mover.images[place.block] { return known == place.block ? nil : known }
    guard place.block >= mover.limit else { return nil }
    let new = try copy(
      place.block, blocks, blocks * Block.byteCount, place.digest, &fold, mover.limit)
    mover.images[place.block] = new ?? place.block
    if new != nil {
      fold.freed.append(Extent(start: place.block, count: blocks))
      progress(blocks * Block.byteCount)
    }
    return new
  }

  /// Copies what is whole to free blocks before the limit; nil when there are none, or when it
  /// is damaged: damage stays where it is, to be told of by whoever reads it.
  private func copy(
    _ old: Block, _ count: Int, _ byteCount: Int, _ digest: Digest, _ fold: inout Fold,
    _ limit: Block
  ) throws(ContainerError) -> Block? {
    guard let extent = fold.space.takeLowest(count, before: limit) else { return nil }
    let buffer = PageBuffer(byteCount: count * Block.byteCount)
    do throws(ContainerError) {
      try readChecked(buffer.bytes, count: byteCount, at: old, digest, "what is to be moved")
    } catch  where error.code == .corrupt {
      fold.space.give(extent)
      return nil
    }
    try medium.write([DeviceWrite(offset: extent.start.offset, bytes: buffer.readOnly)])
    fold.moved.append(extent)
    return extent.start
  }
}
