// The properties of objects, structs and tuples: stored, given by a closure, registered, or empty.

import CSoftPMRuntime
import SoftPMBase

extension Migrator {
  func convertRecord(
    _ plan: RecordPlan, _ cell: StoredCell, _ offset: Int, _ out: UnsafeMutableRawPointer
  ) throws(ContainerError) {
    let old = DynamicValue(.stored(reader, StoredPlace(cell, offset, plan.type)))
    try convert(plan, cell, at: offset, to: out, whole: nil, old)
  }

  /// `whole` is the layout of the cell where the record is an object's; `old` what closures see.
  func convert(
    _ plan: RecordPlan, _ cell: StoredCell, at offset: Int, to out: UnsafeMutableRawPointer,
    whole: ObjectLayout?, _ old: DynamicValue
  ) throws(ContainerError) {
    var edited: DynamicRecord?
    if plan.isEdited {
      edited = try edit(plan, cell, offset, old)
      if let builder = plan.builder {
        let source = edited.map { DynamicValue(.record($0)) } ?? old
        let built = try call(displayName(plan.metadata)) { try builder.value(source) }
        return try live.write(built, as: plan.metadata, whole: whole, to: out)
      }
    }
    for field in plan.fields {
      try convert(field, of: plan, cell, offset, edited, old, to: out + field.present.offset)
    }
  }

  private func edit(
    _ plan: RecordPlan, _ cell: StoredCell, _ offset: Int, _ old: DynamicValue
  ) throws(ContainerError) -> DynamicRecord? {
    var record: DynamicRecord?
    for step in plan.steps {
      let current = record ?? stored(plan, cell, offset)
      guard step.properties.allSatisfy({ current.values[$0] != nil }) else { continue }
      // The first closure sees the object itself, which it may refer to.
      let seen = record.map { DynamicValue(.record($0)) } ?? old
      var new = current
      try call(displayName(plan.metadata)) { try step.body(seen, &new) }
      record = new
    }
    return record
  }

  private func stored(_ plan: RecordPlan, _ cell: StoredCell, _ offset: Int) -> DynamicRecord {
    var values: [String: DynamicValue] = [:]
    for part in reader.parts(present.stored.record(plan.type), in: cell, at: offset) {
      values[part.name] = DynamicValue(.stored(reader, part.place))
    }
    return DynamicRecord(stored: values)
  }

  /// Runs the program's code; what it throws is why the type could not be migrated.
  func call<Result>(
    _ type: String, _ body: () throws -> Result
  ) throws(ContainerError) -> Result {
    do {
      return try body()
    } catch {
      throw ContainerError(
        code: .typeChanged,
        message: "The closure that migrates \(type) failed. The store is "
          + "untouched.", cause: error)
    }
  }

  private func convert(
    _ field: RecordPlan.Field, of plan: RecordPlan, _ cell: StoredCell, _ offset: Int,
    _ edited: DynamicRecord?, _ old: DynamicValue, to out: UnsafeMutableRawPointer
  ) throws(ContainerError) {
    let part = plan.part(field.present.name)
    if let edited, edited.changed.contains(field.present.name) {
      return try write(edited[field.present.name], as: field.present, to: out, part)
    }
    if let stored = field.stored, edited.map({ $0.values[stored.name] != nil }) ?? true {
      switch field.value {
      case .success(let value)?:
        return try convert(value, cell, at: offset + stored.offset, to: out, part)
      case .failure(let error)? where field.supplier == nil: throw error
      default: break
      }
    }
    if let supplier = field.supplier {
      let value = try call(displayName(plan.metadata)) {
        try supplier.value(edited.map { DynamicValue(.record($0)) } ?? old)
      }
      return try live.write(value, as: supplier.type, whole: nil, to: out)
    }
    guard let missing = MissingValue(for: field.present.layout) else {
      throw part.changed(
        before: "not there",
        after: "added, of type \(displayName(field.present.layout.metadata)), which has no empty "
          + "value and no registered one,")
    }
    missing.write(into: out, home: space.home)
  }

  // MARK: Given values

  /// New objects and structs, as closures describe them.
  func write(
    _ record: DynamicRecord, as layout: ValueLayout, to out: UnsafeMutableRawPointer
  ) throws(ContainerError) {
    let type = displayName(layout.metadata)
    guard case .record(let fields) = layout.structure else {
      throw .typeChanged(type, nil, before: "given as properties", after: "no struct or class")
    }
    for field in fields {
      let part = Part(type: type, name: field.name)
      if record.values[field.name] != nil {
        try write(record[field.name], as: field, to: out + field.offset, part)
      } else if let missing = MissingValue(for: field.layout) {
        missing.write(into: out + field.offset, home: space.home)
      } else {
        throw part.changed(before: "not given by a closure", after: "without an empty value")
      }
    }
  }

