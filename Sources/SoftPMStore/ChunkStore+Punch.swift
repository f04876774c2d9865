// Giving storage back to the file system: seldom, since space that the store keeps is used again
// at half the cost of space that it has to ask for.
//
// Facts:
// 1. Only blocks that are free, that both superblocks know to be free and that no reader looks
//    at are punched: nothing that a crash could make needed.
// 2. By itself the store punches when more is free than is used, and then only what exceeds that,
//    from its end: the first free blocks are used again first. `compact` punches everything.
// 3. What is given out has storage. Holes are given some again before they are given out, so that
//    a full file system is found out before anything is written.

import SoftPMBase

extension ChunkStore {
  /// Free blocks that are not worth a system call.
  private static let surplusLeast = 1024
  /// Most holes made after one fold, so that a fold's time is bounded.
  private static let holesMost = 64
  /// Blocks filled at once: a system call costs as much for one as for these.
  private static let holeLeast = 256

  /// Leader only, right after a fold.
  func punchSurplus() {
    let free = space.freeBlocks
    let used = Int(space.frontier.rawValue) - free
    guard free > used, free - used > ChunkStore.surplusLeast else { return }
    var kept = 0
    var surplus = RangeSet<Int>()
    for extent in space.extents {
      let start = Int(extent.start.rawValue) + min(max(used - kept, 0), extent.count)
      let end = Int(extent.end.rawValue)
      if start < end { surplus.insert(contentsOf: start..<end) }
      kept += extent.count
    }
    // Failing is no harm: the storage stays the store's.
    try? punch(surplus, most: ChunkStore.holesMost)
  }

  /// Gives the storage of free blocks back, and takes them out of what is given out. Leader only.
  func punch(_ blocks: RangeSet<Int>, most: Int = .max) throws(ContainerError) {
    for range in blocks.ranges.suffix(most) {
      try medium.device.discard(
        from: range.lowerBound * Block.byteCount, to: range.upperBound * Block.byteCount)
      // A disk's blocks are its own, whatever it was told.
      if medium.device.capacity == nil { punched.formUnion(space.remove(RangeSet(range))) }
    }
  }

  /// Gives holes storage again, up to so many blocks, before the store grows instead.
  func fillHoles(_ count: Int) throws(ContainerError) {
    var left = count
    while left > 0, let range = punched.ranges.first {
      let part = range.prefix(max(left, ChunkStore.holeLeast))
      try medium.device.fill(
        from: part.lowerBound * Block.byteCount, to: part.upperBound * Block.byteCount)
      punched.remove(contentsOf: part)
      space.give(Extent(start: Block(UInt64(part.lowerBound)), count: part.count))
      left -= part.count
    }
  }

  /// What the writer before has punched, among what is free now.
  func takeOutHoles() {
    guard medium.device.capacity == nil else { return }
    let holes = medium.device.holes.ranges.map {
      ($0.lowerBound + Block.byteCount - 1) / Block.byteCount..<$0.upperBound / Block.byteCount
    }
    punched = space.remove(RangeSet(holes.filter { !$0.isEmpty }))
  }

  /// Free blocks right below the frontier become blocks never given out.
  func retreat() {
    while true {
      let before = space.frontier
      space.retreat()
      let frontier = Int(space.frontier.rawValue)
      if let last = punched.ranges.last, last.upperBound == frontier {
        punched.remove(contentsOf: last)
        space.retreat(to: Block(UInt64(last.lowerBound)))
      }
      if space.frontier == before { return }
    }
  }
}
