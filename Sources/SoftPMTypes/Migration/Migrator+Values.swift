// Values, by their plans. What is written to is zero before.

import CSoftPMRuntime
import SoftPMBase

extension Migrator {
  func convert(
    _ place: StoredPlace, as layout: ValueLayout, to out: UnsafeMutableRawPointer, _ part: Part
  ) throws(ContainerError) {
    let plan = try planner.plan(place.type, as: layout, part)
    try convert(plan, place.cell, at: place.offset, to: out, part)
  }

  func convert(
    _ plan: ValuePlan, _ cell: StoredCell, at offset: Int, to out: UnsafeMutableRawPointer,
    _ part: Part
  ) throws(ContainerError) {
    switch plan {
    case .nothing: break
    case .bytes(let count):
      out.copyMemory(from: try cell.slice(offset, count).baseAddress!, byteCount: count)
    case .integer(let from, let to): try widen(cell, offset, from, to, out)
    case .float(let from, let to): try widen(cell, offset, floatOf: from, to: to, out)
    case .code(let code): out.storeBytes(of: code.word(space.home), as: UInt.self)
    case .reference(let type, let isOptional, let ownership):
      try convertReference(cell, offset, to: type, isOptional, ownership, out, part)
    case .nonStrong(let form, _): try convertNonStrong(cell, offset, form, out, part)
    case .string: try convertString(cell, offset, out, part)
    case .substring:
      out.copyMemory(from: try cell.slice(offset, 16).baseAddress!, byteCount: 16)
      try convertString(cell, offset + 16, out + 16, part)
    case .array(let form):
      try convertArray(cell, offset, element: form.element, out, part)
    case .slice(let form): try convertSlice(cell, offset, form, out, part)
    case .table(let form): try convertTable(cell, offset, form, out, part)
    case .record(let record): try convertRecord(record, cell, offset, out)
    case .wrapped(let inner, let form):
      try convert(inner, cell, at: offset, to: out, part)
      softpm_runtime_enum_inject(out, 0, form.metadata.address)
    case .enumeration(let type, let form):
      try convertEnum(StoredPlace(cell, offset, type), form, out, part)
    case .existential(let form): try convertExistential(cell, offset, form, out, part)
    case .metatype:
      let type = try typeIndex(cell, offset)
      guard let found = present.type(type) else { throw missing(type) }
      out.storeBytes(of: typeWord(found), as: UInt.self)
    case .identifier: try convertIdentifier(cell, offset, out, part)
    case .elements(let count, let storedStride, let element, let stride):
      for index in 0..<count {
        try convert(
          element, cell, at: offset + index * storedStride, to: out + index * stride, part)
      }
    case .mutex(let distance, let inner):
      try convert(inner, cell, at: offset, to: out + distance, part)
    case .memory(let distance, let element, let form):
      try convertMemory(cell, offset, distance, element, form, out, part)
    case .ownedBytes(let distance, let element):
      try convertBytes(cell, offset, distance, element, out)
    case .built(let type, let builder):
      let old = DynamicValue(.stored(reader, StoredPlace(cell, offset, type)))
      let value = try call(displayName(builder.type)) { try builder.value(old) }
      try live.write(value, as: builder.type, whole: nil, to: out)
    }
  }

  // MARK: Numbers

  private func widen(
    _ cell: StoredCell, _ offset: Int, _ from: NumberFormat, _ to: NumberFormat,
    _ out: UnsafeMutableRawPointer
  ) throws(ContainerError) {
    let bytes = try cell.slice(offset, from.byteCount)
    let isNegative = from.isSigned && bytes[from.byteCount - 1] & 0x80 != 0
    for index in 0..<to.byteCount {
      let byte = index < from.byteCount ? bytes[index] : isNegative ? 0xff : 0
      out.storeBytes(of: byte, toByteOffset: index, as: UInt8.self)
    }
  }

  private func widen(
    _ cell: StoredCell, _ offset: Int, floatOf from: Int, to: Int, _ out: UnsafeMutableRawPointer
  ) throws(ContainerError) {
    if from == 8 {
      return store(Double(bitPattern: try cell.integer(offset)), to, out)
    }
    let number =
      from == 2
      ? Float(Float16(bitPattern: try cell.integer(offset)))
      : Float(bitPattern: try cell.integer(offset))
    store(number, to, out)
  }

  private func store<Number: BinaryFloatingPoint>(
    _ number: Number, _ byteCount: Int, _ out: UnsafeMutableRawPointer
  ) {
    switch byteCount {
    case 4: out.storeBytes(of: Float(number), as: Float.self)
    case 8: out.storeBytes(of: Double(number), as: Double.self)
    default:
      #if arch(x86_64)
        var wide = Float80(number)
        withUnsafeBytes(of: &wide) { out.copyMemory(from: $0.baseAddress!, byteCount: 10) }
      #endif
    }
  }

