// Enums: which case, and its payload.
//
// 1. Payload cases have the first tags, in the order of the field records.
// 2. The value witnesses read the tag, turn an enum's bits into its payload's, and back. They only
//    look at bits: no retain, no user code.
// 3. With one payload case the payload's bits are the enum's; with several, spare bits of the
//    payload may hold the tag, so the payload is read from a copy that is projected first.
// 4. An image is the payload's image with the tag injected: slack is zero. Home addresses and
//    codes keep the spare bits of pointers free (bits 0–2 and 56–63), as live addresses do.

import CSoftPMRuntime
import SoftPMBase

final class EnumForm: FieldForm {
  struct Case {
    var name: String
    /// The payload where it is held in place.
    var payload: ValueLayout?
    /// The payload's type where a box holds it.
    var boxed: Metadata?
  }

  let metadata: Metadata
  /// Payload cases, by tag.
  let payloads: [Case]
  /// Cases without payload; their tags follow.
  let others: [String]
  private unowned(unsafe) let catalog: TypeCatalog
  private let size: Int
  let isOptional: Bool
  private let plan: UnsafeBufferPointer<Plan>

  init(_ metadata: Metadata, payloads: [Case], others: [String], catalog: TypeCatalog) {
    self.metadata = metadata
    self.payloads = payloads
    self.others = others
    self.catalog = catalog
    size = metadata.size
    isOptional = metadata.kind == .optional
    let plan = UnsafeMutableBufferPointer<Plan>.allocate(capacity: payloads.count)
    _ = plan.initialize(
      from: payloads.map {
        Plan(
          payload: $0.payload.map { .passUnretained($0) },
          isUnvisited: $0.boxed == nil && $0.payload?.isUnvisited ?? true)
      })
    self.plan = UnsafeBufferPointer(plan)
  }

  deinit { plan.deallocate() }

  /// What a visit needs of a payload case, without reference counting.
  private struct Plan {
    /// Held by `payloads`.
    var payload: Unmanaged<ValueLayout>?
    var isUnvisited: Bool
  }

  override var isVisited: Bool {
    payloads.contains { $0.boxed != nil || !($0.payload?.isUnvisited ?? true) }
  }

  /// An optional of what is one form: no value of that has the word zero.
  override var directSlot: DirectPlan.Slot? {
    guard isOptional, let payload = payloads.first?.payload,
      case .form(let form) = payload.structure,
      payload.size == size, !(form is EnumForm), var slot = form.directSlot
    else { return nil }
    slot.allowsZero = true
    return slot
  }

  override var isSelfContained: Bool {
    payloads.allSatisfy { $0.payload?.isSelfContained ?? true }
  }

  private func tag(of value: UnsafeRawPointer) -> Int {
    Int(softpm_runtime_enum_tag(value, metadata.address))
  }

  override func visit(
    _ value: UnsafeRawPointer, at slot: Int, in site: Site, _ body: ReferenceVisitor
  ) throws(ContainerError) {
    let tag = tag(of: value)
    guard tag < plan.count, !plan[tag].isUnvisited else { return }
    guard plan.count > 1 else { return try visit(case: 0, value, at: slot, in: site, body) }
    try withScratch(copying: value, byteCount: size) { copy throws(ContainerError) in
      softpm_runtime_enum_project(copy, metadata.address)
      try visit(case: tag, UnsafeRawPointer(copy), at: slot, in: site, body)
    }
  }

  private func visit(
    case tag: Int, _ payload: UnsafeRawPointer, at slot: Int, in site: Site,
    _ body: ReferenceVisitor
  ) throws(ContainerError) {
    if let layout = plan[tag].payload {
      try layout.borrowed { layout throws(ContainerError) in
        try layout.visit(payload, at: slot, in: site, body)
      }
    } else if let boxed = payloads[tag].boxed {
      try body(
        Reference(
          target: payload.load(as: UnsafeRawPointer.self), layout: catalog.boxLayout(of: boxed),
          strength: .strong, slotOffset: slot))
    }
  }

  override func write(
    _ value: UnsafeRawPointer, into image: UnsafeMutableRawPointer, at slot: Int, in site: Site,
    _ context: any ImageContext
  ) throws(ContainerError) {
    let tag = tag(of: value)
    if tag < plan.count {
      if plan.count == 1 {
        try write(case: tag, value, into: image, at: slot, in: site, context)
      } else {
        try withScratch(copying: value, byteCount: size) { copy throws(ContainerError) in
          softpm_runtime_enum_project(copy, metadata.address)
          try write(case: tag, copy, into: image, at: slot, in: site, context)
        }
      }
    }
    softpm_runtime_enum_inject(image, UInt32(tag), metadata.address)
  }

