// What keeps a closed arena's addresses taken: its live cells, by what lies in them.
//
// 1. Asked of closed arenas only. Nobody allocates there any more, so a live cell that came through
//    the objects' path has its object's header; its type is read from that.
// 2. Every read is bounded by the cell, and metadata is read through the kernel, so that a cell
//    that is freed meanwhile, or one that has no object yet, gives a wrong line and no crash.

import CSoftPMHeap
import SoftPMBase

/// Live cells of one kind in a closed arena.
package struct ArenaHolding: Hashable, Sendable {
  /// A class's name, or what sort of memory it is.
  package var kind: String
  package var cells: Int
  package var bytes: ByteCount
}

extension Heap {
  /// What holds the closed arena at `base`, most bytes first; empty where none is there. `name` says
  /// how a class is called: Swift 6.3 itself crashes when asked for some generic ones.
  package static func holdings(
    ofClosedArenaAt base: UInt, name: (any Any.Type) -> String
  ) -> [ArenaHolding] {
    withoutScopes {
      var next = softpm_range_after(nil)
      while let range = next {
        if softpm_range_base(range) == base, !softpm_range_is_returned(range),
          ArenaStatistics(of: range).isClosed
        {
          return holdings(of: range, name)
        }
        next = softpm_range_after(range)
      }
      return []
    }
  }

  private static func holdings(
    of range: OpaquePointer, _ className: (any Any.Type) -> String
  ) -> [ArenaHolding] {
    var found: [String: (cells: Int, bytes: Int)] = [:]
    var names: [UInt: String] = [:]
    for chunk in 0..<softpm_chunk_count(range) {
      var shape = softpm_chunk_shape()
      softpm_chunk_shape_get(range, chunk, &shape)
      guard shape.kind == softpm_chunk_slab || shape.kind == softpm_chunk_large else { continue }
      eachCell(of: range, chunk) { start in
        var kind = "memory that is no object's"
        if !shape.is_raw {
          let header = softpm_word_at(start)
          kind = names[header] ?? name(ofHeader: header, className)
          names[header] = kind
        }
        found[kind, default: (0, 0)].cells += 1
        found[kind, default: (0, 0)].bytes += shape.cell_bytes
      }
    }
    return
      found
      .map { ArenaHolding(kind: $0.key, cells: $0.value.cells, bytes: ByteCount($0.value.bytes)) }
      .sorted { ($1.bytes.rawValue, $0.kind) < ($0.bytes.rawValue, $1.kind) }
  }

  private static func eachCell(
    of range: OpaquePointer, _ chunk: UInt32, _ body: (UInt) -> Void
  ) {
    let chunkStart = softpm_range_base(range) + UInt(chunk) * UInt(softpm_range_chunk_bytes(range))
    var offsets = [UInt32](repeating: 0, count: softpm_range_chunk_bytes(range) / 16)
    let count = softpm_chunk_cells(range, chunk, &offsets, offsets.count)
    for offset in offsets.prefix(count) { body(chunkStart + UInt(offset)) }
  }

  /// By the metadata that an object's header points to; its kinds are the runtime's ABI.
  private static func name(
    ofHeader header: UInt, _ className: (any Any.Type) -> String
  ) -> String {
    guard header > 4096, header.isMultiple(of: 8) else { return "an object being made" }
    let kind = softpm_word_at(header)
    switch kind {
    case 0x400, 0x500: return "a box or closure"
    case 0x501: return "an error"
    case 0:
      // A class's record points to its description, whose first word says "class" in
      // its lowest five bits; the same check that tells a class from cleared memory.
      let description = softpm_word_at(header + 40)
      guard description != 0, softpm_word_at(description) & 0x1f == 16 else {
        return "an unknown object"
      }
      return className(unsafeBitCast(header, to: Any.Type.self))
    case 0x200...0x7ff: return "a runtime's object of kind \(String(kind, radix: 16))"
    default: return "an unknown object"
    }
  }
}
