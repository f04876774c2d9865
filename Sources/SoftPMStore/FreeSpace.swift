// Which blocks may be given out.
//
// Facts:
// 1. Every block below the frontier is in use, reserved, or in exactly one free extent.
// 2. Free extents are disjoint, sorted, and never touch each other.
// 3. Looking for room costs a bounded number of extents, however many there are: the search goes
//    on where the last one ended. What it does not find in that many is taken from new blocks.
// 4. Blocks become free only when a checkpoint that no longer needs them is named by both
//    superblocks; between checkpoints space is only ever taken.

import SoftPMBase

package struct FreeSpace: Sendable {
  package private(set) var extents: [Extent] = []
  package private(set) var frontier: Block
  /// Where the next search begins (fact 3).
  private var cursor = Block(0)
  /// Most extents looked at in one search: some microseconds.
  private static let searchMost = 4096

  package init(frontier: Block) {
    self.frontier = frontier
  }

  /// Takes `count` blocks in a row: right at `wanted` where those are free, so that a point's
  /// writes become one; else from an extent that holds them; else new ones.
  package mutating func take(_ count: Int, wanted: Block? = nil) -> Extent {
    precondition(count > 0)
    if let wanted, let found = takeExactly(count, at: wanted) { return found }
    if let index = firstIndex(holding: count) {
      return carve(Extent(start: extents[index].start, count: count), from: index)
    }
    return grow(count)
  }

  /// Takes one block behind which `room` more are free, so that what is written next to it
  /// follows it in one request: at `wanted`, or elsewhere.
  ///
  /// Holes that are too small for that stay free for single blocks. While there are many of
  /// those, room is not worth new blocks.
  mutating func take(withRoomFor room: Int, wanted: Block) -> Block {
    if let index = index(holding: wanted), extents[index].end >= wanted + (1 + room) {
      return carve(Extent(start: wanted, count: 1), from: index).start
    }
    if let index = firstIndex(holding: 1 + room) {
      return carve(Extent(start: extents[index].start, count: 1), from: index).start
    }
    let isCrowded = UInt64(freeBlocks) < frontier.rawValue / FreeSpace.shareLeftForRoom
    return isCrowded ? grow(1).start : take(1).start
  }

  /// At most a quarter of the store is left free for the sake of points in one request.
  private static let shareLeftForRoom: UInt64 = 4

  private mutating func takeExactly(_ count: Int, at wanted: Block) -> Extent? {
    if let index = index(holding: wanted), extents[index].end >= wanted + count {
      return carve(Extent(start: wanted, count: count), from: index)
    }
    return wanted == frontier ? grow(count) : nil
  }

  private mutating func grow(_ count: Int) -> Extent {
    defer { frontier = frontier + count }
    return Extent(start: frontier, count: count)
  }

  /// An extent of at least `count` blocks, from the cursor on and then from the beginning.
  private mutating func firstIndex(holding count: Int) -> Int? {
    var left = FreeSpace.searchMost
    let start = Swift.max(firstIndex(startingAfter: cursor) - 1, 0)
    for range in [start..<extents.count, 0..<Swift.min(start, extents.count)] {
      for index in range {
        if extents[index].count >= count {
          cursor = extents[index].start
          return index
        }
        left -= 1
        if left == 0 {
          cursor = extents[index].end
          return nil
        }
      }
    }
    return nil
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
    freeBlocks -= part.count
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
    freeBlocks += extent.count
  }

  /// How many blocks below the frontier are free.
  package private(set) var freeBlocks = 0
}
