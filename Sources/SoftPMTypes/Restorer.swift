// Turns images into live objects, in place, in the arena's memory.
//
// 1. All members' images are in memory before the first is swizzled: checks read the headers of
//    referred members, whether swizzled or not.
// 2. Nothing from an image is used as an address before it has been checked to be a member's.
//    Metadata, witness tables and counts are this process's own.
// 3. Weak references are formed, and tables rehashed, only in `finish`: both need whole objects,
//    and rehashing runs the program's code.
// 4. After an error nothing restored may be used; nothing has been handed out yet.

import SoftPMBase

/// A member's cell, as the container's chunk images tell.
package struct RestoredCell {
  package var byteCount: Int
  /// The bytes of a Data: no object, and nothing in it is a reference.
  package var isRaw: Bool

  package init(byteCount: Int, isRaw: Bool) {
    self.byteCount = byteCount
    self.isRaw = isRaw
  }
}

package struct Restorer {
  private let session: RestoreSession

  /// Restores images whose checksums are trusted.
  ///
  /// - Parameters:
  ///   - home: where the arena was when the images were made; `base`: where it is mapped now.
  ///   - isMember: whether a member's cell starts at a home address.
  package init(
    types: ResolvedTypes, home: ArenaAddress, base: UInt, addressSpace: ByteCount,
    seeds: StoredSeeds, isMember: @escaping (ArenaAddress) -> Bool
  ) {
    session = RestoreSession(
      types: types, home: home, base: base, addressSpace: addressSpace, seeds: seeds,
      cells: .starts(isMember))
  }

  /// Restores images that anybody may have made: besides all that is checked anyway, references
  /// are counted and compared with the stored in-degrees, raw bytes are told from objects, and
  /// every table is rehashed and must have no key twice.
  package init(
    untrusted types: ResolvedTypes, home: ArenaAddress, base: UInt, addressSpace: ByteCount,
    cell: @escaping (ArenaAddress) -> RestoredCell?
  ) {
    session = RestoreSession(
      types: types, home: home, base: base, addressSpace: addressSpace, seeds: nil,
      cells: .known(cell))
  }

  /// Restores images that a migration made: every table is rehashed, and must have no key twice.
  ///
  /// `cell` knows all cells; `isUntrusted` checks references as for images that anybody may have made.
  package init(
    _ migrated: MigratedGraph, home: ArenaAddress, base: UInt, addressSpace: ByteCount,
    isUntrusted: Bool
  ) {
    let cells: RestoreSession.Cells =
      isUntrusted
      ? .known({ home in
        migrated.objects[home].map { RestoredCell(byteCount: $0, isRaw: false) }
          ?? migrated.raw[home].map { RestoredCell(byteCount: $0, isRaw: true) }
      })
      : .starts({ migrated.objects[$0] != nil || migrated.raw[$0] != nil })
    session = RestoreSession(
      types: migrated.types, home: home, base: base, addressSpace: addressSpace, seeds: nil,
      cells: cells, checksKeys: true)
  }

  /// Brings one member to life: header and all fields. Once per member, in any order.
  ///
  /// `byteCount` is the size of the member's cell.
  package mutating func swizzle(
    _ member: UnsafeMutableRawPointer, byteCount: Int
  ) throws(ContainerError) {
    try session.swizzle(member, byteCount: byteCount)
  }

  /// Completes the graph when every member is swizzled.
  package mutating func finish() throws(ContainerError) {
    try session.finish()
  }

  /// Tables that `finish` rebuilt.
  package var rehashedTableCount: Int { session.rehashedTableCount }
}

