import SoftPMBase

/// The members of a version that is being brought back, by home address: which there are, how large
/// each one's cell is, and whether it holds raw bytes.
///
/// 1. As chunks' headers say it: a bitmap a chunk and one size. To ask is arithmetic, and to go
///    through all of them is to go through memory in order. (A dictionary by address spent a fifth
///    of a restore on hashing, and visited members in the order of their hashes.)
/// 2. Memory is bounded by how many chunks were noted, wherever in the arena a file says they are.
struct RestoredMembers {
  private static let leafShift = 10

  private let home: UInt64
  private let chunkShift: UInt64
  private let wordsPerChunk: Int
  /// Where the slots of 1,024 chunks begin in `leaves`; −1 where none of them is known.
  private var directory: [Int32] = []
  /// A chunk's slot; −1 where it has none.
  private var leaves: [Int32] = []
  // By slot, in the order noted.
  private var chunks: [UInt32] = []
  private var cellBytes: [Int] = []
  private var bits: [UInt64] = []
  private(set) var count = 0

  init(home: ArenaAddress, chunkSize: Int) {
    self.home = home.rawValue
    chunkShift = UInt64(chunkSize.trailingZeroBitCount)
    wordsPerChunk = chunkSize / 16 / 64
  }

  /// Notes a chunk's members, by their offsets in it. `byteCount` is each one's, negative for raw
  /// bytes.
  mutating func note(_ offsets: [Int], of chunk: ChunkIndex, byteCount: Int) {
    let page = Int(chunk.rawValue) >> Self.leafShift
    while directory.count <= page { directory.append(-1) }
    if directory[page] < 0 {
      directory[page] = Int32(leaves.count)
      leaves.append(contentsOf: repeatElement(-1, count: 1 << Self.leafShift))
    }
    leaves[Int(directory[page]) + Int(chunk.rawValue) & (1 << Self.leafShift - 1)] =
      Int32(chunks.count)
    chunks.append(chunk.rawValue)
    cellBytes.append(byteCount)
    let first = bits.count
    bits.append(contentsOf: repeatElement(0, count: wordsPerChunk))
    for offset in offsets { bits[first + offset >> 10] |= 1 << UInt64(offset >> 4 & 63) }
    count += offsets.count
  }

  /// The size of the member's cell, negative for raw bytes; nil where no member starts there.
  subscript(address: ArenaAddress) -> Int? {
    let offset = address.rawValue &- home
    let chunk = offset >> chunkShift
    let page = Int(truncatingIfNeeded: chunk >> UInt64(Self.leafShift))
    guard address.rawValue >= home, page < directory.count, directory[page] >= 0, offset & 15 == 0
    else { return nil }
    let slot = leaves[Int(directory[page]) + Int(chunk & (1 << UInt64(Self.leafShift) - 1))]
    guard slot >= 0 else { return nil }
    let cell = Int(offset & (1 << chunkShift - 1)) >> 4
    guard bits[Int(slot) * wordsPerChunk + cell >> 6] & (1 << UInt64(cell & 63)) != 0 else {
      return nil
    }
    return cellBytes[Int(slot)]
  }

  /// All members, in the order of their chunks.
  func visit<Failure: Error>(
    _ body: (ArenaAddress, Int) throws(Failure) -> Void
  ) throws(Failure) {
    for slot in chunks.indices {
      let start = home + UInt64(chunks[slot]) << chunkShift
      for word in 0..<wordsPerChunk {
        var rest = bits[slot * wordsPerChunk + word]
        while rest != 0 {
          let cell = word * 64 + rest.trailingZeroBitCount
          rest &= rest - 1
          try body(ArenaAddress(start + UInt64(cell * 16)), cellBytes[slot])
        }
      }
    }
  }
}
