// Which blocks may be given out.
//
// Facts:
// 1. Every block below the frontier is in use, reserved, or in exactly one free extent.
// 2. Free extents are disjoint, sorted, and never touch each other.
// 3. Blocks become free only when a checkpoint that no longer needs them is named by both
//    superblocks; between checkpoints space is only ever taken.

import SoftPMBase

package struct FreeSpace: Sendable {
  package private(set) var extents: [Extent] = []
  package private(set) var frontier: Block

  package init(frontier: Block) {
    self.frontier = frontier
  }

  /// Takes `count` blocks in a row: right at `wanted` where those are free, so that a point's
  /// writes become one; else from the first free extent that holds them; else new ones.
  package mutating func take(_ count: Int, wanted: Block? = nil) -> Extent {
    precondition(count > 0)
    if let wanted, let index = index(holding: wanted), extents[index].end >= wanted + count {
      return carve(Extent(start: wanted, count: count), from: index)
    }
    if wanted == frontier { return grow(count) }
    if let index = extents.firstIndex(where: { $0.count >= count }) {
      return carve(Extent(start: extents[index].start, count: count), from: index)
    }
    return grow(count)
  }

  private mutating func grow(_ count: Int) -> Extent {
    defer { frontier = frontier + count }
    return Extent(start: frontier, count: count)
  }

  /// The extent that holds a block, if one does.
  private func index(holding block: Block) -> Int? {
    let after = firstIndex(startingAfter: block)
    guard after > 0, extents[after - 1].end > block else { return nil }
    return after - 1
  }

  private func firstIndex(startingAfter block: Block) -> Int {
    var low = 0
    var high = extents.count
    while low < high {
      let middle = (low + high) / 2
      if extents[middle].start <= block { low = middle + 1 } else { high = middle }
    }
    return low
  }

  private mutating func carve(_ part: Extent, from index: Int) -> Extent {
    let whole = extents[index]
    var rest: [Extent] = []
    if whole.start < part.start {
      rest.append(
        Extent(start: whole.start, count: Int(part.start.rawValue - whole.start.rawValue)))
    }
    if part.end < whole.end {
      rest.append(Extent(start: part.end, count: Int(whole.end.rawValue - part.end.rawValue)))
    }
    extents.replaceSubrange(index...index, with: rest)
    return part
  }

  /// Marks blocks as in use that a replayed barrier had taken, wherever they lie.
  package mutating func occupy(_ extent: Extent) {
    if extent.start >= frontier {
      if frontier < extent.start {
        give(
          Extent(start: frontier, count: Int(extent.start.rawValue - frontier.rawValue)),
          raising: true)
      }
      frontier = extent.end
    } else if let index = index(holding: extent.start), extents[index].end >= extent.end {
      _ = carve(extent, from: index)
    } else if extent.end > frontier {
      frontier = extent.end
    }
  }

  mutating func advance(to block: Block) {
    precondition(block >= frontier)
    frontier = block
  }

  /// Adopts what `other`, which knew only of blocks from `start` on, has free there.
  mutating func take(over other: FreeSpace, above start: Block) {
    precondition(frontier <= other.frontier)
    frontier = other.frontier
    for extent in other.extents where extent.start >= start { give(extent) }
  }

  /// Gives this one blocks that another one had, whose frontier may be further.
  mutating func give(_ extent: Extent, below other: Block) {
    frontier = max(frontier, other)
    give(extent)
  }

  /// Gives blocks back.
  package mutating func give(_ extent: Extent) { give(extent, raising: false) }

  private mutating func give(_ extent: Extent, raising: Bool) {
    precondition(extent.count > 0 && (raising || extent.end <= frontier))
    let index = firstIndex(startingAfter: extent.start)
    var merged = extent
    var replaced = index..<index
    if index > 0 {
      precondition(extents[index - 1].end <= extent.start, "blocks given back twice")
      if extents[index - 1].end == extent.start {
        merged = Extent(
          start: extents[index - 1].start, count: extents[index - 1].count + extent.count)
        replaced = index - 1..<index
      }
    }
    if index < extents.count {
      precondition(extent.end <= extents[index].start, "blocks given back twice")
      if extents[index].start == extent.end {
        merged.count += extents[index].count
        replaced = replaced.lowerBound..<index + 1
      }
    }
    extents.replaceSubrange(replaced, with: CollectionOfOne(merged))
  }

  package var freeBlocks: Int { extents.reduce(0) { $0 + $1.count } }
}
