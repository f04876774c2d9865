// Which member: by its home.
//
// 1. A member's number is the number of 16-byte units between the start of its arena and its home
//    cell. So it needs no table, and neighbours have neighbouring numbers.
// 2. Chunk 0 of an arena holds no member, so small numbers are free to mean something else.
// 3. Numbers have 30 bits. A container that has used more than 16 GiB of addresses is traced in
//    full at each point.

import SoftPMBase

/// A member of a container, or one of a few markers.
struct MemberID: Hashable {
  let rawValue: UInt32

  @inline(__always)
  init(_ rawValue: UInt32) {
    self.rawValue = rawValue
  }

  /// No member: a reference that is nil, a member that nothing is known to lead to.
  static let none = MemberID(0)
  /// What refers to the root's box.
  static let root = MemberID(1)
  /// Nobody in particular: of a member that holds no references, only the count matters.
  static let anybody = MemberID(2)
  /// Being looked for at this moment.
  static let sought = MemberID(3)

  static let unitShift: UInt = 4

  /// A list as plain numbers: 0 for none, else units from the arena's home on.
  @inline(__always)
  static func numbers(_ list: UnsafeMutableBufferPointer<MemberID>) -> UnsafeBufferPointer<UInt32> {
    UnsafeBufferPointer(
      start: UnsafeRawPointer(list.baseAddress)?.assumingMemoryBound(to: UInt32.self),
      count: list.count)
  }

  @inline(__always)
  static func numbers(_ list: UnsafeMutablePointer<MemberID>) -> UnsafePointer<UInt32> {
    UnsafePointer(UnsafeMutableRawPointer(list).assumingMemoryBound(to: UInt32.self))
  }

  private static let bits: UInt32 = 30
  /// An arena whose used part is larger cannot be numbered.
  static let reach = UInt(1) << (UInt(bits) + unitShift)

  // MARK: References that do not hold

  private static let weakTag: UInt32 = 1 << 31
  private static let unownedTag: UInt32 = 1 << 30

  /// Stands, in a list of references, for a weak, unowned or unmanaged one.
  static func loose(_ entry: Int, isUnowned: Bool) -> MemberID {
    MemberID(weakTag | (isUnowned ? unownedTag : 0) | UInt32(entry))
  }

  @inline(__always)
  var isLoose: Bool { rawValue & Self.weakTag != 0 }
  var isUnowned: Bool { rawValue & Self.unownedTag != 0 }
  var looseEntry: Int { Int(rawValue & (Self.unownedTag - 1)) }
}
