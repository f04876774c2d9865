// Makes images of the present types from those of a stored version.
//
// 1. It begins at the root and goes where present properties lead. So what only a removed property
//    held is left behind, whatever became of its type.
// 2. Each stored object becomes one object: what was shared stays shared, and cycles stay.
// 3. Stored bytes are read through `StoredReader`, which checks every access. The images are then
//    validated and brought to life as any others are (`Restorer`).
// 4. References are counted as they are written; weak, unowned and unmanaged ones are written last,
//    when it is known which objects there are.

import SoftPMBase

/// A cell of the new arena.
package struct MigratedCell {
  package var home: ArenaAddress
  package var start: UnsafeMutableRawPointer
  package var byteCount: Int

  package init(home: ArenaAddress, start: UnsafeMutableRawPointer, byteCount: Int) {
    self.home = home
    self.start = start
    self.byteCount = byteCount
  }
}

/// Where migrated objects go.
package protocol MigrationSpace: AnyObject {
  var home: ArenaAddress { get }
  /// A cell of at least so many bytes, all zero.
  func reserve(
    byteCount: Int, alignmentMask: Int, isRaw: Bool
  ) throws(ContainerError) -> MigratedCell
}

/// A version in the present form: images to be brought to life.
package struct MigratedGraph {
  package var root: ArenaAddress
  package var types: ResolvedTypes
  /// Sizes of the cells of objects.
  package var objects: [ArenaAddress: Int]
  /// Sizes of the cells without an object's header.
  package var raw: [ArenaAddress: Int]
}

