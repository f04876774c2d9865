// How to read one heap cell.
//
// 1. The cell's bytes never change here: nothing is written, retained or locked in a live cell.
// 2. An image is two header words, then the live fields at their offsets in Swift, all else zero.
// 3. Two layouts are the same in a type table when their `Key`s are equal.
//
//      image of an object      0  type index + 1
//                              8  strong in-degree (low 32 bits), unowned in-degree (high 32)
//                             16  fields …
//
// Boxes (of existentials, indirect cases) have headers that do not name their type. In an image
// they do: "box of T". `any Error` boxes name it at +16; the image has the type index there.

import SoftPMBase

package final class ObjectLayout {
  enum Form {
    case instance(ValueLayout)
    case array(ValueLayout)
    case table(TableStorage)
    case string
    /// Bytes of a string literal, in the binary: no header in memory.
    case literal(count: Int)
    case box(ValueLayout)
    case errorBox(ValueLayout)
    /// Bytes that their owner describes: no header.
    case bytes(count: Int)
    /// A ManagedBuffer whose class describes its elements.
    case buffer(BufferStorage)
    /// Elements behind a pointer that their owner describes: no header.
    case memory(ValueLayout, count: Int, capacity: Int)
  }

  /// What a layout is recorded as in a type table.
  struct Key: Hashable {
    enum Kind: UInt8 { case type, box, errorBox }
    var kind: Kind
    var metadata: Metadata
  }

  package let typeName: String
  let form: Form
  /// The fields of an ordinary object, held by `form`: the common case without its counting.
  let instance: Unmanaged<ValueLayout>?
  let instanceSize: Int
  /// The object where it is made of plain bytes and plain object pointers only.
  let plain: PlainInstance?
  /// Nil for raw bytes, which are not recorded: whoever refers to them knows what they are.
  let key: Key?
  /// Offsets of all references, where an instance has only plain nullable object pointers.
  package let directStrongOffsets: [Int]?
  /// The layout's number in the type table of the one container that uses its catalog, once known.
  package var knownTypeIndex: UInt32?

  init(_ form: Form, key: Key?, typeName: String) {
    self.form = form
    self.key = key
    self.typeName = typeName
    guard case .instance(let layout) = form else {
      instance = nil
      instanceSize = 0
      plain = nil
      directStrongOffsets = nil
      return
    }
    instance = .passUnretained(layout)
    instanceSize = layout.size
    plain = layout.forms.isEmpty ? PlainInstance(layout) : nil
    directStrongOffsets = layout.visitedForms.isEmpty ? layout.objects.map(\.offset) : nil
  }

  /// `directStrongOffsets` in memory that lives as long as the layout.
  var directOffsets: UnsafeBufferPointer<Int>? {
    guard directStrongOffsets != nil, case .instance(let layout) = form else { return nil }
    return layout.objectOffsets
  }

  /// Where all references are, if arithmetic finds them. Lives as long as the layout.
  package private(set) lazy var directPlan: UnsafePointer<DirectPlan>? = makeDirectPlan().map {
    plan in
    let place = UnsafeMutablePointer<DirectPlan>.allocate(capacity: 1)
    place.initialize(to: plan)
    madePlan = place
    return UnsafePointer(place)
  }
  private var madePlan: UnsafeMutablePointer<DirectPlan>?

  deinit { madePlan?.deallocate() }

  /// How images are made where the plan's references are known; nil where there is no plan.
  private(set) lazy var directImage: DirectImage? = {
    switch form {
    case .instance(let layout), .array(let layout): layout.directImage
    default: nil
    }
  }()

  private func makeDirectPlan() -> DirectPlan? {
    switch form {
    case .instance(let layout):
      layout.directSlots.map { DirectPlan(slots: $0) }
    case .array(let element):
      element.directSlots.map {
        DirectPlan(
          slots: $0, first: ArrayBits.elementsOffset(element.alignmentMask),
          stride: element.stride)
      }
    case .table(let table) where table.key.isUnvisited && (table.value?.isUnvisited ?? true):
      .empty
    case .string: .empty
    default: nil
    }
  }

  /// Whether the image can be made from a copy of the cell's bytes; see `FieldForm`.
  package private(set) lazy var isSelfContained: Bool = {
    switch form {
    case .instance(let layout), .array(let layout), .box(let layout), .errorBox(let layout):
      layout.isSelfContained
    case .table(let table): table.key.isSelfContained && (table.value?.isSelfContained ?? true)
    case .string, .literal, .bytes: true
    case .buffer, .memory: false
    }
  }()

  /// The image has no object header.
  package var isRaw: Bool {
    switch form {
    case .bytes, .memory: true
    default: false
    }
  }

  /// The header of whatever has this layout names it, so that nobody need remember it.
  package var isNamedByHeader: Bool {
    if case .string = form { true } else { false }
  }

  /// The target is the text of a string literal, in the program's binary.
  package var isLiteral: Bool {
    if case .literal = form { true } else { false }
  }

  /// Where a box's value begins: after the header, aligned.
  static func boxOffset(_ layout: ValueLayout) -> Int {
    (16 + layout.alignmentMask) & ~layout.alignmentMask
  }

  /// Where an error box's value begins: after header, type and witness table, aligned.
  static func errorBoxOffset(_ layout: ValueLayout) -> Int {
    (32 + layout.alignmentMask) & ~layout.alignmentMask
  }
}

