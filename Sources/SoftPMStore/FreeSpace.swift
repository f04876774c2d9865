// Which blocks may be given out.
//
// Facts:
// 1. Every block below the frontier is in use, reserved, or in exactly one free extent.
// 2. Free extents are disjoint, sorted, and never touch each other.
// 3. Looking for room costs a bounded number of extents, however many there are: the search goes
//    on where the last one ended. What it does not find in that many is taken from new blocks.
// 4. Blocks become free only when a checkpoint that no longer needs them is named by both
//    superblocks, and no reader looks at them; between checkpoints space is only ever taken.
// 5. While there is storage behind the frontier, a short search is enough; where there is none,
//    free blocks are looked for as long as there are any.

import SoftPMBase

package struct FreeSpace: Sendable {
  package private(set) var extents: [Extent] = []
  package private(set) var frontier: Block
  /// Where the next search begins (fact 3).
  private var cursor = Block(0)
  /// Most extents looked at in one search: some microseconds.
  private static let searchMost = 4096
  /// The first block without storage (fact 5).
  var storageEnd = Block(.max)
  /// Whether what is taken is noted, for the sake of readers.
  var isLogging = false
  private var log: [Extent] = []

  package init(frontier: Block) {
    self.frontier = frontier
  }

  /// Without free extents; goes on noting where `other` did.
  init(frontier: Block, log other: FreeSpace) {
    self.frontier = frontier
    isLogging = other.isLogging
    log = other.log
  }

  /// What was taken since the last call.
  mutating func takeLog() -> [Extent] {
    defer { log = [] }
    return log
  }

  private mutating func note(_ extent: Extent) {
    guard isLogging else { return }
    if let last = log.last, last.end == extent.start {
      log[log.count - 1].count += extent.count
    } else {
      log.append(extent)
    }
  }

  private func mayGrow(by count: Int) -> Bool { frontier + count <= storageEnd }

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
    return isCrowded && mayGrow(by: 1) ? grow(1).start : take(1).start
  }

  /// At most a quarter of the store is left free for the sake of points in one request.
  private static let shareLeftForRoom: UInt64 = 4

  private mutating func takeExactly(_ count: Int, at wanted: Block) -> Extent? {
    if let free = takeIfFree(at: wanted, count) { return free }
    return wanted == frontier && mayGrow(by: count) ? grow(count) : nil
  }

  /// Takes exactly this run, if it is free.
  mutating func takeIfFree(at wanted: Block, _ count: Int) -> Extent? {
    guard let index = index(holding: wanted), extents[index].end >= wanted + count else {
      return nil
    }
    return carve(Extent(start: wanted, count: count), from: index)
  }

  /// Takes `count` units of so many blocks each, in as few runs as there are: together where
  /// they fit; else in free extents of at least `least` blocks; nil where those are too few.
  mutating func takeFree(units count: Int, of unit: Int, least: Int) -> [Extent]? {
    if let index = firstIndex(holding: count * unit) {
      return [carve(Extent(start: extents[index].start, count: count * unit), from: index)]
    }
    guard count * unit <= freeBlocks else { return nil }
    var runs: [Extent] = []
    var left = count
    for extent in extents where extent.count >= max(least, unit) {
      let units = min(extent.count / unit, left)
      runs.append(Extent(start: extent.start, count: units * unit))
      left -= units
      if left == 0 { break }
    }
    guard left == 0 else { return nil }
    for run in runs {
      if let index = index(holding: run.start) { _ = carve(run, from: index) }
    }
    return runs
  }

  /// Takes from the lowest free extent that holds so many blocks and ends before `limit`.
  mutating func takeLowest(_ count: Int, before limit: Block) -> Extent? {
    guard let index = extents.firstIndex(where: { $0.count >= count }),
      extents[index].start + count <= limit
    else { return nil }
    return carve(Extent(start: extents[index].start, count: count), from: index)
  }

  /// Takes free blocks out, not to be used; what of them is in use stays as it is.
  mutating func remove(_ blocks: RangeSet<Int>) -> RangeSet<Int> {
    let free = RangeSet(extents).intersection(blocks)
    guard !free.isEmpty else { return free }
    extents = RangeSet(extents).subtracting(free).extents
    freeBlocks = extents.reduce(0) { $0 + $1.count }
    return free
  }

  /// Free blocks right below the frontier become blocks never given out.
  mutating func retreat() {
    guard let last = extents.last, last.end == frontier else { return }
    extents.removeLast()
    freeBlocks -= last.count
    frontier = last.start
  }

  /// Blocks from here on, which were taken out, are as if never given out.
  mutating func retreat(to block: Block) {
    precondition(block < frontier && (extents.last.map { $0.end <= block } ?? true))
    frontier = block
  }

  private mutating func grow(_ count: Int) -> Extent {
    let extent = Extent(start: frontier, count: count)
    frontier = extent.end
    note(extent)
    return extent
  }

  /// An extent of at least `count` blocks, from the cursor on and then from the beginning.
  private mutating func firstIndex(holding count: Int) -> Int? {
    guard count <= freeBlocks else { return nil }
    var left = mayGrow(by: count) ? FreeSpace.searchMost : .max
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
    note(part)
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

  /// Gives blocks back that records on the medium say are in use. Where the records of free space
  /// say otherwise, one of the two is forged or damaged.
  mutating func give(checking extents: [Extent]) throws(ContainerError) {
    for extent in extents {
      let next = firstIndex(startingAfter: extent.start)
      guard extent.count > 0, extent.end <= frontier,
        next == 0 || self.extents[next - 1].end <= extent.start,
        next == self.extents.count || extent.end <= self.extents[next].start
      else {
        throw .corrupt(at: UInt64(extent.start.offset), expected: "blocks that are not free")
      }
      give(extent)
    }
  }

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
