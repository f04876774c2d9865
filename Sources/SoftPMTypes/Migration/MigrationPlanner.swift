// Makes plans, each once: of stored types and present layouts.

import SoftPMBase

final class MigrationPlanner {
  let present: PresentTypes
  let catalog: TypeCatalog
  let migrations: Migrations
  private var values: [Key: ValuePlan] = [:]
  /// Enums whose cases were compared.
  var compared: Set<UInt32> = []
  private var records: [Key: RecordPlan] = [:]
  /// All differences met so far, in the order of meeting them.
  private(set) var changes: [TypeChange] = []
  private var known: Set<TypeChange> = []

  var stored: StoredTypes { present.stored }

  private struct Key: Hashable {
    var type: UInt32
    var layout: ObjectIdentifier
  }

  /// Whose part is being planned, for errors.
  struct Part {
    var type: String
    var name: String?

    func changed(before: String, after: String) -> ContainerError {
      .typeChanged(type, name, before: before, after: after)
    }
  }

  init(_ present: PresentTypes, catalog: TypeCatalog, migrations: Migrations) {
    self.present = present
    self.catalog = catalog
    self.migrations = migrations
  }

  func note(_ change: TypeChange) {
    if known.insert(change).inserted { changes.append(change) }
  }

  // MARK: Values

  /// How a value of a stored type becomes one of a present layout, which outlives the planner.
  func plan(
    _ type: UInt32, as layout: ValueLayout, _ part: Part
  ) throws(ContainerError) -> ValuePlan {
    let key = Key(type: type, layout: ObjectIdentifier(layout))
    if let known = values[key] { return known }
    let before = changes.count
    var result = Result { () throws(ContainerError) in try make(type, layout, part) }
    if let builder = migrations.builders[displayName(layout.metadata)] {
      switch result {
      case .failure: result = .success(built(type, builder))
      case .success(.enumeration) where changes.count > before:
        result = .success(built(type, builder))
      default: break
      }
    }
    let plan = try result.get()
    // Errors, and plans for tuples, name the property that they are of.
    if layout.metadata.kind != .tuple { values[key] = plan }
    return plan
  }

  private func built(_ type: UInt32, _ builder: Migrations.Supplier) -> ValuePlan {
    note(
      TypeChange(
        type: displayName(builder.type), part: nil, before: describe(type),
        after: "of \(builder.type.kindName) \(displayName(builder.type))", outcome: .migrated,
        how: "registered closure"))
    return .built(type, builder)
  }

  private func make(
    _ type: UInt32, _ layout: ValueLayout, _ part: Part
  ) throws(ContainerError) -> ValuePlan {
    let record = stored.record(type)
    let refusal = part.changed(
      before: describe(type), after: "of type \(displayName(layout.metadata))")
    if !record.isOptional, let plan = try wrapped(type, layout, part) { return plan }
    if record.shape.isNumber { return try number(record, type, layout, refusal) }
    switch layout.structure {
    case .plain:
      if let object = layout.objects.first {
        return try reference(type, object, .strong, refusal)
      }
      return try number(record, type, layout, refusal)
    case .record(let fields):
      if case .elements = record.shape { return try solid(type, layout, refusal) }
      guard record.shape == .record, isCounterpart(type, layout.metadata) else { throw refusal }
      return .record(
        try self.record(
          type, as: layout.metadata, fields: fields, layout, tupleOf: isTuple(layout) ? part : nil))
    case .form(let form):
      guard let plan = try self.plan(type, layout, form, part, refusal) else { throw refusal }
      return plan
    }
  }

  /// In words that say when a class is no class any more.
  private func describe(_ type: UInt32) -> String {
    let record = stored.record(type)
    let isClass = record.shape == .object && record.kind == .name
    return "of \(isClass ? "class" : "type") \(record.name)"
  }

  private func isTuple(_ layout: ValueLayout) -> Bool { layout.metadata.kind == .tuple }

  private func isCounterpart(_ type: UInt32, _ metadata: Metadata) -> Bool {
    if metadata.kind == .tuple {
      return stored.record(type).name.hasPrefix("(")
        && stored.record(type).fields.count == metadata.tupleElements.count
    }
    return present.isNamedLike(type, metadata)
  }

  /// T → T?, also of what is an object.
  private func wrapped(
    _ type: UInt32, _ layout: ValueLayout, _ part: Part
  ) throws(ContainerError) -> ValuePlan? {
    guard case .form(let form) = layout.structure, let form = form as? EnumForm, form.isOptional,
      let payload = form.payloads.first?.payload, !present.isNamed(type, as: layout.metadata)
    else { return nil }
    guard let plan = try? plan(type, as: payload, part) else { return nil }
    return .wrapped(plan, form)
  }

