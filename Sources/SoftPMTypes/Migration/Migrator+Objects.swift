// What lies in a cell of its own: instances, boxes, the storage of collections and strings.

import SoftPMBase

extension Migrator {
  /// Bytes that the object needs in its present form.
  func byteCount(
    of object: StoredObject, as layout: ObjectLayout
  ) throws(ContainerError) -> Int {
    let record = present.stored.record(object.type)
    func damaged(_ expected: String) -> ContainerError { object.cell.damaged(expected, at: 0) }
    switch layout.form {
    case .instance(let layout): return layout.size
    case .box(let value): return ObjectLayout.boxOffset(value) + value.size
    case .errorBox(let value): return ObjectLayout.errorBoxOffset(value) + value.size
    case .string:
      guard record.shape == .stringStorage else { throw damaged("a string") }
      let count = Int(try object.cell.integer(24, as: UInt64.self) & StringBits.countMask)
      guard count <= object.cell.count else { throw damaged("a string in its cell") }
      return StringBits.byteCount(count)
    case .array(let element):
      guard record.shape == .arrayStorage else { throw damaged("an array's elements") }
      return try Self.size(
        ArrayBits.elementsOffset(element.alignmentMask),
        try reader.array(in: object, record).count, element.stride, object)
    case .table(let table):
      guard record.shape == .tableStorage else { throw damaged("a table's storage") }
      _ = try reader.table(in: object, record)
      let buckets = 1 << Int(try object.cell.integer(TableStorage.scale, as: Int8.self))
      let stride = table.key.stride + (table.value?.stride ?? 0)
      _ = try Self.size(0, buckets, stride, object)
      return table.end(buckets)
    case .buffer(let buffer):
      let capacity = try tail(of: object, record).capacity
      return try Self.size(buffer.elementsOffset, capacity, buffer.element.stride, object)
    case .literal, .bytes, .memory: throw damaged("an object")
    }
  }

  /// A stored count fits its cell, so it can only be large where stored elements have no bytes.
  private static func size(
    _ first: Int, _ count: Int, _ stride: Int, _ object: StoredObject
  ) throws(ContainerError) -> Int {
    let (bytes, overflow) = count.multipliedReportingOverflow(by: stride)
    guard !overflow, bytes < 1 << 40, count <= max(1 << 24, object.cell.count) else {
      throw object.cell.damaged("fewer elements", at: 16)
    }
    return first + bytes
  }

  func alignmentMask(of layout: ObjectLayout) -> Int {
    switch layout.form {
    case .instance(let layout):
      guard case .record(let fields) = layout.structure else { return 15 }
      return fields.map(\.layout.alignmentMask).max() ?? 15
    case .array(let element): return element.alignmentMask
    case .table(let table): return max(table.key.alignmentMask, table.value?.alignmentMask ?? 0)
    case .box(let value), .errorBox(let value): return value.alignmentMask
    case .buffer(let buffer): return buffer.element.alignmentMask
    default: return 15
    }
  }

  func convert(
    _ object: StoredObject, to cell: MigratedCell, _ layout: ObjectLayout
  ) throws(ContainerError) {
    let record = present.stored.record(object.type)
    switch layout.form {
    case .instance(let fields): try convert(object, as: fields, layout, to: cell)
    case .string: try convertString(object, to: cell)
    case .array(let element):
      let array = try reader.array(in: object, record)
      let room =
        element.stride == 0
        ? array.count
        : (cell.byteCount - ArrayBits.elementsOffset(element.alignmentMask)) / element.stride
      cell.start.storeBytes(of: array.count, toByteOffset: 16, as: Int.self)
      cell.start.storeBytes(of: UInt(room) << 1, toByteOffset: 24, as: UInt.self)
      let first = ArrayBits.elementsOffset(element.alignmentMask)
      try convert(array, as: element, to: cell.start + first)
    case .table(let table): try convert(object, record, as: table, to: cell.start)
    case .box(let value): try convertBox(object, value, ObjectLayout.boxOffset(value), cell)
    case .errorBox(let value):
      guard
        RuntimeObjects.witnessTable(of: value.metadata, for: RuntimeObjects.error.protocols[0])
          != nil
      else {
        throw .typeChanged(
          displayName(value.metadata), nil, before: "an Error", after: "no Error")
      }
      cell.start.storeBytes(of: typeWord(value.metadata), toByteOffset: 16, as: UInt.self)
      try convertBox(object, value, ObjectLayout.errorBoxOffset(value), cell)
    case .buffer(let buffer): try convert(object, record, as: buffer, layout, to: cell)
    case .literal, .bytes, .memory: throw object.cell.damaged("an object", at: 0)
    }
  }