/// The state shared by the forms while a container is restored.
final class RestoreSession {
  let types: ResolvedTypes
  let home: ArenaAddress
  private let homeWord: UInt
  private let base: UInt
  private let addressSpace: UInt
  private let cells: Cells
  private let rehashesAll: Bool
  private let checksKeys: Bool
  private var weakReferences: [(slot: UnsafeMutableRawPointer, target: UnsafeRawPointer)] = []
  private var tables: [(storage: UnsafeMutableRawPointer, form: TableStorage)] = []
  private(set) var rehashedTableCount = 0
  private var witnesses: [WitnessKey: UnsafeRawPointer] = [:]
  /// The layouts of members already swizzled, by header word.
  private var liveLayouts: [UInt: ObjectLayout] = [:]
  /// The last of them that was asked for: members of one type lie together.
  private var lastLive: (header: UInt, layout: ObjectLayout)?
  /// Headers by the number of the stored type.
  private var headers: [UnsafeRawPointer?] = []
  /// References counted so far, for images that are not trusted.
  private var counted: [UnsafeRawPointer: InDegrees] = [:]
  private var declared: [UnsafeRawPointer: InDegrees] = [:]
  /// Raw bytes whose owner has been met.
  private var owned: Set<UnsafeRawPointer> = []

  /// What is known of the members' cells.
  enum Cells {
    case starts((ArenaAddress) -> Bool)
    case known((ArenaAddress) -> RestoredCell?)
  }

  private struct InDegrees {
    var strong: UInt64 = 0
    var unowned: UInt64 = 0
  }

  private struct WitnessKey: Hashable {
    var type: Metadata
    var proto: UnsafeRawPointer
  }

  init(
    types: ResolvedTypes, home: ArenaAddress, base: UInt, addressSpace: ByteCount,
    seeds: StoredSeeds?, cells: Cells, checksKeys: Bool = false
  ) {
    self.types = types
    self.home = home
    homeWord = UInt(home.rawValue)
    self.base = base
    self.addressSpace = UInt(addressSpace.rawValue)
    self.cells = cells
    rehashesAll = seeds != .current
    self.checksKeys = checksKeys
  }

  // MARK: Errors

  /// Damage at a place in an image; the offset is that in the arena.
  func damaged(_ expected: String, at place: UnsafeRawPointer) -> ContainerError {
    let offset = UInt64(UInt(bitPattern: place) &- base)
    return .corrupt(
      at: nil, expected: "\(expected) at byte \(offset) of the container's memory",
      found: nil)
  }

  // MARK: References

  private var isUntrusted: Bool {
    if case .known = cells { true } else { false }
  }

  /// The live address of an object referred to by a home address.
  func member(
    _ word: UInt, _ strength: Ownership = .strong, at place: UnsafeRawPointer
  ) throws(ContainerError) -> UnsafeRawPointer {
    let live = try cell(word, at: place)
    if case .known(let cell) = cells {
      guard cell(ArenaAddress(UInt64(word)))?.isRaw == false else {
        throw damaged("a reference to an object", at: place)
      }
      switch strength {
      case .strong: counted[live, default: InDegrees()].strong += 1
      case .unowned: counted[live, default: InDegrees()].unowned += 1
      case .weak, .unmanaged: break
      }
    }
    return live
  }

  /// The live address of raw bytes, of which `byteCount` are used, and whether an owner of theirs
  /// has been met before.
  ///
  /// Of images that are not trusted they may have one owner only: two would free them twice.
  func rawMember(
    _ word: UInt, byteCount: Int, at place: UnsafeRawPointer
  ) throws(ContainerError) -> (bytes: UnsafeRawPointer, isShared: Bool) {
    let live = try cell(word, at: place)
    let isShared = !owned.insert(live).inserted
    if case .known(let cell) = cells {
      guard let found = cell(ArenaAddress(UInt64(word))), found.isRaw,
        byteCount <= found.byteCount, !isShared
      else { throw damaged("a reference to bytes of its own", at: place) }
    }
    return (live, isShared)
  }

  private func cell(
    _ word: UInt, at place: UnsafeRawPointer
  ) throws(ContainerError) -> UnsafeRawPointer {
    guard word >= homeWord + WellKnown.reservedBytes, word - homeWord < addressSpace,
      isCell(ArenaAddress(UInt64(word))),
      let live = UnsafeRawPointer(bitPattern: base + (word - homeWord))
    else { throw damaged("a reference to a member", at: place) }
    return live
  }

  private func isCell(_ address: ArenaAddress) -> Bool {
    switch cells {
    case .starts(let isMember): isMember(address)
    case .known(let cell): cell(address) != nil
    }
  }

