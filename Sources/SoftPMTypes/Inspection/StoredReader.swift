// Reads values out of a stored version by its own type table.
//
// 1. A value's optional, existential and box wrappings are taken off: what is returned is what
//    Swift code would see behind `!` and `as!`.
// 2. Nesting is bounded (`Limits.typeNestingDepth`), as are strings and elements by their cells,
//    so one call does an amount of work that the cell bounds.

import SoftPMBase

package struct StoredReader {
  package let types: StoredTypes
  package let memory: any StoredMemory

  package init(types: StoredTypes, memory: any StoredMemory) {
    self.types = types
    self.memory = memory
  }

  // MARK: Objects

  /// The object at a home address, by its header.
  package func object(
    at home: ArenaAddress, _ ownership: Ownership = .strong
  ) throws(ContainerError) -> StoredObject {
    let cell = try memory.cell(at: home)
    guard !cell.isRaw else { throw cell.damaged("an object", at: 0) }
    let header = try cell.integer(0, as: UInt64.self)
    guard header > 0, header <= UInt64(types.count) else {
      throw cell.damaged("the type of an object", at: 0)
    }
    return StoredObject(
      home: home, type: UInt32(header - 1), cell: cell, ownership: ownership)
  }

  /// How many references from members keep the object alive.
  package func strongCount(of object: StoredObject) throws(ContainerError) -> Int {
    Int(try object.cell.integer(8, as: UInt32.self))
  }

  /// The stored properties of an instance, the superclasses' first.
  package func parts(of object: StoredObject) throws(ContainerError) -> [StoredPart] {
    parts(types.record(object.type), in: object.cell, at: 0)
  }

  func parts(_ record: TypeRecord, in cell: StoredCell, at offset: Int) -> [StoredPart] {
    record.fields.compactMap { field in
      var place = StoredPlace(cell, offset + Int(field.offset), field.type, field.ownership)
      var name = field.name
      var isTransparent = field.isTransparent
      switch field.reach {
      case .direct: break
      case .note: return nil
      case .behind(let distance): place.offset += Int(distance)
      case .memory: place.reach = field.reach
      case .elements:
        place.reach = field.reach
        name = "elements"
        isTransparent = true
      }
      return StoredPart(name: name, place: place, isTransparent: isTransparent)
    }
  }

  /// What an object's header says it is: an instance, or storage that is read as its collection.
  func contents(of object: StoredObject, depth: Int = 0) throws(ContainerError) -> StoredValue {
    let record = types.record(object.type)
    let cell = object.cell
    switch record.shape {
    case .arrayStorage: return .array(try array(in: object, record))
    case .tableStorage: return .table(try table(in: object, record))
    case .stringStorage:
      return .leaf(.string(try nativeString(in: cell)))
    default: break
    }
    switch record.kind {
    case .box, .errorBox:
      guard let value = record.fields.first else { throw cell.damaged("a box", at: 0) }
      return try self.value(at: StoredPlace(cell, Int(value.offset), value.type), depth: depth + 1)
    case .instance: return .object(object)
    case .name, .value: throw cell.damaged("the type of an object", at: 0)
    }
  }

  // MARK: Values

  package func value(at place: StoredPlace) throws(ContainerError) -> StoredValue {
    try value(at: place, depth: 0)
  }

  func value(at place: StoredPlace, depth: Int) throws(ContainerError) -> StoredValue {
    guard depth < Limits.typeNestingDepth else {
      throw place.cell.damaged("values nested less deeply", at: place.offset)
    }
    let record = types.record(place.type)
    if place.ownership != .strong { return try nonStrong(place) }
    if place.reach != .direct { return .array(try described(place, record)) }
    if let known = try KnownStoredType.read(place, record, self, depth) { return known }
    switch record.shape {
    case .opaque: return .opaque(type: place.type)
    case .hidden: return .hidden
    case .signed, .unsigned, .float, .bool, .scalar:
      return .leaf(try primitive(place, record))
    case .record: return try self.record(place, record, depth: depth)
    case .enumeration: return try enumeration(place, record, depth: depth)
    case .object, .classExistential, .errorExistential:
      return try reference(place, depth: depth)
    case .existential: return try existential(place, depth: depth)
    case .array, .arraySlice, .dictionary, .set:
      return try collection(place, record, depth: depth)
    case .string: return .leaf(.string(try string(place)))
    case .substring: return .leaf(.string(try substring(place)))
    case .metatype: return .leaf(.type(try typeName(place)))
    case .identifier: return try identifier(place)
    case .pointer: return .none
    case .elements(let count):
      guard let element = record.fields.first else { return .opaque(type: place.type) }
      let stride = Int(types.record(element.type).stride)
      return .array(
        StoredArray(
          count: Int(clamping: count), storage: nil, cell: place.cell, first: place.offset,
          stride: stride, element: element.type))
    case .arrayStorage, .tableStorage, .stringStorage:
      throw place.cell.damaged("a value, not storage", at: place.offset)
    }
  }

  private func record(
    _ place: StoredPlace, _ record: TypeRecord, depth: Int
  ) throws(ContainerError) -> StoredValue {
    let parts = parts(record, in: place.cell, at: place.offset)
    // A wrapper of the standard library that its user never wrote: `Dictionary.Keys`, an index.
    if parts.count == 1, parts[0].isTransparent {
      return try value(at: parts[0].place, depth: depth + 1)
    }
    return .record(type: place.type, parts: parts)
  }

  // MARK: References

  private func reference(
    _ place: StoredPlace, depth: Int
  ) throws(ContainerError) -> StoredValue {
    let word = try place.cell.integer(place.offset, as: UInt64.self)
    guard word != 0 else { return .none }
    return try contents(of: object(at: ArenaAddress(word)), depth: depth)
  }

  private func nonStrong(_ place: StoredPlace) throws(ContainerError) -> StoredValue {
    let word = try place.cell.integer(place.offset, as: UInt64.self)
    guard word != 0 else { return .none }
    if memory.isCode(word, .tombstone) { return .leaf(.dead) }
    return .object(try object(at: ArenaAddress(word), place.ownership))
  }

  private func existential(
    _ place: StoredPlace, depth: Int
  ) throws(ContainerError) -> StoredValue {
    guard try place.cell.integer(place.offset + 24, as: UInt64.self) != 0 else { return .none }
    let type = try typeIndex(place.cell, place.offset + 24)
    if types.record(type).isStoredInline {
      guard types.record(type).size <= 24 else {
        throw place.cell.damaged("a value of three words", at: place.offset)
      }
      return try value(at: StoredPlace(place.cell, place.offset, type), depth: depth + 1)
    }
    let word = try place.cell.integer(place.offset, as: UInt64.self)
    return try contents(of: object(at: ArenaAddress(word)), depth: depth)
  }

  private func typeIndex(_ cell: StoredCell, _ offset: Int) throws(ContainerError) -> UInt32 {
    let word = try cell.integer(offset, as: UInt64.self)
    guard word & 0xfff == 0, word > 0, word >> 12 <= UInt64(types.count) else {
      throw cell.damaged("a type", at: offset)
    }
    return UInt32(word >> 12) - 1
  }

  private func typeName(_ place: StoredPlace) throws(ContainerError) -> String {
    if types.record(place.type).size == 0 { return types.shortName(place.type) }
    return types.shortName(try typeIndex(place.cell, place.offset))
  }

  private func identifier(_ place: StoredPlace) throws(ContainerError) -> StoredValue {
    let word = try place.cell.integer(place.offset, as: UInt64.self)
    if word == 0 || memory.isCode(word, .nobody) { return .leaf(.dead) }
    if word < memory.home.rawValue { return .leaf(.type(try typeName(place))) }
    return .object(try object(at: ArenaAddress(word), .unmanaged))
  }

  // MARK: Enums

  private func enumeration(
    _ place: StoredPlace, _ record: TypeRecord, depth: Int
  ) throws(ContainerError) -> StoredValue {
    let isOptional = record.isOptional
    let (current, payload) = try currentCase(at: place, record)
    guard let payload else { return isOptional ? .none : .leaf(.simpleCase(current.name)) }
    if payload.isBoxed {
      return .payload(
        type: place.type, name: current.name, place: try boxContent(payload.place))
    }
    if isOptional { return try value(at: payload.place, depth: depth + 1) }
    return .payload(type: place.type, name: current.name, place: payload.place)
  }

  /// The payload's own bits; in place where the case takes none of them.
  func projected(
    _ place: StoredPlace, _ bytes: UnsafeRawBufferPointer, _ current: TypeRecord.Case
  ) -> StoredPlace {
    let payloadSize = current.isIndirect ? 8 : current.type.map { types.record($0).size } ?? 0
    guard current.bits.contains(where: { $0.offset < payloadSize && $0.value != 0 }) else {
      return place
    }
    let copy = StoredBytes(count: bytes.count) { memory in
      memory.copyMemory(from: bytes)
      for bit in current.bits { memory[Int(bit.offset)] &= ~bit.mask }
    }
    let cell = StoredCell(
      bytes: copy, start: 0, count: bytes.count, home: place.cell.home, isRaw: false)
    return StoredPlace(cell, 0, place.type)
  }
}

extension TypeRecord {
  var isOptional: Bool {
    shape == .enumeration && cases.count == 2 && cases[0].name == "some"
      && cases[1].name == "none" && name.hasPrefix("Swift.Optional<")
  }
}

extension TypeRecord.Case {
  func isPayloadCase(of bytes: UnsafeRawBufferPointer) -> Bool {
    type != nil && bits.allSatisfy { bytes[Int($0.offset)] & $0.mask == $0.value }
  }

  /// All bytes that are not listed are zero.
  func isEmptyCase(of bytes: UnsafeRawBufferPointer) -> Bool {
    var next = 0
    for (offset, byte) in bytes.enumerated() {
      if next < bits.count, Int(bits[next].offset) == offset {
        if byte != bits[next].value { return false }
        next += 1
      } else if byte != 0 {
        return false
      }
    }
    return true
  }
}