/// An object of plain bytes and plain object pointers: all that is needed of its layout.
///
/// The memory is that of the layout in `ObjectLayout.form`.
struct PlainInstance {
  private let runs: UnsafeBufferPointer<ValueLayout.Run>
  private let offsets: UnsafeBufferPointer<Int>

  init(_ layout: ValueLayout) {
    runs = layout.runs
    offsets = layout.objectOffsets
  }

  @inline(__always)
  func visit(
    _ target: UnsafeRawPointer, _ body: ReferenceVisitor
  ) throws(ContainerError) {
    for offset in offsets {
      guard let object = target.load(fromByteOffset: offset, as: UnsafeRawPointer?.self)
      else { continue }
      try body(Reference(target: object, layout: nil, strength: .strong, slotOffset: offset))
    }
  }

  /// Writes the fields; nil when all references led to members, else the slot of one that did not.
  @inline(__always)
  func write(
    _ target: UnsafeRawPointer, into image: UnsafeMutableRawPointer, _ context: any ImageContext
  ) -> Int? {
    for run in runs { run.copy(from: target, to: image) }
    for offset in offsets {
      guard let object = target.load(fromByteOffset: offset, as: UnsafeRawPointer?.self)
      else { continue }
      guard let home = context.homeAddress(of: object, layout: nil, strength: .strong)
      else { return offset }
      image.storeBytes(of: home.rawValue, toByteOffset: offset, as: UInt64.self)
    }
    return nil
  }
}

// MARK: - Size

extension ObjectLayout {
  /// Bytes that the target's image needs: its live extent, without spare capacity.
  package func byteCount(of target: UnsafeRawPointer) -> Int {
    switch form {
    case .instance(let layout): layout.size
    case .array(let element):
      ArrayBits.elementsOffset(element.alignmentMask)
        + target.load(fromByteOffset: 16, as: Int.self) * element.stride
    case .table(let table): table.byteCount(of: target)
    case .string:
      StringBits.byteCount(
        Int(target.load(fromByteOffset: 24, as: UInt64.self) & StringBits.countMask))
    case .literal(let count): StringBits.byteCount(count)
    case .box(let layout): Self.boxOffset(layout) + layout.size
    case .errorBox(let layout): Self.errorBoxOffset(layout) + layout.size
    case .bytes(let count): count
    case .buffer(let buffer): buffer.byteCount(of: target)
    case .memory(let element, _, let capacity): max(1, capacity * element.stride)
    }
  }
}

// MARK: - References

extension ObjectLayout {
  /// Calls `body` for each reference that the target holds. Retains nothing, writes nothing.
  ///
  /// Throws `.unsupportedType` with a path relative to this object (`.onOpen`, `[3].handler`) for
  /// what cannot be persisted. Targets of unowned and unmanaged references may be dead: they are
  /// reported by address and must not be read unless they are members.
  package func visitReferences(
    of target: UnsafeRawPointer, _ body: (Reference) throws(ContainerError) -> Void
  ) throws(ContainerError) {
    if let plain { return try plain.visit(target, body) }
    let site = Site(layout: self, target: target)
    if let instance {
      return try instance.borrowed { layout throws(ContainerError) in
        try layout.visit(target, at: 0, in: site, body)
      }
    }
    switch form {
    case .instance(let layout):
      try layout.visit(target, at: 0, in: site, body)
    case .array(let element):
      let first = ArrayBits.elementsOffset(element.alignmentMask)
      let count = target.load(fromByteOffset: 16, as: Int.self)
      try element.visitRow(of: count, at: first, of: target, in: site, body)
    case .memory(let element, let count, _):
      try element.visitRow(of: count, at: 0, of: target, in: site, body)
    case .buffer(let buffer): try buffer.visit(target, in: site, body)
    case .table(let table): try table.visit(target, in: site, body)
    case .box(let layout):
      let offset = Self.boxOffset(layout)
      try layout.visit(target + offset, at: offset, in: site, body)
    case .errorBox(let layout):
      let offset = Self.errorBoxOffset(layout)
      try layout.visit(target + offset, at: offset, in: site, body)
    case .string, .literal, .bytes: break
    }
  }

  /// The way from the object to the field at `offset`, as Swift would write it: `.shelves`,
  /// `["a"]`, `[3].title`. For messages; slow is fine.
  package func path(toSlotAt offset: Int, in target: UnsafeRawPointer) -> String {
    switch form {
    case .instance(let layout): return layout.path(toSlotAt: offset, in: target)
    case .array(let element):
      let first = ArrayBits.elementsOffset(element.alignmentMask)
      guard offset >= first, element.stride > 0 else { return "" }
      let index = (offset - first) / element.stride
      let start = first + index * element.stride
      return "[\(index)]" + element.path(toSlotAt: offset - start, in: target + start)
    case .memory(let element, _, _):
      guard element.stride > 0 else { return "" }
      let index = offset / element.stride
      let start = index * element.stride
      return "[\(index)]" + element.path(toSlotAt: offset - start, in: target + start)
    case .buffer(let buffer): return buffer.path(toSlotAt: offset, in: target)
    case .table(let table): return table.path(toSlotAt: offset, in: target)
    case .box(let layout):
      let start = Self.boxOffset(layout)
      return layout.path(toSlotAt: offset - start, in: target + start)
    case .errorBox(let layout):
      let start = Self.errorBoxOffset(layout)
      return layout.path(toSlotAt: offset - start, in: target + start)
    case .string, .literal, .bytes: return ""
    }
  }
}
