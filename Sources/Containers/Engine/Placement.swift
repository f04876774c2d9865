import SoftPMBase
import SoftPMHeap
import SoftPMTypes

/// Where a member's image goes.
struct Place {
  let home: ArenaAddress
  /// Bytes of the home cell, at least those that the image needs.
  let byteCount: Int
}

/// Gives each member its home: its own cell where it lies in the arena, a reserved one where not.
struct Placement {
  private(set) var places: [Place] = []
  /// Bytes of members that lie elsewhere.
  private(set) var foreignBytes = 0

  init(
    of members: [Member], in arena: Arena, homes: inout ForeignHomes
  ) throws(ContainerError) {
    homes.beginTrace()
    places.reserveCapacity(members.count)
    for member in members {
      if let own = Self.ownCell(of: member, in: arena) {
        places.append(own)
        continue
      }
      let needed = member.layout.byteCount(of: member.target)
      let home = try homes.home(
        for: MemberKey(member), byteCount: needed, isRaw: member.layout.isRaw, in: arena)
      foreignBytes += needed
      places.append(Place(home: arena.home(of: home.start), byteCount: home.byteCount))
    }
  }

  /// Nil unless the member has a cell of the arena to itself, in a chunk of the right kind.
  private static func ownCell(of member: Member, in arena: Arena) -> Place? {
    let address = UInt(bitPattern: member.target)
    guard arena.contains(address), let cell = arena.cell(containing: address),
      cell.start == address, cell.isRaw == member.layout.isRaw
    else { return nil }
    return Place(home: arena.home(of: address), byteCount: cell.byteCount)
  }
}
