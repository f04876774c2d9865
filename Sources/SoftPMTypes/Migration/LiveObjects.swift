// Values that the program itself made, for properties that were not stored: written as images, with
// all they refer to, as a persistence point would.

import SoftPMBase

/// A value of any type, at an address, for as long as somebody holds this.
final class LiveValue {
  let type: Metadata
  let start: UnsafeRawPointer
  private let end: () -> Void

  init<Value>(_ value: Value) {
    type = Metadata(Value.self)
    let memory = UnsafeMutablePointer<Value>.allocate(capacity: 1)
    memory.initialize(to: value)
    start = UnsafeRawPointer(memory)
    end = {
      memory.deinitialize(count: 1)
      memory.deallocate()
    }
  }

  deinit { end() }

  /// A value by its own type, not by that of the variable it comes in.
  static func opening(_ value: Any) -> LiveValue {
    func open<Value>(_ value: Value) -> LiveValue { LiveValue(value) }
    return _openExistential(value, do: open)
  }
}

final class LiveObjects: ImageContext {
  private unowned let migrator: Migrator
  /// What must not die before its image is made.
  private var kept: [LiveValue] = []
  private var homes: [Key: ArenaAddress] = [:]
  private var traced: [Traced] = []
  private var unowned: [Key] = []

  private struct Key: Hashable {
    var address: UnsafeRawPointer
    /// Where the target's header does not tell.
    var layout: ObjectIdentifier?
  }

  private struct Traced {
    var target: UnsafeRawPointer
    var layout: ObjectLayout
    var cell: MigratedCell
  }

  init(_ migrator: Migrator) { self.migrator = migrator }

  var home: ArenaAddress { migrator.space.home }

  /// The value as one of a type; nil where it is of another. Numbers are converted if they fit.
  func convert(_ value: Any, to type: Metadata) -> LiveValue? {
    let found = LiveValue.opening(value)
    if found.type == type { return found }
    if let number = value as? any BinaryInteger {
      if let target = type.type as? any FixedWidthInteger.Type {
        func convert<Number: FixedWidthInteger>(_: Number.Type) -> LiveValue? {
          Number(exactly: number).map { LiveValue($0) }
        }
        return convert(target)
      }
      return float(Double(number), as: type)
    }
    return (value as? any BinaryFloatingPoint).flatMap { float(Double($0), as: type) }
  }

  private func float(_ number: Double, as type: Metadata) -> LiveValue? {
    guard let target = type.type as? any BinaryFloatingPoint.Type else { return nil }
    func convert<Number: BinaryFloatingPoint>(_: Number.Type) -> LiveValue {
      LiveValue(Number(number))
    }
    return convert(target)
  }

  /// Writes a value's image; of an object in its own cell where `whole` is that cell's layout.
  func write(
    _ value: LiveValue, as type: Metadata, whole: ObjectLayout?, to out: UnsafeMutableRawPointer
  ) throws(ContainerError) {
    kept.append(value)
    guard let whole else {
      let layout = migrator.catalog.valueLayout(of: type)
      let box = migrator.catalog.boxLayout(of: type)
      let offset = ObjectLayout.boxOffset(layout)
      let site = Site(layout: box, target: value.start - offset)
      try layout.visit(value.start, at: offset, in: site) { reference throws(ContainerError) in
        try self.follow(reference)
      }
      try trace()
      try layout.write(value.start, into: out, at: offset, in: site, self)
      return try writeTraced()
    }
    let object = value.start.load(as: UnsafeRawPointer.self)
    let layout = try migrator.catalog.layout(ofObjectAt: object)
    guard layout.key == whole.key, let cell = migrator.cell(at: out) else {
      throw .typeChanged(
        whole.typeName, nil, before: "built as \(layout.typeName) by a closure",
        after: whole.typeName)
    }
    homes[Key(address: object, layout: nil)] = cell.home
    traced.append(Traced(target: object, layout: layout, cell: cell))
    try trace()
    try writeTraced()
  }

  /// Gives a home to whatever a strong reference leads to.
  private func follow(_ reference: Reference) throws(ContainerError) {
    let key = Key(address: reference.target, layout: reference.layout.map { ObjectIdentifier($0) })
    switch reference.strength {
    case .weak, .unmanaged: return
    case .unowned:
      unowned.append(key)
      return
    case .strong: break
    }
    if let known = homes[key] { return try migrator.count(known) }
    let layout: ObjectLayout
    if let told = reference.layout {
      layout = told
    } else {
      layout = try migrator.catalog.layout(ofObjectAt: reference.target)
    }
    let byteCount = layout.byteCount(of: reference.target)
    let alignmentMask = migrator.alignmentMask(of: layout)
    let cell =
      layout.isRaw
      ? try migrator.newRaw(byteCount: byteCount, alignmentMask: alignmentMask)
      : try migrator.newObject(layout, byteCount: byteCount, alignmentMask: alignmentMask)
    homes[key] = cell.home
    traced.append(Traced(target: reference.target, layout: layout, cell: cell))
  }

  private func trace() throws(ContainerError) {
    var next = 0
    while next < traced.count {
      let object = traced[next]
      try object.layout.visitReferences(of: object.target) { reference throws(ContainerError) in
        try self.follow(reference)
      }
      next += 1
    }
  }

  private func writeTraced() throws(ContainerError) {
    for key in unowned {
      guard let home = homes[key] else { continue }
      try migrator.count(home, .unowned)
    }
    for object in traced {
      try object.layout.writeImage(
        of: object.target, into: object.cell.start, capacity: object.cell.byteCount, strong: 0,
        unowned: 0, self)
    }
    traced = []
    unowned = []
  }

  // MARK: ImageContext

  func homeAddress(
    of target: UnsafeRawPointer, layout: ObjectLayout?, strength: Reference.Strength
  ) -> ArenaAddress? {
    homes[Key(address: target, layout: layout.map { ObjectIdentifier($0) })]
  }

  func typeIndex(of layout: ObjectLayout) throws(ContainerError) -> UInt32 {
    migrator.index(of: layout)
  }

  func typeIndex(ofMetadata type: Any.Type) throws(ContainerError) -> UInt32 {
    migrator.index(of: Metadata(type))
  }
}