  private func convert(
    _ object: StoredObject, as fields: ValueLayout, _ layout: ObjectLayout, to cell: MigratedCell
  ) throws(ContainerError) {
    guard case .record(let list) = fields.structure, let key = layout.key,
      present.stored.record(object.type).shape == .record
    else { throw object.cell.damaged("an instance of a class", at: 0) }
    let plan = try planner.record(object.type, as: key.metadata, fields: list, fields)
    try convert(
      plan, object.cell, at: 0, to: cell.start, whole: layout, DynamicValue(.object(reader, object))
    )
  }

  private func convertBox(
    _ object: StoredObject, _ value: ValueLayout, _ offset: Int, _ cell: MigratedCell
  ) throws(ContainerError) {
    guard let field = present.stored.record(object.type).fields.first else {
      throw object.cell.damaged("a box", at: 0)
    }
    let place = StoredPlace(object.cell, Int(field.offset), field.type)
    try convert(
      place, as: value, to: cell.start + offset,
      Part(type: displayName(value.metadata), name: nil))
  }

  private func convert(
    _ array: StoredArray, as element: ValueLayout, to first: UnsafeMutableRawPointer
  ) throws(ContainerError) {
    guard array.count > 0 else { return }
    let part = Part(type: "[\(displayName(element.metadata))]", name: "element")
    let plan = try planner.plan(array[0].type, as: element, part)
    // Numbers that stayed as they were, in one go.
    if case .bytes(let count) = plan, count == array.stride, count == element.stride {
      let bytes = try array[0].cell.slice(array[0].offset, array.count * count)
      UnsafeMutableRawBufferPointer(start: first, count: bytes.count).copyMemory(from: bytes)
      return
    }
    for index in 0..<array.count {
      let place = array[index]
      try convert(plan, place.cell, at: place.offset, to: first + index * element.stride, part)
    }
  }

  /// Entries stay in their buckets: tables are rehashed when all objects are whole.
  private func convert(
    _ object: StoredObject, _ record: TypeRecord, as table: TableStorage,
    to start: UnsafeMutableRawPointer
  ) throws(ContainerError) {
    let stored = try reader.table(in: object, record)
    guard stored.isDictionary == (table.value != nil) else {
      throw object.cell.damaged("a table's storage", at: 0)
    }
    let header = try object.cell.slice(TableStorage.count, TableStorage.keys - TableStorage.count)
    UnsafeMutableRawBufferPointer(
      start: start + TableStorage.count, count: header.count
    ).copyMemory(from: header)
    let buckets = 1 << Int(try object.cell.integer(TableStorage.scale, as: Int8.self))
    if buckets < 64 {
      start.storeBytes(
        of: ~((1 << UInt64(buckets)) - 1) as UInt64, toByteOffset: table.bitmapOffset,
        as: UInt64.self)
    }
    guard let first = stored.entries.first else { return }
    let part = Part(type: displayName(table.key.metadata), name: nil)
    let keyPlan = try planner.plan(first.key.type, as: table.key, part)
    var valuePlan: ValuePlan?
    if let value = table.value, let place = first.value {
      valuePlan = try planner.plan(
        place.type, as: value, Part(type: displayName(value.metadata), name: nil))
    }
    let keys = start + table.keysOffset(buckets)
    let values = start + table.valuesOffset(buckets)
    // In the first buckets, one after another.
    for (bucket, entry) in stored.entries.enumerated() {
      let place = start + table.bitmapOffset + bucket / 64 * 8
      place.storeBytes(of: place.load(as: UInt64.self) | 1 << UInt64(bucket % 64), as: UInt64.self)
      try convert(
        keyPlan, entry.key.cell, at: entry.key.offset, to: keys + bucket * table.key.stride, part)
      if let value = table.value, let valuePlan, let place = entry.value {
        try convert(
          valuePlan, place.cell, at: place.offset, to: values + bucket * value.stride, part)
      }
    }
  }