  // MARK: References

  private func convertReference(
    _ cell: StoredCell, _ offset: Int, to type: Metadata?, _ isOptional: Bool,
    _ ownership: Ownership, _ out: UnsafeMutableRawPointer, _ part: Part
  ) throws(ContainerError) {
    let word = try cell.integer(offset, as: UInt64.self)
    let isDead = reader.memory.isCode(word, .tombstone)
    if word == 0 || isDead {
      guard isOptional, !isDead || ownership == .weak else {
        throw part.changed(
          before: isDead ? "a reference to an object that has died" : "nil",
          after: "a reference that is never nil")
      }
      return
    }
    let home = try move(ArenaAddress(word), part)
    if let type, let layout = layout(at: ArenaAddress(word)) {
      try expect(layout, within: type, part)
    }
    out.storeBytes(of: UInt(home.rawValue), as: UInt.self)
  }

  private func convertNonStrong(
    _ cell: StoredCell, _ offset: Int, _ form: NonStrongForm, _ out: UnsafeMutableRawPointer,
    _ part: Part
  ) throws(ContainerError) {
    let word = try cell.integer(offset, as: UInt64.self)
    guard word != 0 else { return }
    if reader.memory.isCode(word) {
      guard form.ownership == .unowned else { return }
      out.storeBytes(of: WellKnown.tombstone.word(space.home), as: UInt.self)
      return
    }
    later(out, to: ArenaAddress(word), form.ownership, form.classType, part)
  }

  private func convertIdentifier(
    _ cell: StoredCell, _ offset: Int, _ out: UnsafeMutableRawPointer, _ part: Part
  ) throws(ContainerError) {
    let word = try cell.integer(offset, as: UInt64.self)
    if word < reader.memory.home.rawValue {
      let type = try typeIndex(cell, offset)
      guard let found = present.type(type) else { throw missing(type) }
      out.storeBytes(of: typeWord(found), as: UInt.self)
    } else {
      later(out, to: ArenaAddress(word), .unmanaged, nil, part)
    }
  }

  func typeIndex(_ cell: StoredCell, _ offset: Int) throws(ContainerError) -> UInt32 {
    let word = try cell.integer(offset, as: UInt64.self)
    guard word & 0xfff == 0, word > 0, word >> 12 <= UInt64(present.stored.count) else {
      throw cell.damaged("a type", at: offset)
    }
    return UInt32(word >> 12) - 1
  }

  // MARK: Strings and collections

  private func convertString(
    _ cell: StoredCell, _ offset: Int, _ out: UnsafeMutableRawPointer, _ part: Part
  ) throws(ContainerError) {
    let bytes = try cell.slice(offset, 16)
    out.copyMemory(from: bytes.baseAddress!, byteCount: 16)
    let word = try cell.integer(offset + 8, as: UInt64.self)
    guard word & (1 << 61) == 0 else { return }
    let home = try move(ArenaAddress(word), as: catalog.stringStorage, part)
    out.storeBytes(of: UInt(home.rawValue), toByteOffset: 8, as: UInt.self)
  }

  private func convertArray(
    _ cell: StoredCell, _ offset: Int, element: Metadata, _ out: UnsafeMutableRawPointer,
    _ part: Part
  ) throws(ContainerError) {
    let word = try cell.integer(offset, as: UInt64.self)
    if reader.memory.isCode(word, .emptyArray) {
      out.storeBytes(of: WellKnown.emptyArray.word(space.home), as: UInt.self)
      return
    }
    let layout = catalog.arrayStorageLayout(ofElement: element)
    let home = try move(ArenaAddress(word), as: layout, part)
    out.storeBytes(of: UInt(home.rawValue), as: UInt.self)
  }

  private func convertSlice(
    _ cell: StoredCell, _ offset: Int, _ form: ArraySliceForm, _ out: UnsafeMutableRawPointer,
    _ part: Part
  ) throws(ContainerError) {
    try convertArray(cell, offset, element: form.element, out, part)
    let word = try cell.integer(offset, as: UInt64.self)
    let base = try cell.integer(offset + 8, as: Int64.self)
    let start = try cell.integer(offset + 16, as: Int64.self)
    out.storeBytes(of: start, toByteOffset: 16, as: Int64.self)
    let end = try cell.integer(offset + 24, as: UInt64.self)
    out.storeBytes(of: end, toByteOffset: 24, as: UInt64.self)
    guard !reader.memory.isCode(word) else {
      out.storeBytes(of: base, toByteOffset: 8, as: Int64.self)
      return
    }
    let object = try reader.object(at: ArenaAddress(word))
    let array = try reader.array(in: object, present.stored.record(object.type))
    guard let slice = array.slice(base: base, from: start, to: Int64(end >> 1)) else {
      throw cell.damaged("a slice within its array", at: offset)
    }
    let index = array.stride == 0 ? 0 : (slice.first - array.first) / array.stride
    let first = ArrayBits.elementsOffset(form.element.alignmentMask)
    let distance = first + (index - Int(start)) * form.element.stride
    out.storeBytes(of: distance, toByteOffset: 8, as: Int.self)
  }

