// A chunk's cells at one moment.
//
// 1. Shape and cells are taken together under the arena's lock, so they agree.
// 2. The copy is the caller's: other threads may allocate and free in the chunk meanwhile and
//    afterwards. Cells that were allocated throughout `copy` are in it, those that were free
//    throughout are not.
// 3. Nothing but `init` allocates Swift objects, so a map may be filled in a scope.

import CSoftPMHeap
import SoftPMBase

/// A copy of where a chunk's allocated cells start, to be filled again and again.
package final class CellMap {
  package private(set) var shape = Arena.ChunkShape.empty
  /// How many cells are in the map.
  package private(set) var count = 0
  private let bits: UnsafeMutableBufferPointer<UInt64>

  /// For chunks of arenas with chunks of this size.
  package init(chunkSize: ByteCount) {
    bits = .allocate(capacity: chunkSize.rawValue / 1024)
    bits.initialize(repeating: 0)
  }

  deinit {
    bits.deallocate()
  }

  package func copy(_ chunk: ChunkIndex, of arena: Arena) {
    precondition(arena.chunkSize.rawValue / 1024 == bits.count, "made for other chunks")
    guard let words = bits.baseAddress else { return }
    var found = softpm_chunk_shape()
    count = softpm_chunk_map(arena.range, chunk.rawValue, &found, words)
    shape = Arena.ChunkShape(found)
  }

  /// Whether an allocated cell starts so many bytes into the chunk.
  package func startsCell(at offset: Int) -> Bool {
    guard offset >= 0, offset.isMultiple(of: 16), offset / 1024 < bits.count else { return false }
    return bits[offset / 1024] >> UInt64(offset / 16 % 64) & 1 != 0
  }

  /// Calls `body` with each cell's offset in the chunk, ascending.
  package func forEachStart<Failure: Error>(
    _ body: (Int) throws(Failure) -> Void
  ) throws(Failure) {
    for (index, word) in bits.enumerated() {
      var rest = word
      while rest != 0 {
        try body(index * 1024 + rest.trailingZeroBitCount * 16)
        rest &= rest - 1
      }
    }
  }
}
