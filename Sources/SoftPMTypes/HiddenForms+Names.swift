// Fields that are described by name: owned bytes, and properties that keep a rule.

import CSoftPMRuntime
import SoftPMBase

/// A pointer to bytes of its own.
///
/// 1. The bytes are a cell without a header: the first `count`, and nothing else.
/// 2. Count and capacity are numbers of the same value, at fixed distances from the pointer, so they
///    are where they should be in a copy of the value too.
/// 3. In an image the pointer is the cell's home address, or nil without bytes, and the capacity is
///    the count.
final class OwnedBytesForm: FieldForm {
  let countDistance: Int
  private let capacityDistance: Int?
  private let note: String
  private unowned(unsafe) let catalog: TypeCatalog

  init(
    _ properties: ByteProperties, countDistance: Int, capacityDistance: Int?,
    catalog: TypeCatalog
  ) {
    self.countDistance = countDistance
    self.capacityDistance = capacityDistance
    let capacity = capacityDistance.map { ", capacity \($0) from it" } ?? ""
    let first = properties.firstIndex.map { ", from \($0) on" } ?? ""
    note = "bytes of \(properties.pointer), count \(countDistance) from it\(capacity)\(first)"
    self.catalog = catalog
  }

  override func description(of property: String) -> (content: Metadata, note: String)? {
    (Metadata(UInt8.self), note)
  }

  private func bytes(
    _ value: UnsafeRawPointer, at slot: Int, in site: Site
  ) throws(ContainerError) -> (start: UnsafeRawPointer, layout: ObjectLayout)? {
    let count = value.load(fromByteOffset: countDistance, as: Int.self)
    let capacity =
      capacityDistance.map { value.load(fromByteOffset: $0, as: Int.self) } ?? count
    guard count >= 0, count <= capacity else { throw site.refusal(Self.wrongCount, at: slot) }
    guard count > 0 else { return nil }
    guard let start = value.load(as: UnsafeRawPointer?.self) else {
      throw site.refusal(Self.wrongCount, at: slot)
    }
    return (start, catalog.bytesLayout(count: count))
  }

  override func visit(
    _ value: UnsafeRawPointer, at slot: Int, in site: Site, _ body: ReferenceVisitor
  ) throws(ContainerError) {
    guard let bytes = try bytes(value, at: slot, in: site) else { return }
    try body(
      Reference(target: bytes.start, layout: bytes.layout, strength: .strong, slotOffset: slot))
  }

  override func write(
    _ value: UnsafeRawPointer, into image: UnsafeMutableRawPointer, at slot: Int, in site: Site,
    _ context: any ImageContext
  ) throws(ContainerError) {
    let count = value.load(fromByteOffset: countDistance, as: Int.self)
    if let capacityDistance {
      image.storeBytes(of: count, toByteOffset: capacityDistance, as: Int.self)
    }
    guard let bytes = try bytes(value, at: slot, in: site) else { return }
    let home = try site.home(of: bytes.start, bytes.layout, .strong, at: slot, context)
    image.storeBytes(of: UInt(home.rawValue), as: UInt.self)
  }

  override func swizzle(
    _ value: UnsafeMutableRawPointer, _ session: RestoreSession
  ) throws(ContainerError) {
    let word = value.load(as: UInt.self)
    let count = value.load(fromByteOffset: countDistance, as: Int.self)
    let capacity =
      capacityDistance.map { value.load(fromByteOffset: $0, as: Int.self) } ?? count
    guard count >= 0, capacity == count, (word == 0) == (count == 0) else {
      throw session.damaged("a count of bytes", at: value + countDistance)
    }
    guard word != 0 else { return }
    let (start, _) = try session.rawMember(word, byteCount: count, at: value)
    value.storeBytes(of: start, as: UnsafeRawPointer.self)
  }

  private static let wrongCount = Refusal(
    code: .concurrentMutation,
    "The number of these bytes cannot be right: it is negative, or more than there is room for.",
    remedy: "Change the value only inside `update`, and see that its description names the right "
      + "properties.")
}

/// A property that is read as what it is, and checked besides.
class RuledForm: FieldForm {
  let content: ValueLayout
  private let note: String

  init(_ content: ValueLayout, note: String) {
    self.content = content
    self.note = note
  }

  override var isVisited: Bool { !content.isUnvisited }
  override var isSelfContained: Bool { content.isSelfContained }

  override func description(of property: String) -> (content: Metadata, note: String)? {
    (content.metadata, "\(property): \(note)")
  }

  override func visit(
    _ value: UnsafeRawPointer, at slot: Int, in site: Site, _ body: ReferenceVisitor
  ) throws(ContainerError) {
    try content.visit(value, at: slot, in: site, body)
  }

  override func write(
    _ value: UnsafeRawPointer, into image: UnsafeMutableRawPointer, at slot: Int, in site: Site,
    _ context: any ImageContext
  ) throws(ContainerError) {
    try content.write(value, into: image, at: slot, in: site, context)
  }

  override func swizzle(
    _ value: UnsafeMutableRawPointer, _ session: RestoreSession
  ) throws(ContainerError) {
    try content.swizzle(value, session)
  }

  override func path(toSlotAt offset: Int, in value: UnsafeRawPointer) -> String {
    content.path(toSlotAt: offset, in: value)
  }
}