  /// The type of a word of the form (index + 1) << 12.
  func type(_ word: UInt, at place: UnsafeRawPointer) throws(ContainerError) -> Metadata {
    guard word & 0xfff == 0, word > 0, word >> 12 <= UInt(types.entries.count) else {
      throw damaged("a type", at: place)
    }
    switch types.entries[Int(word >> 12) - 1] {
    case .type(let metadata): return metadata
    case .layout(let layout):
      guard case .instance = layout.form, let key = layout.key else {
        throw damaged("a type", at: place)
      }
      return key.metadata
    case .nameOnly: throw damaged("a type", at: place)
    }
  }

  /// The layout of a member, swizzled or not.
  private func layout(
    of target: UnsafeRawPointer, at place: UnsafeRawPointer
  ) throws(ContainerError) -> ObjectLayout {
    let header = target.load(as: UInt.self)
    if header <= UInt(TypeTable.countMost) {
      guard header > 0, header <= UInt(types.entries.count),
        case .layout(let layout) = types.entries[Int(header) - 1]
      else { throw damaged("the type of an object", at: target) }
      return layout
    }
    // A word that is not an index must be a header that this session wrote. All error boxes have
    // the same, so their layout here is that of one of them.
    if let lastLive, lastLive.header == header { return lastLive.layout }
    guard let layout = liveLayouts[header] else {
      throw damaged("an object of a known type", at: place)
    }
    lastLive = (header, layout)
    return layout
  }

  func dynamicType(
    of target: UnsafeRawPointer, at place: UnsafeRawPointer
  ) throws(ContainerError) -> Metadata {
    guard let key = try layout(of: target, at: place).key, key.kind == .type else {
      throw damaged("an object", at: place)
    }
    return key.metadata
  }

  func expect(
    _ target: UnsafeRawPointer, isInstanceOf type: Metadata, at place: UnsafeRawPointer
  ) throws(ContainerError) {
    let actual = try dynamicType(of: target, at: place)
    guard actual == type || actual.isSubclass(of: type) else {
      throw damaged("a reference to \(displayName(type))", at: place)
    }
  }

  func expect(
    _ target: UnsafeRawPointer, isBoxOf type: Metadata, at place: UnsafeRawPointer
  ) throws(ContainerError) {
    let key = try layout(of: target, at: place).key
    guard key == ObjectLayout.Key(kind: .box, metadata: type) else {
      throw damaged("a box of \(displayName(type))", at: place)
    }
  }

  func expectErrorBox(
    _ target: UnsafeRawPointer, at place: UnsafeRawPointer
  ) throws(ContainerError) {
    guard try layout(of: target, at: place).key?.kind == .errorBox else {
      throw damaged("an error", at: place)
    }
  }

  func expect(
    _ target: UnsafeRawPointer, isStorage expected: ObjectLayout, at place: UnsafeRawPointer
  ) throws(ContainerError) {
    guard try layout(of: target, at: place).key == expected.key else {
      throw damaged("an array's elements (\(expected.typeName))", at: place)
    }
  }

  func expect(
    _ target: UnsafeRawPointer, isTableOf type: Metadata, at place: UnsafeRawPointer
  ) throws(ContainerError) {
    guard case .table(let table) = try layout(of: target, at: place).form,
      table.key.metadata == type.genericArgument(0),
      table.value?.metadata == type.genericArgument(1)
    else { throw damaged("the contents of a \(displayName(type))", at: place) }
  }

  /// The string's count word must be the one of its storage.
  func expectString(
    _ target: UnsafeRawPointer, countWord: UInt64, at place: UnsafeRawPointer
  ) throws(ContainerError) {
    guard case .string = try layout(of: target, at: place).form,
      target.load(fromByteOffset: 24, as: UInt64.self) == countWord
    else { throw damaged("a string", at: place) }
  }

  // MARK: What this process has

