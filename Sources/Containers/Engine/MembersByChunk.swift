import SoftPMBase
import SoftPMHeap

/// The members of each chunk, chunk by chunk, ascending.
///
/// Counted and dealt out, not sorted: images place each member by its address, so the order within
/// a chunk does not matter. Sorting 400,000 members took 11 % of a point.
struct MembersByChunk: Sequence {
  /// Where each chunk's members begin in `positions`; one entry more than there are chunks.
  private let starts: [Int]
  private let positions: [Int32]

  init(_ places: [Place], in arena: Arena) {
    let home = arena.home.rawValue
    let shift = UInt64(arena.chunkSize.rawValue.trailingZeroBitCount)
    func chunk(of place: Place) -> Int { Int((place.home.rawValue - home) >> shift) }
    var starts = [Int](repeating: 0, count: arena.chunkCount + 1)
    for place in places { starts[chunk(of: place) + 1] += 1 }
    for index in starts.indices.dropFirst() { starts[index] += starts[index - 1] }
    var next = starts
    var positions = [Int32](repeating: 0, count: places.count)
    for (position, place) in places.enumerated() {
      let chunk = chunk(of: place)
      positions[next[chunk]] = Int32(position)
      next[chunk] += 1
    }
    self.starts = starts
    self.positions = positions
  }

  func makeIterator() -> AnyIterator<(ChunkIndex, ArraySlice<Int32>)> {
    var chunk = -1
    return AnyIterator {
      repeat { chunk += 1 } while chunk + 1 < starts.count && starts[chunk] == starts[chunk + 1]
      guard chunk + 1 < starts.count else { return nil }
      return (ChunkIndex(UInt32(chunk)), positions[starts[chunk]..<starts[chunk + 1]])
    }
  }
}
