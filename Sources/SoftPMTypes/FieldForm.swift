import SoftPMBase

/// How to read one field that is more than plain bytes or a plain object pointer.
///
/// Each subclass is one kind of Swift type. `value` may be a copy on the stack (an enum's payload
/// with its tag bits removed), so `slot` says where the field really is.
class FieldForm {
  /// False where a value can hold neither a reference nor anything to refuse.
  var isVisited: Bool { true }
  /// Whether an image can be made from a copy of the value's bytes, while the original changes:
  /// nothing is read but the value, what never changes, and where members live.
  var isSelfContained: Bool { !isVisited }

  /// Where the one reference of a value is, if its word alone tells what it refers to.
  var directSlot: DirectPlan.Slot? { nil }

  func visit(
    _ value: UnsafeRawPointer, at slot: Int, in site: Site, _ body: ReferenceVisitor
  ) throws(ContainerError) {}

  /// `image` is zero when this is called.
  func write(
    _ value: UnsafeRawPointer, into image: UnsafeMutableRawPointer, at slot: Int, in site: Site,
    _ context: any ImageContext
  ) throws(ContainerError) {}

  func swizzle(
    _ value: UnsafeMutableRawPointer, _ session: RestoreSession
  ) throws(ContainerError) {}

  func path(toSlotAt offset: Int, in value: UnsafeRawPointer) -> String { "" }

  /// What a type table records of a property that its type describes (`PersistentLayout`): the
  /// type of what it holds, and how, so that another description is another type. Nil for others.
  func description(of property: String) -> (content: Metadata, note: String)? { nil }
}

/// A field that cannot be persisted, whatever its value.
final class RefusedForm: FieldForm {
  let refusal: Refusal

  init(_ refusal: Refusal) {
    self.refusal = refusal
  }

  override func visit(
    _ value: UnsafeRawPointer, at slot: Int, in site: Site, _ body: ReferenceVisitor
  ) throws(ContainerError) {
    throw site.refusal(refusal, at: slot)
  }

  override func write(
    _ value: UnsafeRawPointer, into image: UnsafeMutableRawPointer, at slot: Int, in site: Site,
    _ context: any ImageContext
  ) throws(ContainerError) {
    throw site.refusal(refusal, at: slot)
  }

  override func swizzle(
    _ value: UnsafeMutableRawPointer, _ session: RestoreSession
  ) throws(ContainerError) {
    throw session.damaged("nothing of a type that cannot be persisted", at: value)
  }
}

/// A pointer of the program's own: only nil can be persisted.
final class NilPointerForm: FieldForm {
  let refusal: Refusal

  init(_ refusal: Refusal) {
    self.refusal = refusal
  }

  override func visit(
    _ value: UnsafeRawPointer, at slot: Int, in site: Site, _ body: ReferenceVisitor
  ) throws(ContainerError) {
    guard value.load(as: UInt.self) == 0 else { throw site.refusal(refusal, at: slot) }
  }

  override func write(
    _ value: UnsafeRawPointer, into image: UnsafeMutableRawPointer, at slot: Int, in site: Site,
    _ context: any ImageContext
  ) throws(ContainerError) {
    guard value.load(as: UInt.self) == 0 else { throw site.refusal(refusal, at: slot) }
  }

  override func swizzle(
    _ value: UnsafeMutableRawPointer, _ session: RestoreSession
  ) throws(ContainerError) {
    guard value.load(as: UInt.self) == 0 else { throw session.damaged("nil", at: value) }
  }
}

/// A Bool: other bytes than 0 and 1 would be undefined behaviour once alive.
final class BoolForm: FieldForm {
  override var isVisited: Bool { false }

  override func write(
    _ value: UnsafeRawPointer, into image: UnsafeMutableRawPointer, at slot: Int, in site: Site,
    _ context: any ImageContext
  ) throws(ContainerError) {
    image.storeBytes(of: value.load(as: UInt8.self) & 1, as: UInt8.self)
  }

  override func swizzle(
    _ value: UnsafeMutableRawPointer, _ session: RestoreSession
  ) throws(ContainerError) {
    guard value.load(as: UInt8.self) <= 1 else {
      throw session.damaged("false or true", at: value)
    }
  }
}

/// A `Unicode.Scalar`: other numbers than scalar values would be undefined behaviour.
final class ScalarForm: FieldForm {
  override var isVisited: Bool { false }

  override func write(
    _ value: UnsafeRawPointer, into image: UnsafeMutableRawPointer, at slot: Int, in site: Site,
    _ context: any ImageContext
  ) throws(ContainerError) {
    image.copyMemory(from: value, byteCount: 4)
  }

