// The standard library's own storage, as images have it.

import SoftPMBase

extension StoredReader {
  func collection(
    _ place: StoredPlace, _ record: TypeRecord, depth: Int
  ) throws(ContainerError) -> StoredValue {
    let word = try place.cell.integer(place.offset, as: UInt64.self)
    let isDictionary = record.shape == .dictionary
    switch record.shape {
    case .dictionary, .set:
      if memory.isCode(word, isDictionary ? .emptyDictionary : .emptySet) || word == 0 {
        return .table(StoredTable(storage: nil, entries: [], isDictionary: isDictionary))
      }
    default:
      if memory.isCode(word, .emptyArray) || word == 0 {
        return .array(
          StoredArray(
            count: 0, storage: nil, cell: place.cell, first: 0, stride: 0, element: place.type))
      }
    }
    let storage = try contents(of: object(at: ArenaAddress(word)), depth: depth)
    switch (record.shape, storage) {
    case (.array, .array): return storage
    case (.arraySlice, .array(let array)): return .array(try slice(place, of: array))
    case (.dictionary, .table(let table)) where table.isDictionary: return storage
    case (.set, .table(let table)) where !table.isDictionary: return storage
    default: throw place.cell.damaged("a collection's storage", at: place.offset)
    }
  }

  func array(
    in object: StoredObject, _ record: TypeRecord
  ) throws(ContainerError) -> StoredArray {
    guard let element = record.fields.first else {
      throw object.cell.damaged("a described array", at: 0)
    }
    let count = try object.cell.count(16)
    let stride = Int(types.record(element.type).stride)
    let first = Int(element.offset)
    let (bytes, overflow) = count.multipliedReportingOverflow(by: stride)
    guard !overflow, first <= object.cell.count, bytes <= object.cell.count - first else {
      throw object.cell.damaged("an array's elements within its cell", at: 16)
    }
    return StoredArray(
      count: count, storage: object.home, cell: object.cell, first: first, stride: stride,
      element: element.type)
  }

  /// Elements that only their owner's description tells of: behind a pointer, or in a buffer.
  func described(
    _ place: StoredPlace, _ record: TypeRecord
  ) throws(ContainerError) -> StoredArray {
    let stride = Int(record.stride)
    func checked(
      _ cell: StoredCell, count: Int, first: Int, capacity: Int
    ) throws(ContainerError) {
      let (bytes, overflow) = capacity.multipliedReportingOverflow(by: stride)
      guard count <= capacity, !overflow, first <= cell.count, bytes <= cell.count - first else {
        throw cell.damaged("elements within their cell", at: first)
      }
    }
    switch place.reach {
    case .memory(let distance):
      let count = try place.cell.count(place.offset + Int(distance))
      let word = try place.cell.integer(place.offset, as: UInt64.self)
      guard word != 0, count > 0 else {
        return StoredArray(
          count: 0, storage: nil, cell: place.cell, first: 0, stride: 0, element: place.type)
      }
      let cell = try memory.cell(at: ArenaAddress(word))
      try checked(cell, count: count, first: 0, capacity: count)
      return StoredArray(
        count: count, storage: ArenaAddress(word), cell: cell, first: 0, stride: stride,
        element: place.type)
    case .elements(let order):
      let cell = place.cell
      let count = try cell.count(order.count)
      let start = try order.start.map { place throws(ContainerError) in try cell.count(place) } ?? 0
      let capacity =
        try order.capacity.map { place throws(ContainerError) in try cell.count(place) } ?? count
      try checked(cell, count: count, first: place.offset, capacity: capacity)
      guard start <= capacity else { throw cell.damaged("a start of elements", at: place.offset) }
      return StoredArray(
        count: count, storage: nil, cell: cell, first: place.offset, stride: stride,
        element: place.type, start: start, capacity: capacity)
    case .direct, .note, .behind: throw place.cell.damaged("elements", at: place.offset)
    }
  }

  /// Indices of a slice need not begin at 0; those of what is shown do.
  private func slice(
    _ place: StoredPlace, of array: StoredArray
  ) throws(ContainerError) -> StoredArray {
    let base = try place.cell.integer(place.offset + 8, as: Int64.self)
    let start = try place.cell.integer(place.offset + 16, as: Int64.self)
    let end = try place.cell.integer(place.offset + 24, as: UInt64.self) >> 1
    guard let slice = array.slice(base: base, from: start, to: Int64(end)) else {
      throw place.cell.damaged("a slice within its array", at: place.offset)
    }
    return slice
  }