  private func write(
    case tag: Int, _ payload: UnsafeRawPointer, into image: UnsafeMutableRawPointer, at slot: Int,
    in site: Site, _ context: any ImageContext
  ) throws(ContainerError) {
    if let layout = plan[tag].payload {
      try layout.borrowed { layout throws(ContainerError) in
        try layout.write(payload, into: image, at: slot, in: site, context)
      }
    } else if let boxed = payloads[tag].boxed {
      let box = payload.load(as: UnsafeRawPointer.self)
      let home = try site.home(of: box, catalog.boxLayout(of: boxed), .strong, at: slot, context)
      image.storeBytes(of: UInt(home.rawValue), as: UInt.self)
    }
  }

  override func swizzle(
    _ value: UnsafeMutableRawPointer, _ session: RestoreSession
  ) throws(ContainerError) {
    let tag = tag(of: value)
    guard tag < payloads.count + others.count else {
      throw session.damaged("a case of \(displayName(metadata))", at: value)
    }
    guard isCanonical(UnsafeRawPointer(value), tag) else {
      throw session.damaged("a case of \(displayName(metadata)) and nothing else", at: value)
    }
    guard tag < payloads.count else { return }
    softpm_runtime_enum_project(value, metadata.address)
    if let layout = payloads[tag].payload {
      try layout.swizzle(value, session)
    } else if let boxed = payloads[tag].boxed {
      let target = try session.member(value.load(as: UInt.self), at: value)
      try session.expect(target, isBoxOf: boxed, at: value)
      value.storeBytes(of: UInt(bitPattern: target), as: UInt.self)
    }
    softpm_runtime_enum_inject(value, UInt32(tag), metadata.address)
  }

  /// The bits are what writing the case gives: other bits may be read as that case here and as
  /// none by a `switch`, which would be undefined behaviour.
  private func isCanonical(_ value: UnsafeRawPointer, _ tag: Int) -> Bool {
    var isEqual = true
    withScratch(copying: value, byteCount: size) { copy in
      if tag < payloads.count {
        softpm_runtime_enum_project(copy, metadata.address)
      } else {
        copy.initializeMemory(as: UInt8.self, repeating: 0, count: size)
      }
      softpm_runtime_enum_inject(copy, UInt32(tag), metadata.address)
      isEqual = memoryIsEqual(UnsafeRawPointer(copy), value, byteCount: size)
    }
    return isEqual
  }

  /// `.case` and the way within the payload; an optional's case is not written.
  override func path(toSlotAt offset: Int, in value: UnsafeRawPointer) -> String {
    let tag = tag(of: value)
    guard tag < payloads.count else { return "" }
    let name = isOptional ? "" : ".\(payloads[tag].name)"
    guard let layout = payloads[tag].payload else { return name }
    if payloads.count == 1 { return name + layout.path(toSlotAt: offset, in: value) }
    var rest = ""
    withScratch(copying: value, byteCount: size) { copy in
      softpm_runtime_enum_project(copy, metadata.address)
      rest = layout.path(toSlotAt: offset, in: UnsafeRawPointer(copy))
    }
    return name + rest
  }
}

private func memoryIsEqual(
  _ left: UnsafeRawPointer, _ right: UnsafeRawPointer, byteCount: Int
) -> Bool {
  UnsafeRawBufferPointer(start: left, count: byteCount)
    .elementsEqual(UnsafeRawBufferPointer(start: right, count: byteCount))
}

/// A copy of a value to take apart: on the stack where it fits, else in memory of its own.
func withScratch<Failure: Error>(
  copying value: UnsafeRawPointer, byteCount: Int,
  _ body: (UnsafeMutableRawPointer) throws(Failure) -> Void
) throws(Failure) {
  guard byteCount > 64 else {
    var words: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64) =
      (0, 0, 0, 0, 0, 0, 0, 0)
    return try withUnsafeMutableBytes(of: &words) { raw throws(Failure) in
      guard let start = raw.baseAddress else { return }
      start.copyMemory(from: value, byteCount: byteCount)
      try body(start)
    }
  }
  let copy = UnsafeMutableRawPointer.allocate(byteCount: byteCount, alignment: 64)
  defer { copy.deallocate() }
  copy.copyMemory(from: value, byteCount: byteCount)
  try body(copy)
}

extension EnumForm {
  func emptyCaseName(of value: UnsafeRawPointer) -> String? {
    let index = Int(softpm_runtime_enum_tag(value, metadata.address)) - payloads.count
    return others.indices.contains(index) ? others[index] : nil
  }
}

extension EnumForm {
  /// Makes zeroed memory an optional's nil.
  static func writeNone(of optional: Metadata, into image: UnsafeMutableRawPointer) {
    softpm_runtime_enum_inject(image, 1, optional.address)
  }
}