  private func convertString(
    _ object: StoredObject, to cell: MigratedCell
  ) throws(ContainerError) {
    let countWord = try object.cell.integer(24, as: UInt64.self)
    let count = Int(countWord & StringBits.countMask)
    let bytes = try object.cell.slice(StringBits.bytesOffset, count)
    cell.start.storeBytes(
      of: StringBits.capacityWord(cellBytes: cell.byteCount), toByteOffset: 16, as: UInt64.self)
    cell.start.storeBytes(
      of: StringBits.nativeCountWord(countWord), toByteOffset: 24, as: UInt64.self)
    UnsafeMutableRawBufferPointer(
      start: cell.start + StringBits.bytesOffset, count: count
    ).copyMemory(from: bytes)
  }

  // MARK: Buffers

  private func tail(
    of object: StoredObject, _ record: TypeRecord
  ) throws(ContainerError) -> (field: TypeRecord.Field, order: TailOrder, capacity: Int) {
    for field in record.fields {
      guard case .elements(let order) = field.reach else { continue }
      // Checks that the numbers fit the cell.
      _ = try reader.described(
        elements(field, of: object), present.stored.record(field.type))
      let count = try object.cell.count(order.count)
      guard let place = order.capacity else { return (field, order, count) }
      return (field, order, try object.cell.count(place))
    }
    throw object.cell.damaged("a buffer's elements", at: 0)
  }

  private func elements(_ field: TypeRecord.Field, of object: StoredObject) -> StoredPlace {
    var place = StoredPlace(object.cell, Int(field.offset), field.type)
    place.reach = field.reach
    return place
  }

  private func convert(
    _ object: StoredObject, _ record: TypeRecord, as buffer: BufferStorage,
    _ layout: ObjectLayout, to cell: MigratedCell
  ) throws(ContainerError) {
    let (field, order, _) = try tail(of: object, record)
    let part = Part(type: layout.typeName, name: nil)
    guard (order.start == nil) == (buffer.order.start == nil),
      (order.capacity == nil) == (buffer.order.capacity == nil),
      case .record(let list) = buffer.object.structure, let key = layout.key
    else {
      throw part.changed(before: field.name, after: buffer.order.recordName)
    }
    let plan = try planner.record(object.type, as: key.metadata, fields: list, buffer.object)
    try convert(
      plan, object.cell, at: 0, to: cell.start, whole: layout, DynamicValue(.object(reader, object))
    )
    let array = try reader.described(elements(field, of: object), present.stored.record(field.type))
    guard array.count > 0 else { return }
    let start =
      try order.start.map { place throws(ContainerError) in
        try object.cell.count(place)
      } ?? 0
    let capacity = try tail(of: object, record).capacity
    let element = try planner.plan(field.type, as: buffer.element, part)
    for index in 0..<array.count {
      let place = start + index < capacity ? start + index : start + index - capacity
      try convert(
        element, array[index].cell, at: array[index].offset,
        to: cell.start + buffer.elementsOffset + place * buffer.element.stride, part)
    }
  }
}