  func table(
    in object: StoredObject, _ record: TypeRecord
  ) throws(ContainerError) -> StoredTable {
    let cell = object.cell
    guard let key = record.fields.first(where: { $0.name == "key" }) else {
      throw cell.damaged("a described table", at: 0)
    }
    let value = record.fields.first { $0.name == "value" }
    let keyRecord = types.record(key.type)
    let valueRecord = value.map { types.record($0.type) }
    let scale = Int(try cell.integer(TableStorage.scale, as: Int8.self))
    guard (0...TableStorage.scaleMost).contains(scale) else {
      throw cell.damaged("a table's scale", at: TableStorage.scale)
    }
    let buckets = 1 << scale
    let bitmap = value == nil ? 56 : 64
    let words = (buckets + 63) / 64
    _ = try cell.slice(bitmap, words * 8)
    func aligned(_ offset: Int, _ mask: UInt8) -> Int { (offset + Int(mask)) & ~Int(mask) }
    // The bitmap fits the cell, so buckets × stride is far from overflow.
    let keys = aligned(bitmap + words * 8, keyRecord.alignmentMask)
    let keysEnd = keys + buckets * Int(keyRecord.stride)
    let values = valueRecord.map { aligned(keysEnd, $0.alignmentMask) } ?? keysEnd
    let end = values + buckets * Int(valueRecord?.stride ?? 0)
    guard end <= cell.count else { throw cell.damaged("a table within its cell", at: bitmap) }
    var entries: [(key: StoredPlace, value: StoredPlace?)] = []
    for bucket in 0..<buckets {
      let word = try cell.integer(bitmap + bucket / 64 * 8, as: UInt64.self)
      guard word & (1 << UInt64(bucket % 64)) != 0 else { continue }
      let keyPlace = StoredPlace(cell, keys + bucket * Int(keyRecord.stride), key.type)
      var valuePlace: StoredPlace?
      if let value, let valueRecord {
        valuePlace = StoredPlace(cell, values + bucket * Int(valueRecord.stride), value.type)
      }
      entries.append((keyPlace, valuePlace))
    }
    return StoredTable(storage: object.home, entries: entries, isDictionary: value != nil)
  }

  // MARK: Strings

  func string(_ place: StoredPlace) throws(ContainerError) -> String {
    let objectWord = try place.cell.integer(place.offset + 8, as: UInt64.self)
    if objectWord & (1 << 61) != 0 { return try smallString(place) }
    guard objectWord != 0 else { return "" }
    let object = try object(at: ArenaAddress(objectWord))
    guard types.record(object.type).shape == .stringStorage else {
      throw place.cell.damaged("a string", at: place.offset)
    }
    return try nativeString(in: object.cell)
  }

