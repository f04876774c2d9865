import SoftPMBase
import SoftPMHeap
import SoftPMTypes

/// What a home is kept under.
struct MemberKey: Hashable {
  private let address: UInt
  private let form: ObjectIdentifier?

  init(_ member: Member) {
    address = UInt(bitPattern: member.target)
    form = member.key.map { ObjectIdentifier($0) }
  }
}

/// The homes of members that lie outside the container's arena: cells reserved for their images.
///
/// 1. A home belongs to an address, not to an object. Where an object died and another took its
///    address, the other takes over the home if it fits: what is stored depends on what is
///    reachable now, so nothing is confused, and the image of what stayed does not move.
/// 2. A home that a whole trace did not use is given back; after a failed trace all are kept.
struct ForeignHomes {
  struct Home {
    var start: UInt
    var byteCount: Int
    var isRaw: Bool
    fileprivate var usedByTrace: UInt64
  }

  private var homes: [MemberKey: Home] = [:]
  private var trace: UInt64 = 0

  var count: Int { homes.count }

  mutating func beginTrace() {
    trace += 1
  }

  mutating func home(
    for key: MemberKey, byteCount: Int, isRaw: Bool, in arena: Arena
  ) throws(ContainerError) -> Home {
    if var home = homes[key] {
      if home.byteCount >= byteCount, home.isRaw == isRaw {
        home.usedByTrace = trace
        homes[key] = home
        return home
      }
      arena.releaseCell(home.start)
      homes[key] = nil
    }
    let start = try arena.reserveCell(byteCount: byteCount, isRaw: isRaw)
    guard let cell = arena.cell(containing: start) else {
      misuse("the arena does not know a cell that it has just reserved")
    }
    let home = Home(start: start, byteCount: cell.byteCount, isRaw: isRaw, usedByTrace: trace)
    homes[key] = home
    return home
  }

  /// Gives back the homes that the trace just completed did not use.
  mutating func endTrace(in arena: Arena) {
    let unused = homes.filter { $0.value.usedByTrace != trace }
    for (key, home) in unused {
      arena.releaseCell(home.start)
      homes[key] = nil
    }
  }

  /// Gives back all: the container lets go of the arena, which returns when it is empty.
  mutating func giveBack(to arena: Arena) {
    for home in homes.values { arena.releaseCell(home.start) }
    homes.removeAll()
  }
}
