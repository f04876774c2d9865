/// Notes on members that hold for one point only: a byte for each, beside its record.
///
/// A book says of which round its stamps are. So a round begins without touching any of them; where
/// one clear byte for 16 bytes of arena was kept by address, and the memory given back now and
/// then, each stamp far from others cost a page fault (45 µs for 16 of them).
enum MemberStamps {
  /// Looked at in this round.
  static let scanned: UInt8 = 1
  /// The way from the root to it is known to be there.
  static let certain: UInt8 = 2
  /// Waits to be looked at until it is certain.
  static let waiting: UInt8 = 4
  /// Has got another parent in the present judgement of orphans.
  static let rescued: UInt8 = 8
}

extension Membership {
  func beginRound() { round += 1 }

  /// The stamps of this round of a chunk's members, by cell.
  @inline(__always)
  func stamps(of book: UnsafeMutablePointer<ChunkBook>) -> UnsafeMutablePointer<UInt8> {
    let stamps = book.pointee.stamps.unsafelyUnwrapped
    if book.pointee.round != round {
      stamps.initialize(repeating: 0, count: Int(book.pointee.cellCount))
      book.pointee.round = round
    }
    return stamps
  }

  @inline(__always)
  func has(_ stamps: UInt8, _ member: MemberID) -> Bool {
    let book = books + chunk(of: member)
    guard book.pointee.round == round else { return false }
    return book.pointee.stamps.unsafelyUnwrapped[cell(of: member, in: book)] & stamps != 0
  }

  @inline(__always)
  func set(_ stamps: UInt8, _ member: MemberID) {
    let book = books + chunk(of: member)
    self.stamps(of: book)[cell(of: member, in: book)] |= stamps
  }

  /// Sets stamps and clears all others.
  @inline(__always)
  func replaceStamps(with stamps: UInt8, _ member: MemberID) {
    let book = books + chunk(of: member)
    self.stamps(of: book)[cell(of: member, in: book)] = stamps
  }

  @inline(__always)
  func clear(_ stamps: UInt8, _ member: MemberID) {
    let book = books + chunk(of: member)
    self.stamps(of: book)[cell(of: member, in: book)] &= ~stamps
  }
}
