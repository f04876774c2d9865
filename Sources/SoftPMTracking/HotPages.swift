// Pages that are written between any two collections.
//
// Facts:
// 1. To arm a page costs its next writer a fault, 1.2 µs. For a page that was written before each of
//    the last collections that buys little, so such pages stay unarmed for the next ones, and are
//    reported by each. Reported too much costs its reader's time, never a write.
// 2. The first collection that arms them again finds all of them unarmed, which says nothing. The
//    one after it tells.
// 3. They are left alone for two collections first, and for twice as many each time that they are found
//    so again, at most for `mostLeft`: so many collections report them for nothing when a program
//    changes its ways.

import SoftPMBase

/// What is known of the pages of one region.
struct HotPages {
  /// So many collections in a row must have found a page written.
  static let proof = 3
  static let mostLeft = 8
  /// Fewer pages are not worth the trouble.
  static let least = 256

  private static let shift: UInt = 12

  /// For how many collections hot pages stay unarmed yet.
  private(set) var left = 0
  /// Collections in a row that found the candidates written.
  private var proofs = 0
  /// What the collection under way finds says nothing (fact 2).
  private var isUnarmed = false
  /// What every one of them found; hot while `left` > 0.
  private var candidates = PageSet()
  private var found: [Range<Int>] = []
  private var foundCount = 0
  private let first: UInt

  init(regionStart: UInt) {
    first = regionStart >> Self.shift
  }

  /// Notes pages that were found written by a collection that armed them.
  mutating func note(_ start: UInt, _ end: UInt) {
    let pages = Int(start >> Self.shift - first)..<Int(end >> Self.shift - first)
    found.append(pages)
    foundCount += pages.count
  }

  /// The parts of a run of written pages that are not hot, and must be armed.
  func forEachCold(_ start: UInt, _ end: UInt, _ body: (AddressRange) -> Void) {
    var page = Int(start >> Self.shift - first)
    let limit = Int(end >> Self.shift - first)
    while page < limit {
      if candidates.contains(page) {
        page += 1
        continue
      }
      let from = page
      while page < limit, !candidates.contains(page) { page += 1 }
      body(
        AddressRange(
          start: (first + UInt(from)) << Self.shift, end: (first + UInt(page)) << Self.shift))
    }
  }

  /// Nothing is left alone: what is found next tells nothing, and from then on all is looked at.
  mutating func giveUp() {
    left = 0
    proofs = 0
    isUnarmed = true
  }

  /// Draws the conclusions of a collection.
  mutating func endCollection() {
    defer {
      found.removeAll(keepingCapacity: true)
      foundCount = 0
    }
    if left > 0 {
      left -= 1
      isUnarmed = left == 0
    } else if isUnarmed {
      isUnarmed = false
    } else if foundCount < Self.least {
      proofs = 0
    } else {
      conclude()
    }
  }

  private mutating func conclude() {
    let now = PageSet(found)
    let before = candidates.count
    if proofs > 0 { candidates.formIntersection(now) }
    if proofs == 0 || candidates.count < max(Self.least, before / 2) {
      candidates = now
      proofs = 1
      return
    }
    proofs += 1
    if proofs >= Self.proof { left = min(Self.mostLeft, 2 << min(proofs - Self.proof, 8)) }
  }
}

/// Pages by number.
private struct PageSet {
  private var words: [UInt64] = []
  private(set) var count = 0

  init() {}

  init(_ ranges: [Range<Int>]) {
    let limit = ranges.reduce(0) { max($0, $1.upperBound) }
    words = Array(repeating: 0, count: (limit + 63) / 64)
    for range in ranges {
      for page in range { words[page >> 6] |= 1 << UInt64(page & 63) }
    }
    count = words.reduce(0) { $0 + $1.nonzeroBitCount }
  }

  func contains(_ page: Int) -> Bool {
    page >> 6 < words.count && words[page >> 6] & 1 << UInt64(page & 63) != 0
  }

  mutating func formIntersection(_ other: PageSet) {
    words.removeLast(max(0, words.count - other.words.count))
    for index in words.indices { words[index] &= other.words[index] }
    count = words.reduce(0) { $0 + $1.nonzeroBitCount }
  }
}
