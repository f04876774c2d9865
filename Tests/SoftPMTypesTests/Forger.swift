import TypesZoo

// What somebody may have made of an image and its type table: the same in every run.

/// SplitMix64: the same numbers in every run.
struct Numbers {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }

  /// One of so many.
  mutating func index(below count: Int) -> Int { Int(next() % UInt64(max(1, count))) }

  /// Values that a forger would try: small numbers, addresses of members and just beside them,
  /// types, extremes, noise.
  fileprivate mutating func interestingWord(_ stored: ToyContainer.Stored) -> UInt64 {
    let cell = stored.cells[index(below: stored.cells.count)]
    let home = stored.home.rawValue
    switch next() % 9 {
    case 0: return next() % 200
    case 1: return home + UInt64(cell.offset)
    case 2: return home + UInt64(cell.offset) + 8
    case 3: return home + (next() % 16) * 16
    case 4: return home + next() % 8192
    case 5: return (next() % 200) << 12
    case 6: return UInt64.max >> (next() % 4)
    case 7: return 1 << (next() % 64)
    default: return next()
    }
  }
}

extension ToyContainer.Stored {
  /// With so many words of its members changed.
  func forged(words: Int, _ numbers: inout Numbers) -> ToyContainer.Stored {
    var forged = self
    for _ in 0..<words {
      let cell = cells[numbers.index(below: cells.count)]
      let offset = cell.offset + numbers.index(below: cell.byteCount / 8) * 8
      let word = numbers.interestingWord(self)
      forged.bytes.withUnsafeMutableBytes {
        $0.storeBytes(of: word, toByteOffset: offset, as: UInt64.self)
      }
    }
    return forged
  }

  /// With one to three bytes of its type table changed.
  func withForgedTable(_ numbers: inout Numbers) -> ToyContainer.Stored {
    var forged = self
    for _ in 0...numbers.next() % 3 {
      let place = numbers.index(below: table.count)
      let byte = UInt8(truncatingIfNeeded: numbers.next())
      forged.table[place] = numbers.next() % 2 == 0 ? byte : forged.table[place] ^ 1
    }
    return forged
  }
}
