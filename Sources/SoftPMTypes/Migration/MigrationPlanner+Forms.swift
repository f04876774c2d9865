// Plans for what is more than plain bytes: properties by how they are held, and the standard
// library's own types.

import SoftPMBase

extension MigrationPlanner {
  /// How a stored property becomes a present one, by how each is held.
  func plan(
    _ stored: TypeRecord.Field, as present: ValueLayout.Field, _ part: Part
  ) throws(ContainerError) -> ValuePlan {
    let refusal = part.changed(
      before: Self.held(stored.ownership) + "of type \(self.stored.record(stored.type).name)",
      after: Self.held(present.ownership) + "of type \(displayName(present.layout.metadata))")
    guard case .form(let form) = present.layout.structure else {
      return try plan(slot: stored, as: present.layout, part, refusal)
    }
    switch form {
    case let form as NonStrongForm:
      return try nonStrong(stored, form, refusal)
    case let form as MutexForm:
      guard stored.ownership == .strong, stored.reach.isWithin else { throw refusal }
      return .mutex(offset: form.offset, try plan(stored.type, as: form.value, part))
    case let form as AtomicForm:
      guard stored.ownership == .strong, stored.reach.isWithin else { throw refusal }
      return .mutex(offset: 0, try plan(stored.type, as: form.value, part))
    case let form as OwnedMemoryForm:
      guard case .memory(let distance) = stored.reach else { throw refusal }
      return .memory(countDistance: Int(distance), element: stored.type, form)
    case is OwnedBytesForm:
      guard case .memory(let distance) = stored.reach,
        self.stored.record(stored.type).stride == 1
      else { throw refusal }
      return .ownedBytes(countDistance: Int(distance), element: stored.type)
    case let form as RuledForm:
      return try plan(slot: stored, as: form.content, part, refusal)
    case let form as ExcludedForm:
      return try plan(slot: stored, as: form.inner, part, refusal)
    default: return try plan(slot: stored, as: present.layout, part, refusal)
    }
  }

  private static func held(_ ownership: Ownership) -> String {
    ownership == .strong ? "" : "\(ownership), "
  }

  private func plan(
    slot stored: TypeRecord.Field, as layout: ValueLayout, _ part: Part, _ refusal: ContainerError
  ) throws(ContainerError) -> ValuePlan {
    guard stored.reach.isWithin else { throw refusal }
    if stored.ownership == .strong { return try plan(stored.type, as: layout, part) }
    guard let object = layout.objects.first, case .plain = layout.structure else { throw refusal }
    return try reference(stored.type, object, stored.ownership, refusal)
  }

  private func nonStrong(
    _ stored: TypeRecord.Field, _ form: NonStrongForm, _ refusal: ContainerError
  ) throws(ContainerError) -> ValuePlan {
    guard stored.reach == .direct else { throw refusal }
    if form.existential != nil {
      guard stored.ownership == form.ownership,
        self.stored.record(stored.type).shape == .classExistential
      else { throw refusal }
      return .nonStrong(form, from: stored.ownership)
    }
    let slot = ValueLayout.ObjectSlot(offset: 0, classType: form.classType, isOptional: true)
    _ = try reference(stored.type, slot, stored.ownership, refusal)
    return .nonStrong(form, from: stored.ownership)
  }

  /// Nil where the two are too different.
  func plan(
    _ type: UInt32, _ layout: ValueLayout, _ form: FieldForm, _ part: Part,
    _ refusal: ContainerError
  ) throws(ContainerError) -> ValuePlan? {
    let record = stored.record(type)
    if let form = form as? EnumForm {
      guard record.shape == .enumeration, isSameEnum(type, record, form) else { return nil }
      if compared.insert(type).inserted { noteCases(record, form) }
      return .enumeration(type, form)
    }
    if let plan = collection(record, type, layout, form) { return plan }
    switch (form, record.shape) {
    case (is BoolForm, .bool): return .bytes(count: 1)
    case (is ScalarForm, .scalar): return .bytes(count: 4)
    case (let form as ExistentialForm, .existential),
      (let form as ExistentialForm, .classExistential),
      (let form as ExistentialForm, .errorExistential):
      guard form.shape == record.shape, present.isNamed(type, as: layout.metadata) else {
        return nil
      }
      return .existential(form)
    case (is MetatypeForm, .metatype):
      guard record.size > 0, present.isNamed(type, as: layout.metadata) else { return nil }
      return .metatype
    case (is ObjectIdentifierForm, .identifier): return .identifier
    case (is NilPointerForm, .pointer): return .nothing
    case (is RegistrarForm, .hidden): return .code(.registrar)
    case (is ActorForm, .hidden): return .nothing
    case (let form as FixedArrayForm, .elements(let count)):
      guard count == UInt64(form.count), let element = record.fields.first else { return nil }
      return .elements(
        count: form.count, storedStride: Int(stored.record(element.type).stride),
        try plan(element.type, as: form.element, part), stride: form.element.stride)
    default: return nil
    }
  }