  private func smallString(_ place: StoredPlace) throws(ContainerError) -> String {
    let raw = try place.cell.slice(place.offset, 16)
    let bytes = UnsafeRawBufferPointer(rebasing: raw[..<min(15, Int(raw[15] & 0xf))])
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw place.cell.damaged("a small string of valid UTF-8", at: place.offset)
    }
    return text
  }

  func nativeString(in cell: StoredCell) throws(ContainerError) -> String {
    let count = Int(try cell.integer(24, as: UInt64.self) & StringBits.countMask)
    let bytes = try cell.slice(StringBits.bytesOffset, count)
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw cell.damaged("valid UTF-8", at: StringBits.bytesOffset)
    }
    return text
  }

  func substring(_ place: StoredPlace) throws(ContainerError) -> String {
    let start = Int(try place.cell.integer(place.offset, as: UInt64.self) >> 16)
    let end = Int(try place.cell.integer(place.offset + 8, as: UInt64.self) >> 16)
    let whole = try string(StoredPlace(place.cell, place.offset + 16, place.type))
    let text = whole.utf8
    guard start <= end, end <= text.count else {
      throw place.cell.damaged("a substring within its string", at: place.offset)
    }
    return String(decoding: text.dropFirst(start).prefix(end - start), as: UTF8.self)
  }

  // MARK: Data

  func data(
    _ place: StoredPlace, _ record: TypeRecord, depth: Int
  ) throws(ContainerError) -> [UInt8] {
    guard let field = record.fields.first else {
      throw place.cell.damaged("a described Data", at: place.offset)
    }
    let form = try value(
      at: StoredPlace(place.cell, place.offset + Int(field.offset), field.type), depth: depth + 1)
    guard case .payload(_, let name, let payload) = form else { return [] }
    let cell = payload.cell
    let start = payload.offset
    switch name {
    case "inline":
      let count = try cell.integer(start + 14, as: UInt8.self)
      return [UInt8](try cell.slice(start, min(14, Int(count))))
    case "slice":
      return try dataBytes(
        in: object(at: ArenaAddress(cell.integer(start + 8))),
        from: Int(try cell.integer(start, as: Int32.self)),
        to: Int(try cell.integer(start + 4, as: Int32.self)))
    case "large":
      let range = try object(at: ArenaAddress(cell.integer(start))).cell
      return try dataBytes(
        in: object(at: ArenaAddress(cell.integer(start + 8))),
        from: try range.count(16), to: try range.count(24))
    default: throw cell.damaged("a form of Data", at: start)
    }
  }

  /// Part of the bytes that an object owns, by its own description.
  private func dataBytes(
    in object: StoredObject, from: Int, to: Int
  ) throws(ContainerError) -> [UInt8] {
    let cell = object.cell
    func place(_ name: String) throws(ContainerError) -> StoredPlace {
      guard let part = try parts(of: object).first(where: { $0.name == name }) else {
        throw cell.damaged("the storage of a Data", at: 0)
      }
      return part.place
    }
    let first = try cell.count(try place("_offset").offset)
    let length = try cell.count(try place("_length").offset)
    let bytes = try place("_bytes")
    guard from >= first, to >= from, to - first <= length else {
      throw cell.damaged("a Data within its storage", at: bytes.offset)
    }
    let word = try cell.integer(bytes.offset, as: UInt64.self)
    guard to > from, word != 0 else { return [] }
    let content = try memory.cell(at: ArenaAddress(word))
    guard content.isRaw else { throw content.damaged("bytes, not an object", at: 0) }
    return [UInt8](try content.slice(from - first, to - from))
  }

  // MARK: Numbers

  func primitive(_ place: StoredPlace, _ record: TypeRecord) throws(ContainerError) -> StoredLeaf {
    let cell = place.cell
    let offset = place.offset
    switch record.shape {
    case .bool: return .flag(try cell.integer(offset, as: UInt8.self) & 1 != 0)
    case .scalar:
      guard let scalar = Unicode.Scalar(try cell.integer(offset, as: UInt32.self)) else {
        throw cell.damaged("a Unicode scalar", at: offset)
      }
      return .scalar(scalar)
    case .float: return try float(place, size: Int(record.size))
    default: return .integer(try integer(place, record))
    }
  }

  private func integer(
    _ place: StoredPlace, _ record: TypeRecord
  ) throws(ContainerError) -> String {
    let (cell, offset) = (place.cell, place.offset)
    switch (record.size, record.shape == .signed) {
    case (1, true): return "\(try cell.integer(offset, as: Int8.self))"
    case (1, false): return "\(try cell.integer(offset, as: UInt8.self))"
    case (2, true): return "\(try cell.integer(offset, as: Int16.self))"
    case (2, false): return "\(try cell.integer(offset, as: UInt16.self))"
    case (4, true): return "\(try cell.integer(offset, as: Int32.self))"
    case (4, false): return "\(try cell.integer(offset, as: UInt32.self))"
    case (8, true): return "\(try cell.integer(offset, as: Int64.self))"
    case (8, false): return "\(try cell.integer(offset, as: UInt64.self))"
    case (16, true): return "\(try cell.integer(offset, as: Int128.self))"
    case (16, false): return "\(try cell.integer(offset, as: UInt128.self))"
    default: throw cell.damaged("an integer", at: offset)
    }
  }

  private func float(_ place: StoredPlace, size: Int) throws(ContainerError) -> StoredLeaf {
    func leaf<Number: BinaryFloatingPoint & CustomStringConvertible>(
      _ number: Number
    ) -> StoredLeaf { .float(number.description, isFinite: number.isFinite) }
    let (cell, offset) = (place.cell, place.offset)
    switch size {
    case 2: return leaf(Float16(bitPattern: try cell.integer(offset)))
    case 4: return leaf(Float(bitPattern: try cell.integer(offset)))
    case 8: return leaf(Double(bitPattern: try cell.integer(offset)))
    case 10, 16:
      #if arch(x86_64)
        let significand = try cell.integer(offset, as: UInt64.self)
        let high = try cell.integer(offset + 8, as: UInt16.self)
        // Words on the stack need not lie where a Float80 must.
        var number = Float80()
        withUnsafeMutableBytes(of: &number) { bytes in
          bytes.storeBytes(of: significand, as: UInt64.self)
          bytes.storeBytes(of: high, toByteOffset: 8, as: UInt16.self)
        }
        return leaf(number)
      #else
        throw cell.damaged("a number of this machine", at: offset)
      #endif
    default: throw cell.damaged("a floating-point number", at: offset)
    }
  }
}

extension StoredArray {
  /// The part between two indices; nil where it is not within the array.
  func slice(base: Int64, from: Int64, to: Int64) -> StoredArray? {
    guard from <= to, to - from <= Int64(count) else { return nil }
    guard stride > 0 else { return prefix(from: 0, count: Int(to - from)) }
    let (product, overflow) = from.multipliedReportingOverflow(by: Int64(stride))
    let (place, carried) = base.addingReportingOverflow(product)
    guard !overflow, !carried, place >= Int64(first) else { return nil }
    let distance = place - Int64(first)
    let index = distance / Int64(stride)
    guard distance % Int64(stride) == 0, index <= Int64(count), to - from <= Int64(count) - index
    else { return nil }
    return prefix(from: Int(index), count: Int(to - from))
  }
}
