// Compacting: the store's file is made as small as what is kept allows.

import SoftPMBase

/// What `compact` did.
package struct StoreCompaction: Sendable, Equatable {
  package var bytesBefore = 0
  package var bytesAfter = 0
  package var allocatedBefore = 0
  package var allocatedAfter = 0
  package var movedBytes = 0
  /// Free, and not given back: readers still look at it.
  package var waitingBytes = 0
}

extension ChunkStore {
  /// Gives dropped versions' space back, moves what lies at the end to free blocks before it,
  /// gives the rest back to the file system. Points wait meanwhile, and go on if it fails.
  package func compact(
    _ progress: (_ bytesDone: Int, _ bytesInAll: Int) -> Void = { _, _ in }
  ) throws(ContainerError) -> StoreCompaction {
    try monitor.locked { () throws(ContainerError) in try usable(changing: true) }
    return try exclusively { () throws(ContainerError) in
      monitor.locked {
        leaderCallsOut = true
        monitor.signalAll()
      }
      defer { monitor.locked { leaderCallsOut = false } }
      var result = StoreCompaction()
      waitForZeros()
      result.bytesBefore = medium.device.byteCount
      result.allocatedBefore = medium.device.allocatedBytes
      try foldAllDropped()
      let punchedBlocks = punched.ranges.reduce(0) { $0 + $1.count }
      let limit = Block(
        space.frontier.rawValue - UInt64(space.freeBlocks + punchedBlocks) + movingSlack)
      let total = usedBlocks(from: limit) * Block.byteCount
      if total > 0 {
        // Holes before the limit are as good as any other free block to move to.
        try? fillHoles(total / Block.byteCount)
        var done = 0
        try fold(movingFrom: limit) { bytes in
          done += bytes
          progress(min(done, total), total)
        }
        result.movedBytes = done
      }
      if chain.next >= limit { try startEpoch() }
      // The first frees what was left behind, the second names the lower frontier.
      for _ in 0..<2 {
        try fold()
        retreat()
      }
      try giveBack()
      result.waitingBytes = limbo.extents.reduce(0) { $0 + $1.byteCount }
      result.bytesAfter = medium.device.byteCount
      result.allocatedAfter = medium.device.allocatedBytes
      progress(total, total)
      return result
    }
  }

  /// New nodes need places before old ones are free.
  private var movingSlack: UInt64 { 64 + space.frontier.rawValue / 64 }

  /// A fold takes up only so many dropped versions, and only so much of a large one.
  func foldAllDropped() throws(ContainerError) {
    var before = (left: Int.max, unfinished: checkpoint.unfinished)
    while true {
      try fold()
      let left = monitor.locked { graph.hidden.count }
      if left == 0 || left >= before.left && checkpoint.unfinished == before.unfinished { return }
      before = (left, checkpoint.unfinished)
    }
  }

  private func usedBlocks(from limit: Block) -> Int {
    guard space.frontier > limit else { return 0 }
    let free = space.extents.reduce(0) { sum, extent in
      let start = max(extent.start, limit)
      return extent.end > start ? sum + Int(extent.end.rawValue - start.rawValue) : sum
    }
    let holes = punched.intersection(RangeSet(Int(limit.rawValue)..<Int(space.frontier.rawValue)))
    return Int(space.frontier.rawValue - limit.rawValue) - free
      - holes.ranges.reduce(0) { $0 + $1.count }
  }

  private func giveBack() throws(ContainerError) {
    try punch(RangeSet(space.extents))
    let end = space.frontier.offset + ChunkStore.reservedLeast * Block.byteCount
    guard medium.device.capacity == nil, end < medium.device.byteCount else { return }
    try medium.device.truncate(to: end)
    zeroEnd = min(zeroEnd, medium.device.byteCount)
  }
}