  func fillWitnesses(
    of existential: ExistentialDescription, for type: Metadata, at place: UnsafeMutableRawPointer
  ) throws(ContainerError) {
    for (index, proto) in existential.protocols.prefix(existential.witnessCount).enumerated() {
      let key = WitnessKey(type: type, proto: proto)
      let known = witnesses[key] ?? RuntimeObjects.witnessTable(of: type, for: proto)
      guard let table = known else {
        throw .typeChanged(
          displayName(type), nil,
          before: "a type that conforms to \(TypeDescriptor(address: proto).path)",
          after: "a type that does not")
      }
      witnesses[key] = table
      place.storeBytes(of: table, toByteOffset: index * 8, as: UnsafeRawPointer.self)
    }
    guard let constrained = existential.constrained else { return }
    let key = WitnessKey(type: type, proto: constrained.address)
    guard witnesses[key] == nil else { return }
    guard constrained.isConstraintMet(by: type) else {
      throw .typeChanged(
        displayName(type), nil, before: "a type for \(displayName(constrained))",
        after: "one with other associated types")
    }
    witnesses[key] = constrained.address
  }

  /// An object that has died, with one more unowned reference to it.
  func tombstone() -> UnsafeRawPointer { RuntimeObjects.retainedTombstone() }

  func formWeakReference(at slot: UnsafeMutableRawPointer, to target: UnsafeRawPointer) {
    weakReferences.append((slot, target))
  }

  // MARK: Members

  func swizzle(
    _ member: UnsafeMutableRawPointer, byteCount: Int
  ) throws(ContainerError) {
    let layout = try layout(ofImageAt: member)
    let number = Int(member.load(as: UInt.self)) - 1
    let counts = member.load(fromByteOffset: 8, as: UInt64.self)
    let strong = counts & 0xffff_ffff
    let unowned = counts >> 32
    guard strong > 0, strong < 1 << 30, unowned < 1 << 30 else {
      throw damaged("an object's in-degrees", at: member + 8)
    }
    if isUntrusted {
      declared[UnsafeRawPointer(member)] = InDegrees(strong: strong, unowned: unowned)
    }
    try layout.swizzle(member, byteCount: byteCount, self)
    member.storeBytes(of: header(ofType: number, layout), as: UnsafeRawPointer.self)
    // One unowned reference stands for all strong ones; bit 0: a pure Swift object.
    member.storeBytes(
      of: 1 | (1 + unowned) << 1 | (strong - 1) << 33, toByteOffset: 8, as: UInt64.self)
    if case .table(let table) = layout.form, rehashesAll || table.hashesByAddress {
      tables.append((member, table))
    }
  }

  /// What the header of such objects is in this process. Every member asks, so it is an array.
  private func header(ofType number: Int, _ layout: ObjectLayout) -> UnsafeRawPointer {
    if headers.isEmpty { headers = Array(repeating: nil, count: types.entries.count) }
    if let known = headers[number] { return known }
    let header = RuntimeObjects.header(of: layout)
    headers[number] = header
    liveLayouts[UInt(bitPattern: header)] = layout
    return header
  }

  private func layout(
    ofImageAt member: UnsafeMutableRawPointer
  ) throws(ContainerError) -> ObjectLayout {
    let header = member.load(as: UInt.self)
    guard header > 0, header <= UInt(types.entries.count),
      case .layout(let layout) = types.entries[Int(header) - 1]
    else { throw damaged("the type of an object", at: member) }
    return layout
  }

  func finish() throws(ContainerError) {
    // A count that is too low would free an object too early; the container's own references
    // make some higher than what was counted.
    for (target, found) in counted {
      guard let stored = declared[target], stored.strong >= found.strong,
        stored.unowned >= found.unowned
      else { throw damaged("an object's in-degrees", at: target) }
    }
    for (slot, target) in weakReferences {
      RuntimeObjects.formWeakReference(at: slot, to: target)
    }
    weakReferences = []
    for (storage, table) in tables {
      guard table.rehash(storage, checksKeys: isUntrusted || checksKeys) else {
        if checksKeys {
          throw .typeChanged(
            displayName(table.key.metadata), nil, before: "a type of keys that differ",
            after: "one by which two keys of a dictionary, or members of a set, are equal,")
        }
        throw damaged("a table of a Hashable type, no key twice", at: storage)
      }
    }
    rehashedTableCount = tables.count
    tables = []
  }
}
