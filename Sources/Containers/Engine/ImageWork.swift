import SoftPMBase

/// Which images a point makes: the marked chunks, and what is to be done about each.
struct ImageWork {
  /// In ascending order: slabs, and large runs as a whole, with how many chunks they are; and chunks
  /// of large runs of which other chunks stay as they are, without.
  private(set) var images: [(chunk: ChunkIndex, extent: Int?)] = []
  /// Chunks without members.
  private(set) var emptied: [ChunkIndex] = []

  private(set) var wholeCount = 0
  private(set) var partCount = 0
  var imageCount: Int { wholeCount + partCount }
  /// Every chunk that gets an image.
  var chunks: [ChunkIndex] {
    images.flatMap { chunk, extent in
      (0..<UInt32(extent ?? 1)).map { ChunkIndex(chunk.rawValue + $0) }
    }
  }

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
        if membership.hasParts(Int(book.run)) { addPart(chunk) }
      } else if extent == 0 {
        for part in 0..<max(1, book.run) { emptied.append(ChunkIndex(chunk.rawValue + part)) }
      } else if book.kind.isLarge, membership.hasParts(Int(chunk.rawValue)) {
        addPart(chunk)
      } else {
        addWhole(chunk, extent)
      }
    }
  }

  private mutating func addWhole(_ chunk: ChunkIndex, _ extent: Int) {
    images.append((chunk, extent))
    wholeCount += extent
  }

  private mutating func addPart(_ chunk: ChunkIndex) {
    images.append((chunk, nil))
    partCount += 1
  }
}

extension Membership {
  /// Whether the large run that a chunk begins holds a member that is imaged part by part.
  func hasParts(_ head: Int) -> Bool {
    let offset = UInt(head) << chunkShift + UInt(lead)
    return !large.isEmpty && large[MemberID(UInt32(offset >> MemberID.unitShift))] != nil
  }
}
