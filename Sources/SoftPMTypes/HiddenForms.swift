// Fields that their type describes (`PersistentLayout`): owned memory, mutexes, atomics.

import SoftPMBase

/// A pointer to memory of its own: `count` elements, room for `capacity`.
///
/// 1. The memory is a cell without a header. Its elements are read, written and swizzled by their
///    layout; those beyond the count are never looked at.
/// 2. Count and capacity are plain numbers of the same value, at fixed distances from the pointer,
///    so they are where they should be in a copy of the value too.
/// 3. In an image the pointer is the cell's home address.
final class OwnedMemoryForm: FieldForm {
  let elementType: Metadata
  let countDistance: Int
  let capacityDistance: Int?
  private unowned(unsafe) let catalog: TypeCatalog
  /// Compiled when first needed: the elements may be of the type that holds the pointer.
  private(set) lazy var element = catalog.valueLayout(of: elementType)

  init(
    element: Metadata, countDistance: Int, capacityDistance: Int?, catalog: TypeCatalog
  ) {
    elementType = element
    self.countDistance = countDistance
    self.capacityDistance = capacityDistance
    self.catalog = catalog
  }

  override func description(of property: String) -> (content: Metadata, note: String)? {
    let capacity = capacityDistance.map { ", capacity \($0) from it" } ?? ""
    return (elementType, "memory of \(property), count \(countDistance) from it\(capacity)")
  }

  private struct Extent {
    var count: Int
    var capacity: Int
  }

  /// Nil where the numbers cannot be true, whatever the memory is.
  private func extent(_ value: UnsafeRawPointer) -> Extent? {
    let count = value.load(fromByteOffset: countDistance, as: Int.self)
    let capacity =
      capacityDistance.map { value.load(fromByteOffset: $0, as: Int.self) } ?? count
    guard count >= 0, capacity >= count,
      !capacity.multipliedReportingOverflow(by: max(1, element.stride)).overflow
    else { return nil }
    return Extent(count: count, capacity: capacity)
  }

  /// The memory and its layout; nil for a nil pointer.
  private func memory(
    _ value: UnsafeRawPointer, at slot: Int, in site: Site
  ) throws(ContainerError) -> (start: UnsafeRawPointer, layout: ObjectLayout)? {
    guard let extent = extent(value) else {
      throw site.refusal(Self.wrongCount, at: slot)
    }
    guard let start = value.load(as: UnsafeRawPointer?.self) else {
      guard extent.count == 0 else { throw site.refusal(Self.wrongCount, at: slot) }
      return nil
    }
    return (
      start, catalog.memoryLayout(of: element, count: extent.count, capacity: extent.capacity)
    )
  }

  override func visit(
    _ value: UnsafeRawPointer, at slot: Int, in site: Site, _ body: ReferenceVisitor
  ) throws(ContainerError) {
    guard let memory = try memory(value, at: slot, in: site) else { return }
    try body(
      Reference(
        target: memory.start, layout: memory.layout, strength: .strong, slotOffset: slot))
  }

  override func write(
    _ value: UnsafeRawPointer, into image: UnsafeMutableRawPointer, at slot: Int, in site: Site,
    _ context: any ImageContext
  ) throws(ContainerError) {
    guard let memory = try memory(value, at: slot, in: site) else { return }
    let home = try site.home(of: memory.start, memory.layout, .strong, at: slot, context)
    image.storeBytes(of: UInt(home.rawValue), as: UInt.self)
  }

  override func swizzle(
    _ value: UnsafeMutableRawPointer, _ session: RestoreSession
  ) throws(ContainerError) {
    guard let extent = extent(UnsafeRawPointer(value)) else {
      throw session.damaged("a count of elements", at: value + countDistance)
    }
    let word = value.load(as: UInt.self)
    if word == 0 {
      guard extent.count == 0 else { throw session.damaged("a pointer to elements", at: value) }
      return
    }
    let (start, isShared) = try session.rawMember(
      word, byteCount: extent.capacity * element.stride, at: value)
    value.storeBytes(of: start, as: UnsafeRawPointer.self)
    guard !element.isSolid, !isShared else { return }
    var place = UnsafeMutableRawPointer(mutating: start)
    for _ in 0..<extent.count {
      try element.swizzle(place, session)
      place += element.stride
    }
  }

  private static let wrongCount = Refusal(
    code: .concurrentMutation,
    "The number of elements of this memory cannot be right: it is negative, or more than there "
      + "is room for.",
    remedy: "Change the value only inside `update`, and see that its `hiddenStorage` names the "
      + "right properties.")
}

/// A `Mutex`: a word that is zero when it is free, and the value.
final class MutexForm: FieldForm {
  static let wordBytes = 4
  let value: ValueLayout
  let offset: Int

  init(value: ValueLayout, offset: Int) {
    self.value = value
    self.offset = offset
  }

  override func visit(
    _ mutex: UnsafeRawPointer, at slot: Int, in site: Site, _ body: ReferenceVisitor
  ) throws(ContainerError) {
    guard mutex.load(as: UInt32.self) == 0 else { throw site.refusal(Self.held, at: slot) }
    try value.visit(mutex + offset, at: slot + offset, in: site, body)
  }

  override func write(
    _ mutex: UnsafeRawPointer, into image: UnsafeMutableRawPointer, at slot: Int, in site: Site,
    _ context: any ImageContext
  ) throws(ContainerError) {
    guard mutex.load(as: UInt32.self) == 0 else { throw site.refusal(Self.held, at: slot) }
    try value.write(mutex + offset, into: image + offset, at: slot + offset, in: site, context)
  }

  override func swizzle(
    _ mutex: UnsafeMutableRawPointer, _ session: RestoreSession
  ) throws(ContainerError) {
    guard mutex.load(as: UInt32.self) == 0 else { throw session.damaged("a free mutex", at: mutex) }
    try value.swizzle(mutex + offset, session)
  }

  override func path(toSlotAt offset: Int, in mutex: UnsafeRawPointer) -> String {
    guard offset >= self.offset else { return "" }
    return value.path(toSlotAt: offset - self.offset, in: mutex + self.offset)
  }

  override func description(of property: String) -> (content: Metadata, note: String)? {
    (value.metadata, "mutex of \(property)")
  }

  private static let held = Refusal(
    code: .concurrentMutation, "This mutex is held at this moment.",
    remedy: "Make the point when no thread is in `withLock`.")
}

/// An `Atomic` of a number or Bool: the bytes of its value.
final class AtomicForm: FieldForm {
  let value: ValueLayout

  init(value: ValueLayout) {
    self.value = value
  }

  override var isVisited: Bool { false }

  override func description(of property: String) -> (content: Metadata, note: String)? {
    (value.metadata, "atomic of \(property)")
  }

  override func write(
    _ atomic: UnsafeRawPointer, into image: UnsafeMutableRawPointer, at slot: Int, in site: Site,
    _ context: any ImageContext
  ) throws(ContainerError) {
    try value.write(atomic, into: image, at: slot, in: site, context)
  }

  override func swizzle(
    _ atomic: UnsafeMutableRawPointer, _ session: RestoreSession
  ) throws(ContainerError) {
    try value.swizzle(atomic, session)
  }
}