  /// Numbers, and types without bytes.
  private func number(
    _ record: TypeRecord, _ type: UInt32, _ layout: ValueLayout, _ refusal: ContainerError
  ) throws(ContainerError) -> ValuePlan {
    let key = TypeRecord.Key(kind: .value, metadata: layout.metadata)
    let shape = TypeShape(of: key, catalog)
    switch (record.shape, shape) {
    case (.signed, .signed), (.unsigned, .unsigned), (.unsigned, .signed):
      let from = NumberFormat(byteCount: Int(record.size), isSigned: record.shape == .signed)
      let to = NumberFormat(byteCount: layout.size, isSigned: shape == .signed)
      guard to.holds(from) else { throw refusal }
      return from == to ? .bytes(count: to.byteCount) : .integer(from: from, to: to)
    case (.float, .float):
      guard layout.size >= Int(record.size) else { throw refusal }
      if Int(record.size) == layout.size {
        return .bytes(count: layout.size > 8 ? 10 : layout.size)
      }
      return .float(from: Int(record.size), to: layout.size)
    case (.elements, .elements): return try solid(type, layout, refusal)
    case (.record, .record), (.opaque, .opaque), (.metatype, _):
      guard record.size == 0, layout.size == 0, present.isNamedLike(type, layout.metadata) else {
        throw refusal
      }
      return .nothing
    default: throw refusal
    }
  }

  /// A vector, which stays as it was.
  private func solid(
    _ type: UInt32, _ layout: ValueLayout, _ refusal: ContainerError
  ) throws(ContainerError) -> ValuePlan {
    guard Int(stored.record(type).size) == layout.size, present.isNamed(type, as: layout.metadata)
    else { throw refusal }
    return .bytes(count: layout.size)
  }

  /// A slot that holds one object. `type` is that of the stored slot.
  func reference(
    _ type: UInt32, _ object: ValueLayout.ObjectSlot, _ ownership: Ownership,
    _ refusal: ContainerError
  ) throws(ContainerError) -> ValuePlan {
    var record = stored.record(type)
    var target = type
    if record.isOptional, let payload = record.cases[0].type {
      guard object.isOptional else { throw refusal }
      record = stored.record(payload)
      target = payload
    }
    guard record.shape == .object else { throw refusal }
    if let classType = object.classType {
      guard isClass(target, within: classType) else { throw refusal }
    }
    return .reference(to: object.classType, isOptional: object.isOptional, from: ownership)
  }

  /// Whether what a stored slot may refer to is an instance of a present class.
  private func isClass(_ type: UInt32, within classType: Metadata) -> Bool {
    if let found = present.type(type), found.kind == .classType {
      return found.isSubclass(of: classType)
    }
    return present.isNamedLike(type, classType)
  }

  // MARK: Records

  /// `layout` is what the plan is remembered under.
  func record(
    _ type: UInt32, as metadata: Metadata, fields: [ValueLayout.Field], _ layout: AnyObject,
    tupleOf part: Part? = nil
  ) throws(ContainerError) -> RecordPlan {
    let key = Key(type: type, layout: ObjectIdentifier(layout))
    if let known = records[key] { return known }
    let plan = RecordPlan(type: type, metadata: metadata, owner: part)
    if part == nil { records[key] = plan }
    let matching = FieldMatching(
      stored.record(type), fields, present.renames, isTuple: part != nil)
    for (index, field) in fields.enumerated() {
      plan.fields.append(self.field(field, of: plan, matching.stored(for: index)))
    }
    for removed in matching.unmatched {
      plan.changes.append(
        TypeChange(
          type: displayName(metadata), part: removed.name, before: describe(removed.type),
          after: "removed", outcome: .migrated, how: "dropped"))
    }
    if matching.isReordered {
      plan.changes.append(
        TypeChange(
          type: displayName(metadata), part: nil, before: "in one order", after: "in another",
          outcome: .migrated, how: "properties go by name"))
    }
    addRename(plan)
    addClosures(plan)
    for change in plan.changes { note(change) }
    return plan
  }

  private func addRename(_ plan: RecordPlan) {
    let record = stored.record(plan.type)
    let before = record.name
    let now = displayName(plan.metadata)
    guard plan.metadata.kind != .tuple else { return }
    func change(_ before: String, _ after: String, _ how: String) {
      plan.changes.append(
        TypeChange(
          type: now, part: nil, before: before, after: after, outcome: .migrated, how: how))
    }
    if TypeRenames.base(before) != TypeRenames.base(now)
      || before.contains("<") != now.contains("<")
    {
      change("called \(before)", "called \(now)", "registered name")
    }
    let isPrivate = plan.metadata.descriptor?.isAnonymous ?? false
    if record.identity.isByPath != isPrivate, !before.contains("<") {
      change(
        isPrivate ? "not private" : "private", isPrivate ? "private" : "not private",
        "found by its name")
    }
  }