/// An optional that must be nil.
final class AbsentForm: RuledForm {
  private let refusal: Refusal

  init(_ content: ValueLayout, _ refusal: Refusal) {
    self.refusal = refusal
    super.init(content, note: "absent")
  }

  private func check(
    _ value: UnsafeRawPointer, at slot: Int, in site: Site
  ) throws(ContainerError) {
    guard softpm_runtime_enum_tag(value, content.metadata.address) == 1 else {
      throw site.refusal(refusal, at: slot)
    }
  }

  override var isVisited: Bool { true }

  override func visit(
    _ value: UnsafeRawPointer, at slot: Int, in site: Site, _ body: ReferenceVisitor
  ) throws(ContainerError) {
    try check(value, at: slot, in: site)
  }

  override func write(
    _ value: UnsafeRawPointer, into image: UnsafeMutableRawPointer, at slot: Int, in site: Site,
    _ context: any ImageContext
  ) throws(ContainerError) {
    try check(value, at: slot, in: site)
    try super.write(value, into: image, at: slot, in: site, context)
  }

  override func swizzle(
    _ value: UnsafeMutableRawPointer, _ session: RestoreSession
  ) throws(ContainerError) {
    guard softpm_runtime_enum_tag(value, content.metadata.address) == 1 else {
      throw session.damaged("nil", at: value)
    }
    try super.swizzle(value, session)
  }
}

/// An integer within limits.
final class LimitedNumberForm: RuledForm {
  private let limits: ClosedRange<Int>
  private let byteCount: Int

  init(_ content: ValueLayout, in limits: ClosedRange<Int>) {
    self.limits = limits
    byteCount = content.size
    super.init(content, note: "number \(limits.lowerBound)…\(limits.upperBound)")
  }

  override func swizzle(
    _ value: UnsafeMutableRawPointer, _ session: RestoreSession
  ) throws(ContainerError) {
    try super.swizzle(value, session)
    guard let number = SmallNumber.read(UnsafeRawPointer(value), content.metadata),
      limits.contains(number)
    else {
      throw session.damaged("a number from \(limits.lowerBound) to \(limits.upperBound)", at: value)
    }
  }
}

/// A range of indices of another property's bytes. The numbers of both are plain, so it does not
/// matter which of the objects is alive already.
final class SliceForm: RuledForm {
  struct Storage {
    /// From the range's place to that of the reference.
    var distance: Int
    var count: Int
    var firstIndex: Int?
  }

  private let bounds: BoundsPlace
  private let storage: Storage

  init(_ content: ValueLayout, _ bounds: BoundsPlace, of storage: Storage, named name: String) {
    self.bounds = bounds
    self.storage = storage
    super.init(content, note: "slice of \(name)")
  }

  override func swizzle(
    _ value: UnsafeMutableRawPointer, _ session: RestoreSession
  ) throws(ContainerError) {
    try super.swizzle(value, session)
    let (lower, upper) = bounds.read(UnsafeRawPointer(value))
    guard
      let object = (value + storage.distance).load(as: UnsafeRawPointer?.self),
      lower <= upper
    else { throw session.damaged("a range of bytes", at: value) }
    let count = object.load(fromByteOffset: storage.count, as: Int.self)
    let first = storage.firstIndex.map { object.load(fromByteOffset: $0, as: Int.self) } ?? 0
    let (end, isTooLarge) = first.addingReportingOverflow(count)
    guard first >= 0, count >= 0, !isTooLarge, lower >= first, upper <= end else {
      throw session.damaged("a range within its bytes", at: value)
    }
  }
}

/// Where the two numbers of a range are.
struct BoundsPlace {
  private var isInObject = false
  private var offset = 0
  private let isNarrow: Bool

  /// Nil for what is neither a `Range` of Int or Int32 nor an object with one.
  init?(of type: Metadata) {
    if type.kind == .classType {
      guard let descriptor = type.descriptor, type.superclass?.descriptor?.fieldCount ?? 0 == 0,
        let records = descriptor.fieldRecords, records.count == 1,
        let range = records[0].typeName.flatMap(type.resolve),
        let place = BoundsPlace(of: range), !place.isInObject
      else { return nil }
      isNarrow = place.isNarrow
      isInObject = true
      offset = softpm_runtime_field_offset(type.address, 0)
    } else if type.type == Range<Int>.self {
      isNarrow = false
    } else if type.type == Range<Int32>.self {
      isNarrow = true
    } else {
      return nil
    }
  }

  func read(_ value: UnsafeRawPointer) -> (lower: Int, upper: Int) {
    let place = (isInObject ? value.load(as: UnsafeRawPointer.self) : value) + offset
    guard isNarrow else {
      return (place.load(as: Int.self), place.load(fromByteOffset: 8, as: Int.self))
    }
    return (
      Int(place.load(as: Int32.self)), Int(place.load(fromByteOffset: 4, as: Int32.self))
    )
  }
}

/// An integer of any type, as an Int.
enum SmallNumber {
  /// Nil where the type is no integer, or the number too large.
  static func read(_ value: UnsafeRawPointer, _ metadata: Metadata) -> Int? {
    func load<Number: FixedWidthInteger>(_: Number.Type) -> Int? {
      Int(exactly: value.load(as: Number.self))
    }
    guard let type = metadata.type as? any FixedWidthInteger.Type else { return nil }
    return _openExistential(type, do: load)
  }
}