  private func convertTable(
    _ cell: StoredCell, _ offset: Int, _ form: TableForm, _ out: UnsafeMutableRawPointer,
    _ part: Part
  ) throws(ContainerError) {
    let word = try cell.integer(offset, as: UInt64.self)
    let empty: WellKnown = form.shape == .dictionary ? .emptyDictionary : .emptySet
    if reader.memory.isCode(word, empty) {
      out.storeBytes(of: empty.word(space.home), as: UInt.self)
      return
    }
    guard let layout = try catalog.tableStorageLayout(of: form.metadata) else {
      throw part.changed(
        before: "a table that is found", after: "\(displayName(form.metadata)), which is not")
    }
    let home = try move(ArenaAddress(word), as: layout, part)
    out.storeBytes(of: UInt(home.rawValue), as: UInt.self)
  }

  private func convertMemory(
    _ cell: StoredCell, _ offset: Int, _ distance: Int, _ type: UInt32, _ form: OwnedMemoryForm,
    _ out: UnsafeMutableRawPointer, _ part: Part
  ) throws(ContainerError) {
    var place = StoredPlace(cell, offset, type)
    place.reach = .memory(countDistance: Int32(distance))
    let array = try reader.described(place, present.stored.record(type))
    let word = try cell.integer(offset, as: UInt64.self)
    guard word != 0 else { return }
    // Count and capacity are converted on their own; room for both is made by what was stored.
    let stored = try reader.memory.cell(at: ArenaAddress(word))
    let stride = max(1, Int(present.stored.record(type).stride))
    let room = max(array.count, stored.count / stride)
    let raw = try newRaw(
      byteCount: room * form.element.stride, alignmentMask: form.element.alignmentMask)
    out.storeBytes(of: UInt(raw.home.rawValue), as: UInt.self)
    guard array.count > 0 else { return }
    let plan = try planner.plan(type, as: form.element, part)
    for index in 0..<array.count {
      try convert(
        plan, array[index].cell, at: array[index].offset,
        to: raw.start + index * form.element.stride, part)
    }
  }

  /// Bytes behind a pointer; nil where there are none.
  private func convertBytes(
    _ cell: StoredCell, _ offset: Int, _ distance: Int, _ type: UInt32,
    _ out: UnsafeMutableRawPointer
  ) throws(ContainerError) {
    var place = StoredPlace(cell, offset, type)
    place.reach = .memory(countDistance: Int32(distance))
    let array = try reader.described(place, present.stored.record(type))
    guard array.count > 0 else { return }
    let bytes = try array[0].cell.slice(array[0].offset, array.count)
    let raw = try newRaw(byteCount: bytes.count, alignmentMask: 15)
    UnsafeMutableRawBufferPointer(start: raw.start, count: bytes.count).copyMemory(from: bytes)
    out.storeBytes(of: UInt(raw.home.rawValue), as: UInt.self)
  }

  // MARK: Enums and existentials

  private func convertEnum(
    _ place: StoredPlace, _ form: EnumForm, _ out: UnsafeMutableRawPointer, _ part: Part
  ) throws(ContainerError) {
    let record = present.stored.record(place.type)
    let (current, payload) = try reader.currentCase(at: place, record)
    let name = present.renames.current(part: current.name, of: record.name)
    let part = form.isOptional ? part : Part(type: displayName(form.metadata), name: name)
    let tag: Int
    if let index = form.others.firstIndex(of: name) {
      guard payload == nil else {
        throw part.changed(before: "a case with a payload", after: "a case without")
      }
      tag = form.payloads.count + index
    } else if let index = form.payloads.firstIndex(where: { $0.name == name }) {
      guard let payload else {
        throw part.changed(before: "a case without a payload", after: "a case with one")
      }
      if let layout = form.payloads[index].payload {
        let place = payload.isBoxed ? try reader.boxContent(payload.place) : payload.place
        try convert(place, as: layout, to: out, part)
      } else if let boxed = form.payloads[index].boxed {
        let home = try box(payload.place, payload.isBoxed, as: boxed, part)
        out.storeBytes(of: UInt(home.rawValue), as: UInt.self)
      }
      tag = index
    } else {
      throw part.changed(before: "a case that a value has", after: "removed")
    }
    softpm_runtime_enum_inject(out, UInt32(tag), form.metadata.address)
  }

