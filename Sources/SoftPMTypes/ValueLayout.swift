// What the bytes of one type's values mean.
//
// 1. A layout is compiled once per type and catalog. Structs and tuples are flattened: what is
//    nested lies at its sum of offsets.
// 2. Every byte of a value is in exactly one of: `bytes` (plain), `objects` (a strong nullable
//    object pointer), `forms` (everything that needs a closer look), or padding.
// 3. Padding is never read. So images, which are copies of the three into zeroed memory, depend
//    on nothing but the value.
// 4. Compiling never fails. What cannot be persisted becomes a `RefusedForm`, which throws when a
//    value of it is reached: a nil closure, or a case that is not the current one, harms nobody.

import SoftPMBase

/// The compiled description of one type.
final class ValueLayout {
  /// Consecutive plain bytes.
  struct Run: Equatable {
    var offset: Int
    var count: Int
  }

  /// A strong reference that is zero or an object whose header tells its type.
  struct ObjectSlot {
    var offset: Int
    /// The static type, which a restored target must have; nil where any object will do.
    var classType: Metadata?
    var isOptional: Bool
  }

  struct FormSlot {
    var offset: Int
    var form: FieldForm
  }

  /// A part of the type as its source has it: for paths and for the type table.
  struct Field {
    var name: String
    var offset: Int
    var ownership: Ownership
    var layout: ValueLayout
    /// Not shown in paths: an internal of a standard type, which its user never wrote.
    var isTransparent = false
  }

  enum Structure {
    case plain
    case record([Field])
    case form(FieldForm)
  }

  let metadata: Metadata
  let size: Int
  let stride: Int
  let alignmentMask: Int
  private(set) var structure: Structure
  private(set) var bytes: [Run] = []
  private(set) var objects: [ObjectSlot] = []
  private(set) var forms: [FormSlot] = []
  /// The forms that may hold references or refusals.
  private(set) var visitedForms: [FormSlot] = []

  /// A value that is only bytes, all of which are copied.
  init(plain metadata: Metadata, runs: [Run]? = nil) {
    self.metadata = metadata
    size = metadata.size
    stride = metadata.stride
    alignmentMask = metadata.alignmentMask
    structure = .plain
    bytes = runs ?? (size > 0 ? [Run(offset: 0, count: size)] : [])
  }

  init(object metadata: Metadata, as classType: Metadata?, isOptional: Bool) {
    self.metadata = metadata
    size = 8
    stride = 8
    alignmentMask = 7
    structure = .plain
    objects = [ObjectSlot(offset: 0, classType: classType, isOptional: isOptional)]
  }

  init(_ metadata: Metadata, form: FieldForm) {
    self.metadata = metadata
    size = metadata.size
    stride = metadata.stride
    alignmentMask = metadata.alignmentMask
    structure = .form(form)
    forms = [FormSlot(offset: 0, form: form)]
    if form.isVisited { visitedForms = forms }
  }

  /// `size` differs from the metadata's for instances of classes.
  init(_ metadata: Metadata, size: Int, fields: [Field]) {
    self.metadata = metadata
    self.size = size
    stride = metadata.kind == .classType ? size : metadata.stride
    alignmentMask = metadata.alignmentMask
    structure = .record(fields)
    for field in fields { append(field.layout, at: field.offset) }
  }

  private func append(_ part: ValueLayout, at offset: Int) {
    for run in part.bytes {
      let moved = Run(offset: run.offset + offset, count: run.count)
      if let last = bytes.last, last.offset + last.count == moved.offset {
        bytes[bytes.count - 1].count += moved.count
      } else {
        bytes.append(moved)
      }
    }
    for slot in part.objects {
      objects.append(
        ObjectSlot(
          offset: slot.offset + offset, classType: slot.classType, isOptional: slot.isOptional))
    }
    for slot in part.forms {
      let moved = FormSlot(offset: slot.offset + offset, form: slot.form)
      forms.append(moved)
      if slot.form.isVisited { visitedForms.append(moved) }
    }
  }

