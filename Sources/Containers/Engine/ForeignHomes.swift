import SoftPMBase
import SoftPMHeap
import SoftPMTypes

/// What a home is kept under.
struct MemberKey: Hashable {
  private let address: UInt
  private let form: ObjectIdentifier?

  init(_ address: UInt, _ told: ObjectLayout?) {
    self.address = address
    // Raw bytes are told by whoever owns them, with a layout made for the occasion.
    form = told.flatMap { $0.isRaw || $0.isNamedByHeader ? nil : ObjectIdentifier($0) }
  }

  init(_ member: Member) {
    self.init(UInt(bitPattern: member.target), member.key)
  }
}

/// The homes of members that lie outside the container's arena: cells reserved for their images.
///
/// 1. A home belongs to an address, not to an object. Where an object died and another took its
///    address, the other takes over the home if it fits: what is stored depends on what is
///    reachable now, so nothing is confused, and the image of what stayed does not move.
/// 2. A home that nobody uses any more is given back; after a failed trace all are kept.
final class ForeignHomes {
  struct Home {
    var start: UInt
    var byteCount: Int
    var isRaw: Bool
    fileprivate var usedByTrace: UInt64
  }

  private var homes: [MemberKey: Home] = [:]
  private var trace: UInt64 = 0

  var count: Int { homes.count }

  func beginTrace() {
    trace += 1
  }

  func home(of key: MemberKey) -> Home? { homes[key] }

  /// The home for `byteCount` bytes that lie at an address; large enough for all that its cell can
  /// come to hold, so that an array that grows in place does not outgrow it.
  func home(
    for key: MemberKey, at address: UInt, byteCount: Int, isRaw: Bool, in arena: Arena
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
    var room = byteCount
    if let cell = Heap.cell(containing: address), cell.start == address {
      room = max(room, cell.byteCount)
    }
    let start = try arena.reserveCell(byteCount: room, isRaw: isRaw)
    guard let cell = arena.cell(containing: start) else {
      misuse("the arena does not know a cell that it has just reserved")
    }
    let home = Home(start: start, byteCount: cell.byteCount, isRaw: isRaw, usedByTrace: trace)
    homes[key] = home
    return home
  }

  /// Gives back the home of what is no member any more.
  func remove(_ key: MemberKey, from arena: Arena) {
    guard let home = homes.removeValue(forKey: key) else { return }
    arena.releaseCell(home.start)
  }

  /// Gives back the homes that the trace just completed did not use.
  func endTrace(in arena: Arena) {
    let unused = homes.filter { $0.value.usedByTrace != trace }
    for (key, home) in unused {
      arena.releaseCell(home.start)
      homes[key] = nil
    }
  }

  /// Gives back all: the container lets go of the arena, which returns when it is empty.
  func giveBack(to arena: Arena) {
    for home in homes.values { arena.releaseCell(home.start) }
    homes.removeAll()
  }
}
