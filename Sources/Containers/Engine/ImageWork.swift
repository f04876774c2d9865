import SoftPMBase

/// Which images a point makes: the marked chunks, sorted by what is to be done about each.
struct ImageWork {
  /// Slabs, and large runs as a whole, with how many chunks they are.
  private(set) var whole: [(chunk: ChunkIndex, extent: Int)] = []
  /// Chunks of large runs of which other chunks stay as they are.
  private(set) var parts: [ChunkIndex] = []
  /// Chunks without members.
  private(set) var emptied: [ChunkIndex] = []

  var wholeCount: Int { whole.reduce(0) { $0 + $1.extent } }
  var imageCount: Int { wholeCount + parts.count }

  /// Takes the marks from a membership.
  init(_ membership: Membership) {
    let marked = membership.takeMarked().sorted()
    var position = 0
    while position < marked.count {
      let chunk = marked[position]
      let extent = ChunkImager.extent(of: chunk, in: membership)
      let book = membership.books[Int(chunk.rawValue)]
      position += 1
      if book.kind == .continuation {
        // Where the run has no parts its head is marked, and where it has no member, too.
        if membership.hasParts(Int(book.run)) { parts.append(chunk) }
      } else if extent == 0 {
        for part in 0..<max(1, book.run) { emptied.append(ChunkIndex(chunk.rawValue + part)) }
      } else if book.kind.isLarge, membership.hasParts(Int(chunk.rawValue)) {
        let last = position + extent - 2
        if membership.isPlainBytes(Int(chunk.rawValue)), last < marked.count,
          marked[last].rawValue == chunk.rawValue + UInt32(extent) - 1
        {
          whole.append((chunk, extent))
          position += extent - 1
        } else {
          parts.append(chunk)
        }
      } else {
        whole.append((chunk, extent))
      }
    }
  }
}

extension Membership {
  /// Whether the large run that a chunk begins holds a member that is imaged part by part.
  func hasParts(_ head: Int) -> Bool { largeBook(ofHead: head) != nil }

  /// Whether the member that has a large run is copied aside faster than it is imaged.
  func isPlainBytes(_ head: Int) -> Bool { largeBook(ofHead: head)?.isPlainBytes ?? false }

  private func largeBook(ofHead head: Int) -> LargeBook? {
    let offset = UInt(head) << chunkShift + UInt(lead)
    return large.isEmpty ? nil : large[MemberID(UInt32(offset >> MemberID.unitShift))]
  }
}
