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

package struct Restorer {
  private let session: RestoreSession

  /// - Parameters:
  ///   - home: where the arena was when the images were made; `base`: where it is mapped now.
  ///   - isMember: whether an object starts at a home address.
  package init(
    types: ResolvedTypes, home: ArenaAddress, base: UInt, addressSpace: ByteCount,
    seeds: StoredSeeds, isMember: @escaping (ArenaAddress) -> Bool
  ) {
    session = RestoreSession(
      types: types, home: home, base: base, addressSpace: addressSpace, seeds: seeds,
      isMember: isMember)
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
}

/// The state shared by the forms while a container is restored.
final class RestoreSession {
  let types: ResolvedTypes
  let home: ArenaAddress
  private let homeWord: UInt
  private let base: UInt
  private let addressSpace: UInt
  private let isMember: (ArenaAddress) -> Bool
  private let rehashesAll: Bool
  private var weakReferences: [(slot: UnsafeMutableRawPointer, target: UnsafeRawPointer)] = []
  private var tables: [(storage: UnsafeMutableRawPointer, form: TableStorage)] = []
  private var witnesses: [WitnessKey: UnsafeRawPointer] = [:]
  private var current = UnsafeRawPointer(bitPattern: 1)!

  private struct WitnessKey: Hashable {
    var type: Metadata
    var proto: UnsafeRawPointer
  }

  init(
    types: ResolvedTypes, home: ArenaAddress, base: UInt, addressSpace: ByteCount,
    seeds: StoredSeeds, isMember: @escaping (ArenaAddress) -> Bool
  ) {
    self.types = types
    self.home = home
    homeWord = UInt(home.rawValue)
    self.base = base
    self.addressSpace = UInt(addressSpace.rawValue)
    self.isMember = isMember
    rehashesAll = seeds != .current
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

  /// The live address of a member referred to by a home address.
  func member(_ word: UInt, at place: UnsafeRawPointer) throws(ContainerError) -> UnsafeRawPointer {
    guard word >= homeWord + WellKnown.reservedBytes, word - homeWord < addressSpace,
      isMember(ArenaAddress(UInt64(word))),
      let live = UnsafeRawPointer(bitPattern: base + (word - homeWord))
    else { throw damaged("a reference to an object", at: place) }
    return live
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
    do {
      return try types.catalog.layout(ofObjectAt: target)
    } catch {
      throw damaged("an object of a known type", at: place)
    }
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
        throw damaged("a type that conforms to the protocol", at: place)
      }
      witnesses[key] = table
      place.storeBytes(of: table, toByteOffset: index * 8, as: UnsafeRawPointer.self)
    }
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
    let counts = member.load(fromByteOffset: 8, as: UInt64.self)
    let strong = counts & 0xffff_ffff
    let unowned = counts >> 32
    guard strong > 0, strong < 1 << 30, unowned < 1 << 30 else {
      throw damaged("an object's in-degrees", at: member + 8)
    }
    try layout.swizzle(member, byteCount: byteCount, self)
    member.storeBytes(
      of: RuntimeObjects.header(of: layout), as: UnsafeRawPointer.self)
    // One unowned reference stands for all strong ones; bit 0: a pure Swift object.
    member.storeBytes(
      of: 1 | (1 + unowned) << 1 | (strong - 1) << 33, toByteOffset: 8, as: UInt64.self)
    if case .table(let table) = layout.form, rehashesAll || table.hashesByAddress {
      tables.append((member, table))
    }
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
    for (slot, target) in weakReferences {
      RuntimeObjects.formWeakReference(at: slot, to: target)
    }
    weakReferences = []
    for (storage, table) in tables {
      guard table.rehash(storage) else {
        throw damaged("a table of a Hashable type", at: storage)
      }
    }
    tables = []
  }
}
