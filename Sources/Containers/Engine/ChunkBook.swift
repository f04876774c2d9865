// What is known of the members of one chunk.
//
//     records   one per cell: in-degree, parent, and where its references begin in `references`
//     stamps    one byte per cell: what the point under way has noted
//     references   ┌ those of one cell ┬ those of another ┬ … ┐   in any order, with gaps
//     live      where the bytes of foreign members are whose home is here; absent where none is
//
// 1. All of it is plain memory from malloc: no Swift object, nothing of a tracked page.
// 2. An absent cell is no member.
// 3. Of a large run the head's book tells; the books of its other chunks lead to the head.

import SoftPMBase
import SoftPMHeap

/// What is known of one cell: eight bytes, since there are as many as objects.
struct CellRecord {
  /// A member that refers to this one and does not hang on it: the way to the root.
  var parent: MemberID
  /// Where its references begin, in units of `ChunkBook.unit`.
  var start: UInt16
  /// How many they are; `many` means that `Membership.manyReferences` knows.
  var count: UInt8
  /// References from members, plus one for the root; `many` means that `Membership.manyHolders`
  /// knows.
  var inDegree: UInt8

  static let many: UInt8 = 255
  /// What is no member.
  static let absent = CellRecord(parent: .anybody, start: 0, count: 0, inDegree: 0)

  /// A member, or one that nothing refers to any more and that has not been taken off the books.
  @inline(__always)
  var isPresent: Bool { inDegree > 0 || parent != .anybody }
}

struct ChunkBook {
  enum Kind: UInt8 {
    case none, objects, raw, largeObject, largeRaw, continuation

    // Comparing by `==` was a call each.
    @inline(__always)
    var isRaw: Bool {
      switch self {
      case .raw, .largeRaw: true
      case .none, .objects, .largeObject, .continuation: false
      }
    }

    @inline(__always)
    var isLarge: Bool {
      switch self {
      case .largeObject, .largeRaw: true
      case .none, .objects, .raw, .continuation: false
      }
    }
  }

  var kind = Kind.none
  /// The chunk's image is to be made.
  var isMarked = false
  /// Some member's layout here was told by who refers to it, and not by its header.
  var hasTold = false
  /// A member here can be imaged from live memory only.
  var isEntangled = false
  /// Slabs: bytes of a cell.
  var cellBytes: UInt32 = 0
  /// ⌈2³² / (cellBytes / 16)⌉, to divide by.
  var reciprocal: UInt64 = 0
  /// Large runs: how many chunks. Continuations: the head's index.
  var run: UInt32 = 0
  var cellCount: UInt32 = 0
  var memberCount: UInt32 = 0
  var records: UnsafeMutablePointer<CellRecord>?
  /// One per cell, behind the records; of the round that `round` says (`MemberStamps`).
  var stamps: UnsafeMutablePointer<UInt8>?
  var round: UInt64 = 0
  var references: UnsafeMutablePointer<MemberID>?
  var referencesUsed: UInt32 = 0
  var referencesCapacity: UInt32 = 0
  var live: UnsafeMutablePointer<UInt>?

  /// What starts count in. They have 16 bits; the largest chunks hold more references than that.
  var unit: UInt32 = 1

  init() {}

  /// A book without members for a chunk of this shape; nil where there can be none.
  init?(_ shape: Arena.ChunkShape, chunkSize: Int) {
    let lead = ChunkHeader.byteCount(chunkSize: chunkSize)
    unit = chunkSize > 256 << 10 ? 4 : 1
    switch shape {
    case .empty, .continuation: return nil
    case .slab(let cellBytes, let isRaw):
      kind = isRaw ? .raw : .objects
      self.cellBytes = UInt32(cellBytes)
      let units = UInt64(cellBytes / 16)
      reciprocal = ((1 << 32) + units - 1) / units
      cellCount = UInt32((chunkSize - lead) / cellBytes)
    case .large(let chunkCount, let isRaw):
      kind = isRaw ? .largeRaw : .largeObject
      run = UInt32(chunkCount)
      cellCount = 1
    }
    let count = Int(cellCount)
    let memory = UnsafeMutableRawPointer.allocate(
      byteCount: count * (MemoryLayout<CellRecord>.stride + 1), alignment: 16)
    let records = memory.initializeMemory(as: CellRecord.self, repeating: .absent, count: count)
    self.records = records
    // They are cleared when first used.
    stamps = UnsafeMutableRawPointer(records + count).bindMemory(to: UInt8.self, capacity: count)
  }

  func matches(_ shape: Arena.ChunkShape) -> Bool {
    switch shape {
    case .empty: kind == .none
    case .slab(let cellBytes, let isRaw):
      kind == (isRaw ? .raw : .objects) && self.cellBytes == UInt32(cellBytes)
    case .large(let chunkCount, let isRaw):
      kind == (isRaw ? .largeRaw : .largeObject) && run == UInt32(chunkCount)
    case .continuation(let head): kind == .continuation && run == head.rawValue
    }
  }

  func free() {
    UnsafeMutableRawPointer(records)?.deallocate()
    references?.deallocate()
    live?.deallocate()
  }

  /// The number of the cell that the byte is in, counted from the chunk's lead.
  @inline(__always)
  func cell(atOffset offset: Int) -> Int {
    kind.isLarge ? 0 : Int((UInt64(offset) >> 4 * reciprocal) >> 32)
  }

  // MARK: References

  /// Room for `count` references of a cell that has none: where it begins.
  @inline(__always)
  mutating func takeRoom(for count: Int) -> UInt16 {
    let rounded = (UInt32(count) + unit - 1) & ~(unit - 1)
    if referencesUsed + rounded > referencesCapacity { makeRoom(for: rounded) }
    let start = referencesUsed
    referencesUsed += rounded
    return UInt16(start / unit)
  }

  /// Closes the gaps, and grows where that is not enough.
  @inline(never)
  private mutating func makeRoom(for count: UInt32) {
    var needed: UInt32 = count
    for cell in 0..<Int(cellCount) { needed += room(of: cell) }
    // Cells of one size mostly hold as many references each, and all of a chunk are members.
    let guess = referencesCapacity == 0 ? count * min(cellCount, 512) : needed + needed / 2
    let capacity = max(needed, guess)
    let new = UnsafeMutablePointer<MemberID>.allocate(capacity: Int(capacity))
    var used: UInt32 = 0
    for cell in 0..<Int(cellCount) {
      let size = room(of: cell)
      guard size > 0, let records, let references else { continue }
      let old = references + Int(records[cell].start) * Int(unit)
      (new + Int(used)).update(from: old, count: Int(size))
      records[cell].start = UInt16(used / unit)
      used += size
    }
    references?.deallocate()
    references = new
    referencesUsed = used
    referencesCapacity = capacity
  }

  private func room(of cell: Int) -> UInt32 {
    guard let record = records?[cell], record.isPresent, record.count < CellRecord.many else {
      return 0
    }
    return (UInt32(record.count) + unit - 1) & ~(unit - 1)
  }
}
