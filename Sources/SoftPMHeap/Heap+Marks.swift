// A bit per cell for the layers above, such as "is a member".
//
// 1. It lies apart from the cell: setting it dirties no tracked page.
// 2. It is absent when the cell is allocated and absent again once it is freed, whoever frees it,
//    before its memory can be used again.
// 3. It takes 1/128 of the memory whose cells are marked, and none elsewhere.
// 4. Threads may mark and unmark at the same time.

import CSoftPMHeap
import SoftPMBase

extension Heap {
  /// Marks the cell that starts at `start`; tells whether it was marked before. Nil where no cell
  /// of ours can be, or where there is no memory for marks.
  package static func mark(cellAt start: UInt) -> Bool? {
    switch softpm_cell_mark(start) {
    case softpm_mark_new: false
    case softpm_mark_present: true
    default: nil
    }
  }

  package static func isMarked(cellAt start: UInt) -> Bool { softpm_cell_is_marked(start) }

  package static func unmark(cellAt start: UInt) { softpm_cell_unmark(start) }
}

extension Arena {
  /// Removes the marks of all cells of a chunk, which reads 1/128 of its size.
  package func unmarkCells(of chunk: ChunkIndex) {
    softpm_chunk_unmark(range, chunk.rawValue)
  }
}