  override func swizzle(
    _ value: UnsafeMutableRawPointer, _ session: RestoreSession
  ) throws(ContainerError) {
    guard Unicode.Scalar(value.load(as: UInt32.self)) != nil else {
      throw session.damaged("a Unicode scalar", at: value)
    }
  }
}

/// A weak, unowned or unowned(unsafe) reference, with the witness tables of an existential.
final class NonStrongForm: FieldForm {
  let ownership: Ownership
  let existential: ExistentialDescription?
  let classType: Metadata?

  init(_ ownership: Ownership, existential: ExistentialDescription?, classType: Metadata?) {
    self.ownership = ownership
    self.existential = existential
    self.classType = classType
  }

  /// The object, or nil where there is none or it has died.
  private func target(_ value: UnsafeRawPointer) -> UnsafeRawPointer? {
    guard let word = value.load(as: UnsafeRawPointer?.self) else { return nil }
    guard ownership == .weak else { return word }
    // The word leads to a side table: object, padding, counts. Bit 32 of the counts: deiniting.
    let isDying = word.load(fromByteOffset: 16, as: UInt64.self) & (1 << 32) != 0
    return isDying ? nil : word.load(as: UnsafeRawPointer?.self)
  }

  override func visit(
    _ value: UnsafeRawPointer, at slot: Int, in site: Site, _ body: ReferenceVisitor
  ) throws(ContainerError) {
    guard let target = target(value) else { return }
    try body(Reference(target: target, layout: nil, strength: ownership, slotOffset: slot))
  }

  override func write(
    _ value: UnsafeRawPointer, into image: UnsafeMutableRawPointer, at slot: Int, in site: Site,
    _ context: any ImageContext
  ) throws(ContainerError) {
    guard let target = target(value) else { return }
    if let home = context.homeAddress(of: target, layout: nil, strength: ownership) {
      image.storeBytes(of: UInt(home.rawValue), as: UInt.self)
      return
    }
    switch ownership {
    case .unowned:
      image.storeBytes(of: WellKnown.tombstone.word(context.home), as: UInt.self)
    case .unmanaged:
      throw site.refusal(.unmanagedOutsider, at: slot)
    case .weak, .strong: break
    }
  }

  override func swizzle(
    _ value: UnsafeMutableRawPointer, _ session: RestoreSession
  ) throws(ContainerError) {
    let word = value.load(as: UInt.self)
    if word == 0 { return }
    if ownership == .unowned, word == WellKnown.tombstone.word(session.home) {
      value.storeBytes(of: session.tombstone(), as: UnsafeRawPointer.self)
      return
    }
    let target = try session.member(word, ownership, at: value)
    if let classType { try session.expect(target, isInstanceOf: classType, at: value) }
    if let existential {
      try session.fillWitnesses(
        of: existential, for: session.dynamicType(of: target, at: value), at: value + 8)
    }
    if ownership == .weak {
      value.storeBytes(of: 0, as: UInt.self)
      session.formWeakReference(at: value, to: target)
    } else {
      value.storeBytes(of: UInt(bitPattern: target), as: UInt.self)
    }
  }
}

/// The inline elements of an `InlineArray`.
final class FixedArrayForm: FieldForm {
  let count: Int
  let element: ValueLayout

  init(count: Int, element: ValueLayout) {
    self.count = count
    self.element = element
  }

  override var isVisited: Bool { !element.isUnvisited }
  override var isSelfContained: Bool { element.isSelfContained }

  override func visit(
    _ value: UnsafeRawPointer, at slot: Int, in site: Site, _ body: ReferenceVisitor
  ) throws(ContainerError) {
    for index in 0..<count {
      let offset = index * element.stride
      try element.visit(value + offset, at: slot + offset, in: site, body)
    }
  }

  override func write(
    _ value: UnsafeRawPointer, into image: UnsafeMutableRawPointer, at slot: Int, in site: Site,
    _ context: any ImageContext
  ) throws(ContainerError) {
    for index in 0..<count {
      let offset = index * element.stride
      try element.write(value + offset, into: image + offset, at: slot + offset, in: site, context)
    }
  }

  override func swizzle(
    _ value: UnsafeMutableRawPointer, _ session: RestoreSession
  ) throws(ContainerError) {
    for index in 0..<count { try element.swizzle(value + index * element.stride, session) }
  }

  override func path(toSlotAt offset: Int, in value: UnsafeRawPointer) -> String {
    guard element.stride > 0 else { return "" }
    let index = offset / element.stride
    let start = index * element.stride
    return "[\(index)]" + element.path(toSlotAt: offset - start, in: value + start)
  }
}
