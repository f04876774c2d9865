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
  /// For each chunk of the arena: whether a member lies in it whose home is another cell.
  private var hasDisplaced: [Bool]
  private let arena: Arena

  init(
    of members: [Member], in arena: Arena, homes: ForeignHomes
  ) throws(ContainerError) {
    self.arena = arena
    hasDisplaced = [Bool](repeating: false, count: arena.chunkCount)
    homes.beginTrace()
    places.reserveCapacity(members.count)
    for member in members {
      if let own = Self.ownCell(of: member, in: arena) {
        places.append(own)
        continue
      }
      let needed = member.layout.byteCount(of: member.target)
      let home = try homes.home(
        for: MemberKey(member), at: UInt(bitPattern: member.target), byteCount: needed,
        isRaw: member.layout.isRaw, in: arena)
      foreignBytes += needed
      places.append(Place(home: arena.home(of: home.start), byteCount: home.byteCount))
      let address = UInt(bitPattern: member.target)
      if arena.contains(address) { hasDisplaced[chunk(of: address)] = true }
    }
  }

  private func chunk(of address: UInt) -> Int {
    Int(address - arena.base) / arena.chunkSize.rawValue
  }

  /// The home of a *member* that lies in its own cell; nil where one has to look it up.
  ///
  /// Most references are to such members, and looking each up was a tenth of a point.
  func ownHome(of member: UnsafeRawPointer) -> ArenaAddress? {
    let address = UInt(bitPattern: member)
    guard arena.contains(address) else { return nil }
    let chunk = chunk(of: address)
    guard chunk < hasDisplaced.count, !hasDisplaced[chunk] else { return nil }
    return arena.home(of: address)
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