  /// A box for a value that is in one already, or lies at a place.
  private func box(
    _ place: StoredPlace, _ isBoxed: Bool, as type: Metadata, _ part: Part
  ) throws(ContainerError) -> ArenaAddress {
    let layout = catalog.boxLayout(of: type)
    if isBoxed {
      return try move(ArenaAddress(place.cell.integer(place.offset)), as: layout, part)
    }
    let value = catalog.valueLayout(of: type)
    let offset = ObjectLayout.boxOffset(value)
    let cell = try newObject(
      layout, byteCount: offset + value.size, alignmentMask: value.alignmentMask)
    later(place, cell, as: value, at: offset)
    return cell.home
  }

  private func convertExistential(
    _ cell: StoredCell, _ offset: Int, _ form: ExistentialForm, _ out: UnsafeMutableRawPointer,
    _ part: Part
  ) throws(ContainerError) {
    guard form.shape == .existential else {
      let word = ArenaAddress(try cell.integer(offset))
      let home = try move(word, part)
      out.storeBytes(of: UInt(home.rawValue), as: UInt.self)
      guard form.shape == .classExistential, let layout = layout(at: word) else { return }
      if let superclass = form.description.superclass {
        try expect(layout, within: superclass, part)
      }
      if let type = layout.key?.metadata { try requireConformance(type, form, part) }
      return
    }
    let index = try typeIndex(cell, offset + 24)
    let record = present.stored.record(index)
    guard let type = present.type(index) else { throw missing(index) }
    try requireConformance(type, form, part)
    out.storeBytes(of: typeWord(type), toByteOffset: 24, as: UInt.self)
    let stored = StoredPlace(cell, offset, index)
    if type.isStoredInline {
      let place = record.isStoredInline ? stored : try reader.boxContent(stored)
      let inner = Part(type: displayName(type), name: nil)
      try convert(place, as: catalog.valueLayout(of: type), to: out, inner)
    } else {
      let home = try box(stored, !record.isStoredInline, as: type, part)
      out.storeBytes(of: UInt(home.rawValue), as: UInt.self)
    }
  }

  private func requireConformance(
    _ type: Metadata, _ form: ExistentialForm, _ part: Part
  ) throws(ContainerError) {
    for proto in form.description.protocols.prefix(form.description.witnessCount)
    where RuntimeObjects.witnessTable(of: type, for: proto) == nil {
      let name = TypeDescriptor(address: proto).path
      throw .typeChanged(
        displayName(type), nil, before: "a type that conforms to \(name)",
        after: "a type that does not")
    }
  }
}

extension TypeCatalog {
  /// The storage class of a dictionary or set type.
  func tableStorageLayout(of table: Metadata) throws(ContainerError) -> ObjectLayout? {
    let isDictionary = table.genericArgument(1) != nil
    let path = isDictionary ? "Swift._DictionaryStorage" : "Swift._SetStorage"
    var arguments: [TypeIdentity] = []
    for index in 0..<(isDictionary ? 2 : 1) {
      guard let argument = table.genericArgument(index) else { return nil }
      arguments.append(try TypeIdentity(of: argument))
    }
    guard let descriptor = DescriptorIndex.descriptors(at: path).first else { return nil }
    let identity = TypeIdentity.nominal(
      path: path, fingerprint: descriptor.fingerprint, levels: [arguments.count],
      arguments: arguments)
    guard case .found(let metadata) = identity.resolve() else { return nil }
    return try instanceLayout(of: metadata)
  }
}

extension StoredReader {
  /// An enum's current case, and where its payload is, or the reference to the payload's box.
  func currentCase(
    at place: StoredPlace, _ record: TypeRecord
  ) throws(ContainerError) -> (TypeRecord.Case, (place: StoredPlace, isBoxed: Bool)?) {
    let bytes = try place.cell.slice(place.offset, Int(record.size))
    for current in record.cases where current.type == nil && current.isEmptyCase(of: bytes) {
      return (current, nil)
    }
    for current in record.cases where current.isPayloadCase(of: bytes) {
      guard let type = current.type else { continue }
      let payload = projected(place, bytes, current)
      return (current, (StoredPlace(payload.cell, payload.offset, type), current.isIndirect))
    }
    throw place.cell.damaged("a case of \(TypeName.short(record.name))", at: place.offset)
  }

  /// The value in the box that a place refers to.
  func boxContent(_ place: StoredPlace) throws(ContainerError) -> StoredPlace {
    let box = try object(at: ArenaAddress(place.cell.integer(place.offset)))
    let record = types.record(box.type)
    guard record.kind == .box, let field = record.fields.first else {
      throw place.cell.damaged("a box", at: place.offset)
    }
    return StoredPlace(box.cell, Int(field.offset), field.type)
  }
}