  func write(
    _ value: DynamicValue, as layout: ValueLayout, to out: UnsafeMutableRawPointer, _ part: Part
  ) throws(ContainerError) {
    let field = ValueLayout.Field(
      name: part.name ?? "", offset: 0, ownership: .strong, layout: layout)
    try write(value, as: field, to: out, part)
  }

  func write(
    _ value: DynamicValue, as field: ValueLayout.Field, to out: UnsafeMutableRawPointer,
    _ part: Part
  ) throws(ContainerError) {
    let layout = field.layout
    switch value.content {
    case .stored(_, let place): return try writeStored(place, as: field, to: out, part)
    case .object(_, let object):
      if let slot = layout.objects.first, case .plain = layout.structure {
        let home = try move(object.home, part)
        if let type = slot.classType, let found = self.layout(at: object.home) {
          try expect(found, within: type, part)
        }
        return out.storeBytes(of: UInt(home.rawValue), as: UInt.self)
      }
    case .none:
      if let missing = MissingValue(for: layout),
        layout.metadata.kind == .optional
          || field.ownership == .weak
      {
        return missing.write(into: out, home: space.home)
      }
    case .live(let any):
      if let value = live.convert(any, to: layout.metadata) {
        return try live.write(value, as: layout.metadata, whole: nil, to: out)
      }
    case .array(let elements):
      if try write(elements, as: layout, to: out, part) { return }
    case .record(let record):
      if case .record = layout.structure { return try write(record, as: layout, to: out) }
      if let slot = layout.objects.first, let type = slot.classType {
        return try writeObject(record, as: type, to: out)
      }
    }
    if case .form(let form) = layout.structure, let form = form as? EnumForm, form.isOptional,
      let payload = form.payloads.first?.payload
    {
      try write(value, as: payload, to: out, part)
      return softpm_runtime_enum_inject(out, 0, form.metadata.address)
    }
    throw part.changed(
      before: "given as \(value) by a closure", after: "of type \(displayName(layout.metadata))")
  }

  private func writeStored(
    _ place: StoredPlace, as field: ValueLayout.Field, to out: UnsafeMutableRawPointer,
    _ part: Part
  ) throws(ContainerError) {
    let stored = TypeRecord.Field(
      name: field.name, type: place.type, offset: 0, ownership: place.ownership,
      reach: place.reach)
    do throws(ContainerError) {
      let plan = try planner.plan(stored, as: field, part)
      return try convert(plan, place.cell, at: place.offset, to: out, part)
    } catch {
      // An optional that has a value, for a property that must have one.
      let record = present.stored.record(place.type)
      guard record.isOptional, place.ownership == .strong,
        let payload = try reader.currentCase(at: place, record).1
      else { throw error }
      try writeStored(payload.place, as: field, to: out, part)
    }
  }

  /// False where the layout is not that of an array.
  private func write(
    _ elements: [DynamicValue], as layout: ValueLayout, to out: UnsafeMutableRawPointer,
    _ part: Part
  ) throws(ContainerError) -> Bool {
    guard case .form(let form) = layout.structure, let form = form as? ArrayForm else {
      return false
    }
    guard !elements.isEmpty else {
      out.storeBytes(of: WellKnown.emptyArray.word(space.home), as: UInt.self)
      return true
    }
    let storage = catalog.arrayStorageLayout(ofElement: form.element)
    let element = catalog.valueLayout(of: form.element)
    let first = ArrayBits.elementsOffset(element.alignmentMask)
    let cell = try newObject(
      storage, byteCount: first + elements.count * element.stride,
      alignmentMask: element.alignmentMask)
    cell.start.storeBytes(of: elements.count, toByteOffset: 16, as: Int.self)
    cell.start.storeBytes(of: UInt(elements.count) << 1, toByteOffset: 24, as: UInt.self)
    later(elements, cell, as: element, part)
    out.storeBytes(of: UInt(cell.home.rawValue), as: UInt.self)
    return true
  }

  private func writeObject(
    _ record: DynamicRecord, as type: Metadata, to out: UnsafeMutableRawPointer
  ) throws(ContainerError) {
    let layout = try catalog.instanceLayout(of: type)
    guard case .instance(let fields) = layout.form else {
      throw .typeChanged(
        displayName(type), nil, before: "given as properties", after: "no ordinary class")
    }
    let cell = try newObject(
      layout, byteCount: fields.size, alignmentMask: alignmentMask(of: layout))
    later(record, cell, as: fields)
    out.storeBytes(of: UInt(cell.home.rawValue), as: UInt.self)
  }
}