  private func collection(
    _ record: TypeRecord, _ type: UInt32, _ layout: ValueLayout, _ form: FieldForm
  ) -> ValuePlan? {
    switch (form, record.shape) {
    case (is StringForm, .string): .string
    case (is SubstringForm, .substring): .substring
    case (let form as ArrayForm, .array) where present.isNamedLike(type, layout.metadata):
      .array(form)
    case (let form as ArraySliceForm, .arraySlice): .slice(form)
    case (let form as TableForm, .dictionary) where form.shape == .dictionary: .table(form)
    case (let form as TableForm, .set) where form.shape == .set: .table(form)
    default: nil
    }
  }

  private func isSameEnum(_ type: UInt32, _ record: TypeRecord, _ form: EnumForm) -> Bool {
    record.isOptional == form.isOptional && present.isNamedLike(type, form.metadata)
  }

  private func noteCases(_ record: TypeRecord, _ form: EnumForm) {
    guard !form.isOptional else { return }
    let name = displayName(form.metadata)
    func change(_ part: String?, _ before: String, _ after: String, _ how: String) {
      note(
        TypeChange(
          type: name, part: part, before: before, after: after, outcome: .migrated, how: how))
    }
    let old = record.cases.map { present.renames.current(part: $0.name, of: record.name) }
    let now = form.payloads.map(\.name) + form.others
    for added in now where !old.contains(added) {
      change(added, "not there", "an added case", "nothing to do")
    }
    for removed in old where !now.contains(removed) {
      change(removed, "a case", "removed", Self.noValue)
    }
    // Cases with payloads come first in a type table, wherever they are declared.
    let withPayload = Set(form.payloads.map(\.name))
    func common(_ names: [String], _ others: [String], _ isPayload: Bool) -> [String] {
      names.filter { others.contains($0) && withPayload.contains($0) == isPayload }
    }
    if [true, false].contains(where: { common(now, old, $0) != common(old, now, $0) }) {
      change(nil, "cases in one order", "in another", "cases go by name")
    }
    let before = TypeRenames.base(record.name)
    if before != TypeRenames.base(name) {
      change(nil, "called \(before)", "called \(TypeRenames.base(name))", "registered name")
    }
    for current in record.cases {
      let new = present.renames.current(part: current.name, of: record.name)
      if new != current.name { change(new, "`\(current.name)`", "`\(new)`", "registered name") }
      notePayload(of: current, called: new, form, change)
    }
  }

  private func notePayload(
    of stored: TypeRecord.Case, called name: String, _ form: EnumForm,
    _ change: (String?, String, String, String) -> Void
  ) {
    let payload = form.payloads.first { $0.name == name }
    guard payload != nil || form.others.contains(name) else { return }
    guard (stored.type == nil) == (payload == nil) else {
      change(
        name, stored.type == nil ? "without a payload" : "with a payload",
        stored.type == nil ? "with one" : "without one", Self.noValue)
      return
    }
    guard let type = stored.type, let payload,
      let metadata = payload.boxed ?? payload.payload?.metadata
    else { return }
    if stored.isIndirect != (payload.boxed != nil) {
      change(
        name, stored.isIndirect ? "indirect" : "in place",
        stored.isIndirect ? "in place" : "indirect", "converted")
    }
    guard !present.isNamed(type, as: metadata) else { return }
    let part = Part(type: displayName(form.metadata), name: name)
    let plan = try? plan(type, as: payload.payload ?? catalog.valueLayout(of: metadata), part)
    change(
      name, "of type \(self.stored.record(type).name)", "of type \(displayName(metadata))",
      plan == nil ? Self.noValue : "converted")
  }

  private static var noValue: String { "where no value is in that case" }
}

/// What a property is where nothing was stored for it.
enum MissingValue {
  case nothing
  case code(WellKnown)
  case empty(EmptyValue)
  /// Behind a mutex's word.
  indirect case inner(MissingValue, offset: Int)

  /// Nil for a type without an empty value.
  init?(for layout: ValueLayout) {
    if case .form(let form) = layout.structure {
      switch form {
      case is RegistrarForm:
        self = .code(.registrar)
        return
      case is ActorForm:
        self = .nothing
        return
      case let form as NonStrongForm:
        guard form.ownership == .weak else { return nil }
        self = .nothing
        return
      case let form as ExcludedForm:
        self = .empty(form.empty)
        return
      case let form as RuledForm:
        guard let content = MissingValue(for: form.content) else { return nil }
        self = content
        return
      case let form as MutexForm:
        guard let inner = MissingValue(for: form.value) else { return nil }
        self = .inner(inner, offset: form.offset)
        return
      case is AtomicForm:
        self = .nothing
        return
      default: break
      }
    }
    if layout.size == 0 {
      self = .nothing
    } else if let empty = EmptyValue(for: layout.metadata) {
      self = .empty(empty)
    } else {
      return nil
    }
  }

  /// Part of running, not of the state: nobody asks for its value.
  var isInternal: Bool {
    if case .code = self { true } else { false }
  }

  var words: String {
    switch self {
    case .nothing, .inner: "empty"
    case .code: "made anew"
    case .empty(.zero): "zero"
    case .empty(.noneCase): "nil"
    case .empty(.string), .empty(.wellKnown): "empty"
    }
  }

  func write(into image: UnsafeMutableRawPointer, home: ArenaAddress) {
    switch self {
    case .nothing: break
    case .code(let code): image.storeBytes(of: code.word(home), as: UInt.self)
    case .empty(let empty): empty.write(into: image, home: home)
    case .inner(let inner, let offset): inner.write(into: image + offset, home: home)
    }
  }
}
