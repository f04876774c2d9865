import CSoftPMHeap
import SoftPMBase

extension Arena {
  /// What a chunk is used for.
  package enum ChunkShape: Hashable, Sendable {
    case empty
    /// Cells of one size, from `chunkSize/64` on.
    case slab(cellBytes: Int, isRaw: Bool)
    /// The first chunk of a run with one cell, from `chunkSize/64` to the run's end.
    case large(chunkCount: Int, isRaw: Bool)
    /// A later chunk of such a run.
    case continuation(of: ChunkIndex)
  }

  /// Chunks from this index on were never used.
  package var chunkCount: Int { Int(softpm_chunk_count(range)) }

  package func shape(of chunk: ChunkIndex) -> ChunkShape {
    var shape = softpm_chunk_shape()
    softpm_chunk_shape_get(range, chunk.rawValue, &shape)
    return ChunkShape(shape)
  }

  /// The byte offsets within the chunk of its allocated cells, ascending; `CellMap` has them
  /// together with the shape.
  package func allocatedCells(of chunk: ChunkIndex) -> [Int] {
    var capacity = 64
    while true {
      var found = 0
      let offsets = [UInt32](unsafeUninitializedCapacity: capacity) { buffer, count in
        found = softpm_chunk_cells(range, chunk.rawValue, buffer.baseAddress, capacity)
        count = min(found, capacity)
      }
      if found <= capacity { return offsets.map(Int.init) }
      capacity = chunkSize.rawValue / 16
    }
  }

  /// Gives an empty chunk its recorded shape, with the cells at these byte offsets allocated; its
  /// memory becomes usable, and is zero. Only while restoring, before anyone allocates.
  ///
  /// Throws `.corrupt` for what no arena can have been: overlaps, misplaced or unordered cells,
  /// chunks out of range.
  package func install(
    _ shape: ChunkShape, at chunk: ChunkIndex, occupied starts: [Int]
  ) throws(ContainerError) {
    var request = softpm_chunk_shape()
    switch shape {
    case .slab(let cellBytes, let isRaw):
      request.kind = softpm_chunk_slab
      request.cell_bytes = max(cellBytes, 0)
      request.is_raw = isRaw
    case .large(let chunkCount, let isRaw):
      request.kind = softpm_chunk_large
      request.chunk_count = max(chunkCount, 0)
      request.is_raw = isRaw
    case .empty, .continuation:
      guard starts.isEmpty else { throw corrupt(chunk, "no cells in \(shape)") }
      return
    }
    var offsets: [UInt32] = []
    offsets.reserveCapacity(starts.count)
    for start in starts {
      guard let offset = UInt32(exactly: start) else { throw corrupt(chunk, "cells in the chunk") }
      offsets.append(offset)
    }
    switch softpm_chunk_install(range, chunk.rawValue, &request, offsets, offsets.count) {
    case softpm_ok: return
    case softpm_invalid: throw corrupt(chunk, "a possible \(shape) with cells in order")
    case let result: throw failure(result)
    }
  }

  /// Opens what was installed for allocation: free cells of slabs, and the chunks between.
  package func finishInstalling() {
    softpm_range_finish_installing(range)
  }

  private func corrupt(_ chunk: ChunkIndex, _ expected: String) -> ContainerError {
    .corrupt(at: nil, expected: "\(expected) in \(chunk)")
  }
}

extension Arena.ChunkShape {
  init(_ shape: softpm_chunk_shape) {
    switch shape.kind {
    case softpm_chunk_slab: self = .slab(cellBytes: shape.cell_bytes, isRaw: shape.is_raw)
    case softpm_chunk_large: self = .large(chunkCount: shape.chunk_count, isRaw: shape.is_raw)
    case softpm_chunk_continuation: self = .continuation(of: ChunkIndex(shape.head))
    default: self = .empty
    }
  }
}
