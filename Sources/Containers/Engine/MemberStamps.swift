import SoftPMBase

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Notes on members that hold for one point only: a byte per unit of the arena, of which only what
/// is written takes memory.
///
/// The upper four bits of a byte are the round in which it was written. So a new round begins
/// without touching the old one's bytes, but every 15th.
struct MemberStamps: ~Copyable {
  /// Looked at in this round.
  static let scanned: UInt8 = 1
  /// The way from the root to it is known to be there.
  static let certain: UInt8 = 2
  /// Waits to be looked at until it is certain.
  static let waiting: UInt8 = 4
  /// Has got another parent in the present judgement of orphans.
  static let rescued: UInt8 = 8

  private let bytes: UnsafeMutablePointer<UInt8>
  private let count: Int
  private var round: UInt8 = 1

  init(units: Int) throws(ContainerError) {
    guard
      let memory = mmap(
        nil, units, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0),
      memory != MAP_FAILED
    else { throw .system(errno, doing: "Mapping memory for notes on a container's members") }
    bytes = memory.assumingMemoryBound(to: UInt8.self)
    count = units
  }

  deinit {
    munmap(bytes, count)
  }

  mutating func beginRound() {
    round += 1
    guard round == 16 else { return }
    madvise(bytes, count, Int32(MADV_DONTNEED))
    round = 1
  }

  @inline(__always)
  func has(_ stamp: UInt8, _ member: MemberID) -> Bool {
    let byte = bytes[Int(member.rawValue)]
    return byte >> 4 == round && byte & stamp != 0
  }

  @inline(__always)
  func set(_ stamp: UInt8, _ member: MemberID) {
    let byte = bytes[Int(member.rawValue)]
    bytes[Int(member.rawValue)] = (byte >> 4 == round ? byte : round << 4) | stamp
  }

  /// Sets stamps and clears all others.
  @inline(__always)
  func replace(with stamps: UInt8, _ member: MemberID) {
    bytes[Int(member.rawValue)] = round << 4 | stamps
  }

  @inline(__always)
  func clear(_ stamp: UInt8, _ member: MemberID) {
    let byte = bytes[Int(member.rawValue)]
    if byte >> 4 == round { bytes[Int(member.rawValue)] = byte & ~stamp }
  }
}
