import CSoftPMHeap
import SoftPMBase

/// What an arena holds, counted when asked: each question walks the arena's chunk records.
package struct ArenaStatistics: Hashable, Sendable {
  /// Allocated cells, and their sizes' sum.
  package var liveCells: Int
  package var liveBytes: ByteCount
  /// Freed cells that may not be used again yet: in quarantine, or in a thread's cache.
  package var heldCells: Int
  /// Chunks in use; and those below the highest ever used.
  package var usedChunks: Int
  package var touchedChunks: Int
  /// Readable and writable memory, resident or not.
  package var committed: ByteCount
  package var isClosed: Bool
  /// Closed, and its addresses given back: nothing was left in it.
  package var isReturned: Bool
}

extension ArenaStatistics {
  init(of range: OpaquePointer) {
    var measured = softpm_range_statistics()
    softpm_range_measure(range, &measured)
    self.init(
      liveCells: measured.live_cells, liveBytes: ByteCount(measured.live_bytes),
      heldCells: measured.held_cells, usedChunks: measured.used_chunks,
      touchedChunks: measured.touched_chunks, committed: ByteCount(measured.committed_bytes),
      isClosed: measured.is_closed, isReturned: measured.is_returned)
  }
}

extension Arena {
  package var statistics: ArenaStatistics { ArenaStatistics(of: range) }
}

extension Heap {
  /// What the nursery holds; nil where there is none.
  package static var nurseryStatistics: ArenaStatistics? {
    softpm_nursery_range().map { ArenaStatistics(of: $0) }
  }

  /// How many ranges there have been at once: their records serve again.
  package static var recordCount: Int {
    var count = 0
    var next = softpm_range_after(nil)
    while let range = next {
      count += 1
      next = softpm_range_after(range)
    }
    return count
  }

  /// The closed arenas whose addresses are still taken: by live cells, which somebody refers to,
  /// or only by held ones, which wait in some thread's cache until it exits or allocates.
  package static var closedArenas: [(base: UInt, statistics: ArenaStatistics)] {
    var found: [(base: UInt, statistics: ArenaStatistics)] = []
    var next = softpm_range_after(nil)
    while let range = next {
      if !softpm_range_is_returned(range) {
        let statistics = ArenaStatistics(of: range)
        if statistics.isClosed { found.append((softpm_range_base(range), statistics)) }
      }
      next = softpm_range_after(range)
    }
    return found
  }
}