  private func addClosures(_ plan: RecordPlan) {
    let names = Set(present.renames.history(of: stored.record(plan.type).name))
    guard !plan.changes.isEmpty else { return }
    plan.steps = migrations.steps.filter { names.contains($0.type) }
    plan.builder = migrations.builders[displayName(plan.metadata)]
    guard plan.isEdited else { return }
    plan.changes = plan.changes.map { change in
      var change = change
      if change.outcome == .refused {
        change.outcome = .migrated
        change.how = "registered closure"
      } else if change.before == "not there" || change.after == "removed" {
        change.how += ", or as a closure says"
      }
      return change
    }
  }

  private func field(
    _ present: ValueLayout.Field, of plan: RecordPlan, _ stored: TypeRecord.Field?
  ) -> RecordPlan.Field {
    let called = plan.part(present.name)
    let owner = called.type
    let type = present.description?.content ?? present.layout.metadata
    var field = RecordPlan.Field(present: present)
    field.supplier = migrations.supplier(of: present.name, in: plan.metadata, as: type)
    guard let stored else {
      let empty = MissingValue(for: present.layout)
      if !(empty?.isInternal ?? false) {
        plan.changes.append(
          TypeChange(
            type: owner, part: called.name, before: "not there",
            after: "added, of type \(displayName(type))",
            outcome: field.supplier != nil || empty != nil ? .migrated : .refused,
            how: field.supplier != nil
              ? "registered value" : empty?.words ?? "there is no value for it"))
      }
      return field
    }
    var offset = Int(stored.offset)
    if case .behind(let distance) = stored.reach { offset += Int(distance) }
    field.stored = RecordPlan.StoredField(
      name: stored.name, offset: offset, type: stored.type, ownership: stored.ownership,
      reach: stored.reach)
    let value = Result { () throws(ContainerError) in try self.plan(stored, as: present, called) }
    field.value = value
    addChange(of: stored, to: field, type, owner, plan)
    return field
  }

  private func addChange(
    of stored: TypeRecord.Field, to field: RecordPlan.Field, _ type: Metadata, _ owner: String,
    _ plan: RecordPlan
  ) {
    var isRefused = false
    if case .failure? = field.value { isRefused = true }
    let isSame =
      present.isNamed(stored.type, as: type) && stored.ownership == field.present.ownership
      && stored.name == field.present.name
    guard isRefused || !isSame else { return }
    let name = stored.name == field.present.name ? "" : "`\(stored.name)`, "
    let before = stored.ownership == .strong ? "" : "\(stored.ownership) "
    let after = field.present.ownership == .strong ? "" : "\(field.present.ownership) "
    plan.changes.append(
      TypeChange(
        type: owner, part: plan.part(field.present.name).name,
        before: "\(name)\(before)\(describe(stored.type))",
        after: "\(after)of type \(displayName(type))",
        outcome: isRefused && field.supplier == nil ? .refused : .migrated,
        how: !isRefused
          ? "converted" : field.supplier == nil ? "no conversion" : "registered value"))
  }
}

extension TypeShape {
  fileprivate var isNumber: Bool {
    switch self {
    case .signed, .unsigned, .float: true
    default: false
    }
  }
}

/// Which stored property each present one is.
///
/// By name; a name that a class shares with its superclass goes by the order of declaration, if it
/// is there as often as it was.
private struct FieldMatching {
  private var matches: [Int?]
  private let stored: [TypeRecord.Field]

  init(
    _ record: TypeRecord, _ fields: [ValueLayout.Field], _ renames: TypeRenames, isTuple: Bool
  ) {
    let stored = record.fields.filter { $0.reach != .note && !$0.reach.isOfTail }
    self.stored = stored
    guard !isTuple else {
      matches = fields.indices.map { stored.indices.contains($0) ? $0 : nil }
      return
    }
    var places: [String: [Int]] = [:]
    for (index, field) in stored.enumerated() {
      places[renames.current(part: field.name, of: record.name), default: []].append(index)
    }
    var counts: [String: Int] = [:]
    for field in fields { counts[field.name, default: 0] += 1 }
    // Where it is unclear which is which, none is.
    places = places.filter { $0.value.count == counts[$0.key] }
    var taken: [String: Int] = [:]
    matches = fields.map { field in
      guard let candidates = places[field.name] else { return nil }
      defer { taken[field.name, default: 0] += 1 }
      return candidates[taken[field.name, default: 0]]
    }
  }

  func stored(for index: Int) -> TypeRecord.Field? { matches[index].map { stored[$0] } }

  var unmatched: [TypeRecord.Field] {
    let used = Set(matches.compactMap { $0 })
    return stored.indices.filter { !used.contains($0) }.map { stored[$0] }
  }

  var isReordered: Bool {
    let order = matches.compactMap { $0 }
    return zip(order, order.dropFirst()).contains { $0 > $1 }
  }
}

extension FieldReach {
  /// The elements of a buffer, which its storage migrates.
  fileprivate var isOfTail: Bool {
    if case .elements = self { true } else { false }
  }
}