  /// Nothing to visit: no reference, nothing to refuse.
  var isUnvisited: Bool { objects.isEmpty && visitedForms.isEmpty }
  /// All of the stride is plain bytes: consecutive values may be copied as one.
  var isSolid: Bool {
    objects.isEmpty && forms.isEmpty && size == stride
      && (size == 0 || bytes == [Run(offset: 0, count: size)])
  }
}

// MARK: - The three readings

extension ValueLayout {
  func visit(
    _ value: UnsafeRawPointer, at slot: Int, in site: Site, _ body: ReferenceVisitor
  ) throws(ContainerError) {
    for object in objects {
      let word = value.load(fromByteOffset: object.offset, as: UInt.self)
      guard let target = UnsafeRawPointer(bitPattern: word) else { continue }
      try body(
        Reference(
          target: target, layout: nil, strength: .strong, slotOffset: slot + object.offset))
    }
    for special in visitedForms {
      try special.form.visit(
        value + special.offset, at: slot + special.offset, in: site, body)
    }
  }

  /// Writes the canonical image of a value into zeroed memory.
  func write(
    _ value: UnsafeRawPointer, into image: UnsafeMutableRawPointer, at slot: Int, in site: Site,
    _ context: any ImageContext
  ) throws(ContainerError) {
    for run in bytes {
      (image + run.offset).copyMemory(from: value + run.offset, byteCount: run.count)
    }
    for object in objects {
      let word = value.load(fromByteOffset: object.offset, as: UInt.self)
      guard let target = UnsafeRawPointer(bitPattern: word) else { continue }
      let home = try site.home(of: target, nil, .strong, at: slot + object.offset, context)
      image.storeBytes(of: UInt(home.rawValue), toByteOffset: object.offset, as: UInt.self)
    }
    for special in forms {
      try special.form.write(
        value + special.offset, into: image + special.offset, at: slot + special.offset,
        in: site, context)
    }
  }

  /// Turns an image into a live value, in place.
  func swizzle(
    _ value: UnsafeMutableRawPointer, _ session: RestoreSession
  ) throws(ContainerError) {
    for object in objects {
      let place = value + object.offset
      let word = place.load(as: UInt.self)
      if word == 0 {
        guard object.isOptional else { throw session.damaged("a reference", at: place) }
        continue
      }
      let target = try session.member(word, at: place)
      if let classType = object.classType {
        try session.expect(target, isInstanceOf: classType, at: place)
      }
      place.storeBytes(of: UInt(bitPattern: target), as: UInt.self)
    }
    for special in forms {
      try special.form.swizzle(value + special.offset, session)
    }
  }

  /// The way from the value to the slot, as Swift would write it; empty for the value itself.
  func path(toSlotAt offset: Int, in value: UnsafeRawPointer) -> String {
    switch structure {
    case .plain: return ""
    case .form(let form): return form.path(toSlotAt: offset, in: value)
    case .record(let fields):
      guard let field = fields.last(where: { $0.offset <= offset && $0.occupies(offset) })
      else { return "" }
      let rest = field.layout.path(toSlotAt: offset - field.offset, in: value + field.offset)
      return field.isTransparent ? rest : ".\(field.name)\(rest)"
    }
  }
}

extension ValueLayout.Field {
  func occupies(_ offset: Int) -> Bool { offset - self.offset < max(layout.size, 1) }
}

extension Site {
  /// A strong target is always a member by the time that images are written.
  func home(
    of target: UnsafeRawPointer, _ targetLayout: ObjectLayout?, _ strength: Reference.Strength,
    at slot: Int, _ context: any ImageContext
  ) throws(ContainerError) -> ArenaAddress {
    if let home = context.homeAddress(of: target, layout: targetLayout, strength: strength) {
      return home
    }
    throw refusal(
      Refusal(
        code: .concurrentMutation,
        "This reference was not there when the container's members were found.",
        remedy: "Change the graph only inside `update`, or not while a point is made."),
      at: slot)
  }
}