package final class Migrator {
  let planner: MigrationPlanner
  let reader: StoredReader
  let space: any MigrationSpace
  let catalog: TypeCatalog
  var present: PresentTypes { planner.present }

  private var entries: [ResolvedTypes.Entry] = []
  private var layoutIndices: [ObjectIdentifier: UInt32] = [:]
  private var typeIndices: [Metadata: UInt32] = [:]
  private var moved: [ArenaAddress: Moved] = [:]
  private var objects: [ArenaAddress: MigratedCell] = [:]
  private var starts: [UnsafeMutableRawPointer: ArenaAddress] = [:]
  private var raw: [ArenaAddress: Int] = [:]
  private var strong: [ArenaAddress: UInt32] = [:]
  private var unowned: [ArenaAddress: UInt32] = [:]
  private var work: [Work] = []
  private var late: [Late] = []
  /// Live values that closures gave, until their images are made.
  private(set) lazy var live = LiveObjects(self)

  /// Where a stored object went.
  struct Moved {
    var cell: MigratedCell
    var layout: ObjectLayout
  }

  private enum Work {
    case stored(StoredObject, MigratedCell, ObjectLayout)
    case given(DynamicRecord, MigratedCell, ValueLayout)
    /// The value of a box, from where it was held.
    case boxed(StoredPlace, MigratedCell, ValueLayout, at: Int)
    case elements([DynamicValue], MigratedCell, ValueLayout, Part)
  }

  /// A reference that keeps nothing alive.
  private struct Late {
    var slot: UnsafeMutableRawPointer
    var target: ArenaAddress
    var ownership: Ownership
    var classType: Metadata?
    var part: Part
  }

  typealias Part = MigrationPlanner.Part

  package init(
    _ reader: StoredReader, catalog: TypeCatalog, migrations: Migrations,
    space: any MigrationSpace
  ) {
    self.reader = reader
    self.catalog = catalog
    self.space = space
    planner = MigrationPlanner(
      PresentTypes(reader.types, migrations.renames), catalog: catalog, migrations: migrations)
  }

  /// What differs between the stored types and the program's, as far as values led to it.
  package var changes: [TypeChange] { planner.changes }

  /// The name of the stored root's type, renames applied; nil where it is this one.
  package func rootName(than type: AnyClass, at home: ArenaAddress) throws(ContainerError)
    -> String?
  {
    let stored = try reader.object(at: home)
    return present.isNamed(stored.type, as: Metadata(type)) ? nil : present.name(stored.type)
  }

  /// Makes all images. `type` is the class of the object at `root`.
  package func run(root: ArenaAddress, as type: AnyClass) throws(ContainerError) -> MigratedGraph {
    let part = Part(type: displayName(Metadata(type)), name: nil)
    let home = try move(root, as: try catalog.instanceLayout(of: Metadata(type)), part)
    while let next = work.popLast() { try perform(next) }
    for reference in late { try write(reference) }
    for (home, cell) in objects {
      let counts = UInt64(unowned[home] ?? 0) << 32 | UInt64(strong[home] ?? 0)
      cell.start.storeBytes(of: counts, toByteOffset: 8, as: UInt64.self)
    }
    return MigratedGraph(
      root: home, types: ResolvedTypes(entries: entries, catalog: catalog),
      objects: objects.mapValues(\.byteCount), raw: raw)
  }

  private func perform(_ work: Work) throws(ContainerError) {
    switch work {
    case .stored(let object, let cell, let layout):
      try convert(object, to: cell, layout)
    case .given(let record, let cell, let layout):
      try write(record, as: layout, to: cell.start)
    case .boxed(let place, let cell, let layout, let offset):
      let part = Part(type: displayName(layout.metadata), name: nil)
      try convert(place, as: layout, to: cell.start + offset, part)
    case .elements(let elements, let cell, let layout, let part):
      let first = ArrayBits.elementsOffset(layout.alignmentMask)
      for (index, element) in elements.enumerated() {
        try write(element, as: layout, to: cell.start + first + index * layout.stride, part)
      }
    }
  }

  // MARK: Types

  func index(of layout: ObjectLayout) -> UInt32 {
    let layout = layout.isLiteral ? catalog.stringStorage : layout
    if let known = layoutIndices[ObjectIdentifier(layout)] { return known }
    let index = UInt32(entries.count)
    entries.append(.layout(layout))
    layoutIndices[ObjectIdentifier(layout)] = index
    return index
  }

  func index(of type: Metadata) -> UInt32 {
    if let known = typeIndices[type] { return known }
    let index = UInt32(entries.count)
    entries.append(.type(type))
    typeIndices[type] = index
    return index
  }

  func typeWord(_ type: Metadata) -> UInt { (UInt(index(of: type)) + 1) << 12 }

  // MARK: Cells

  /// A cell for an object, with its type in the header and one reference to it counted.
  func newObject(
    _ layout: ObjectLayout, byteCount: Int, alignmentMask: Int = 15
  ) throws(ContainerError) -> MigratedCell {
    let cell = try space.reserve(
      byteCount: max(16, byteCount), alignmentMask: alignmentMask, isRaw: false)
    cell.start.storeBytes(of: UInt(index(of: layout)) + 1, as: UInt.self)
    objects[cell.home] = cell
    starts[cell.start] = cell.home
    strong[cell.home] = 1
    return cell
  }

  func newRaw(byteCount: Int, alignmentMask: Int) throws(ContainerError) -> MigratedCell {
    let cell = try space.reserve(
      byteCount: max(1, byteCount), alignmentMask: alignmentMask, isRaw: true)
    raw[cell.home] = cell.byteCount
    return cell
  }

  /// The object whose cell begins at an address.
  func cell(at start: UnsafeMutableRawPointer) -> MigratedCell? {
    starts[start].flatMap { objects[$0] }
  }

  func count(_ home: ArenaAddress, _ ownership: Ownership = .strong) throws(ContainerError) {
    switch ownership {
    case .strong:
      strong[home, default: 0] += 1
      guard strong[home, default: 0] < 1 << 30 else { throw Self.tooMany }
    case .unowned:
      unowned[home, default: 0] += 1
      guard unowned[home, default: 0] < 1 << 30 else { throw Self.tooMany }
    case .weak, .unmanaged: break
    }
  }

  private static let tooMany = ContainerError.corrupt(
    at: nil, expected: "fewer references to one object")

  // MARK: Objects

  /// Where a stored object goes; `layout` is what a slot demands that no header names.
  func move(
    _ home: ArenaAddress, as demanded: ObjectLayout? = nil, _ part: Part
  ) throws(ContainerError) -> ArenaAddress {
    if let known = moved[home] {
      guard demanded == nil || demanded?.key == known.layout.key else {
        throw try reader.object(at: home).cell.damaged("an object of one type", at: 0)
      }
      try count(known.cell.home)
      return known.cell.home
    }
    let object = try reader.object(at: home)
    let layout: ObjectLayout
    if let demanded { layout = demanded } else { layout = try self.layout(of: object, part) }
    let cell = try newObject(
      layout, byteCount: try byteCount(of: object, as: layout),
      alignmentMask: alignmentMask(of: layout))
    moved[home] = Moved(cell: cell, layout: layout)
    work.append(.stored(object, cell, layout))
    return cell.home
  }

  /// The present class of a stored object, which its header names.
  private func layout(
    of object: StoredObject, _ part: Part
  ) throws(ContainerError) -> ObjectLayout {
    let record = present.stored.record(object.type)
    guard let type = present.type(object.type) else { throw missing(object.type) }
    switch record.kind {
    case .errorBox: return catalog.errorBoxLayout(of: type)
    case .box: return catalog.boxLayout(of: type)
    case .name, .value: throw object.cell.damaged("the type of an object", at: 0)
    case .instance:
      guard type.kind == .classType else {
        throw .typeChanged(
          record.name, nil, before: "a class",
          after: type.kind == .structure ? "a struct" : "no class")
      }
      return try catalog.instanceLayout(of: type)
    }
  }

  func missing(_ type: UInt32) -> ContainerError {
    let record = present.stored.record(type)
    let now = present.name(type)
    let renamed = now == record.name ? "" : ", now called \(now)"
    if DescriptorIndex.descriptors(writtenAs: TypeRenames.base(now)).count > 0 {
      return .typeChanged(
        record.name + renamed, nil, before: "found by that name",
        after: "generic, of another kind, or one of several of that name")
    }
    return ContainerError(
      code: .typeMissing,
      message: "The store has values of type \(record.name)\(renamed), which this program does "
        + "not have. Link the module that declares it, register what it is called now "
        + "(StoreOptions.migrations), or open the store with the program that wrote it.")
  }

  func layout(at home: ArenaAddress) -> ObjectLayout? { moved[home]?.layout }

  func later(_ place: StoredPlace, _ cell: MigratedCell, as layout: ValueLayout, at offset: Int) {
    work.append(.boxed(place, cell, layout, at: offset))
  }

  func later(_ record: DynamicRecord, _ cell: MigratedCell, as layout: ValueLayout) {
    work.append(.given(record, cell, layout))
  }

  func later(
    _ elements: [DynamicValue], _ cell: MigratedCell, as layout: ValueLayout, _ part: Part
  ) {
    work.append(.elements(elements, cell, layout, part))
  }

  // MARK: References that keep nothing

  func later(
    _ slot: UnsafeMutableRawPointer, to target: ArenaAddress, _ ownership: Ownership,
    _ classType: Metadata?, _ part: Part
  ) {
    late.append(
      Late(slot: slot, target: target, ownership: ownership, classType: classType, part: part))
  }

  private func write(_ reference: Late) throws(ContainerError) {
    guard let target = moved[reference.target] else {
      switch reference.ownership {
      case .weak, .strong: return
      case .unowned:
        reference.slot.storeBytes(of: WellKnown.tombstone.word(space.home), as: UInt.self)
        return
      case .unmanaged:
        throw reference.part.changed(
          before: "a reference to an object", after: "one to an object that nothing holds")
      }
    }
    if let classType = reference.classType {
      try expect(target.layout, within: classType, reference.part)
    }
    // The slot is zero but for a case's bits, which an address leaves free.
    let word = reference.slot.loadUnaligned(as: UInt.self) | UInt(target.cell.home.rawValue)
    reference.slot.storeBytes(of: word, as: UInt.self)
    try count(target.cell.home, reference.ownership)
  }

  func expect(
    _ layout: ObjectLayout, within classType: Metadata, _ part: Part
  ) throws(ContainerError) {
    guard let key = layout.key, key.kind == .type, key.metadata.isSubclass(of: classType) else {
      throw part.changed(
        before: "a reference to \(layout.typeName)", after: "one to \(displayName(classType))")
    }
  }
}
