// The bytes of a type table.
//
//      table    4 form of this encoding, now 1;  records, each preceded by its length
//      record   1 kind   … identity   4+n name   1 (or 9) shape   4 size   4 stride
//               1 alignment mask   1 stored inline in existentials
//               4 field count;  fields: 4+n name   4 type   4 offset   1 ownership (bits 0–1),
//                                       transparent (bit 2)   1 … reach (`FieldReach`)
//               4 case count;   cases:  4+n name   4 type + 1, or 0   1 indirect
//                                       4 count of bits;  bits: 4 offset   1 mask   1 value
//
// There is no count of records in front: a longer table's bytes begin with a shorter one's.

import SoftPMBase

extension TypeTable {
  /// The form of the encoding that this library writes, and the only one that it reads.
  static let form: UInt32 = 1

  package func encoded() -> [UInt8] {
    var writer = ByteWriter()
    writer.integer(Self.form)
    for record in records {
      var body = ByteWriter()
      record.encode(into: &body)
      writer.count(body.count)
      writer.append(body.bytes)
    }
    return writer.bytes
  }

  package init(decoding bytes: UnsafeRawBufferPointer) throws(ContainerError) {
    self.init()
    adopt(try Self.records(decoding: bytes))
  }

  /// The records alone: no type of this process is looked for.
  static func records(
    decoding bytes: UnsafeRawBufferPointer
  ) throws(ContainerError) -> [TypeRecord] {
    var reader = ByteReader(bytes, of: "a type table")
    var decoded: [TypeRecord] = []
    if reader.isAtEnd { return [] }
    let form = try reader.integer(UInt32.self)
    guard form == Self.form else {
      throw ContainerError(
        code: .newerFormat,
        message: "The container's type table has form \(form); this library reads "
          + "\(Self.form). Open the store with the newer library that wrote it.")
    }
    while !reader.isAtEnd {
      guard decoded.count < Self.countMost else {
        throw reader.invalid("at most \(Self.countMost) types")
      }
      let length = try reader.count(atMost: reader.remaining, of: "bytes of a type's record")
      let start = reader.offset
      var body = ByteReader(try reader.take(length), of: "a type's record", at: start)
      decoded.append(try TypeRecord(decoding: &body))
      try body.finish()
    }
    for record in decoded {
      let types = record.fields.map(\.type) + record.cases.compactMap(\.type)
      guard types.allSatisfy({ $0 < decoded.count }) else {
        throw reader.invalid("types within the table in the record of \(record.name)")
      }
    }
    return decoded
  }

  package init(decoding bytes: [UInt8]) throws(ContainerError) {
    self.init()
    // Typed throws do not pass through `withUnsafeBytes` of arrays.
    let result = bytes.withUnsafeBytes { raw -> Result<TypeTable, ContainerError> in
      do throws(ContainerError) {
        return .success(try TypeTable(decoding: raw))
      } catch {
        return .failure(error)
      }
    }
    let decoded = try result.get()
    adopt(decoded.records)
  }
}

extension TypeRecord {
  func encode(into writer: inout ByteWriter) {
    writer.integer(kind.rawValue)
    identity.encode(into: &writer)
    writer.string(name)
    shape.encode(into: &writer)
    writer.integer(size)
    writer.integer(stride)
    writer.integer(alignmentMask)
    writer.integer(UInt8(isStoredInline ? 1 : 0))
    writer.count(fields.count)
    for field in fields {
      writer.string(field.name)
      writer.integer(field.type)
      writer.integer(field.offset)
      writer.integer(field.ownership.rawValue | (field.isTransparent ? 4 : 0))
      field.reach.encode(into: &writer)
    }
    writer.count(cases.count)
    for current in cases {
      writer.string(current.name)
      writer.integer(current.type.map { $0 + 1 } ?? 0)
      writer.integer(UInt8(current.isIndirect ? 1 : 0))
      writer.count(current.bits.count)
      for bits in current.bits {
        writer.integer(bits.offset)
        writer.integer(bits.mask)
        writer.integer(bits.value)
      }
    }
  }

  init(decoding reader: inout ByteReader) throws(ContainerError) {
    let kindByte: UInt8 = try reader.integer()
    guard let kind = Kind(rawValue: kindByte) else {
      throw reader.invalid("a kind of type", found: "\(kindByte)")
    }
    self.kind = kind
    identity = try TypeIdentity(decoding: &reader)
    name = try reader.string(atMost: TypeTable.nameBytesMost, of: "bytes of a type's name")
    shape = try TypeShape(decoding: &reader)
    size = try reader.integer()
    guard shape.admits(size) else { throw reader.invalid("the size of a number", found: "\(size)") }
    stride = try reader.integer()
    alignmentMask = try reader.integer()
    let inlineByte: UInt8 = try reader.integer()
    guard inlineByte <= 1 else { throw reader.invalid("an inline flag", found: "\(inlineByte)") }
    isStoredInline = inlineByte == 1
    try decodeFields(&reader)
    try decodeCases(&reader)
  }

  private mutating func decodeFields(_ reader: inout ByteReader) throws(ContainerError) {
    let count = try reader.count(atMost: reader.remaining, of: "fields")
    for _ in 0..<count {
      let name = try reader.string(atMost: TypeTable.nameBytesMost, of: "bytes of a field's name")
      let type: UInt32 = try reader.integer()
      let offset: UInt32 = try reader.integer()
      let flags: UInt8 = try reader.integer()
      guard flags < 8, let ownership = Ownership(rawValue: flags & 3) else {
        throw reader.invalid("a kind of reference", found: "\(flags)")
      }
      fields.append(
        Field(
          name: name, type: type, offset: offset, ownership: ownership,
          isTransparent: flags & 4 != 0, reach: try FieldReach(decoding: &reader)))
    }
  }

  private mutating func decodeCases(_ reader: inout ByteReader) throws(ContainerError) {
    let count = try reader.count(atMost: reader.remaining, of: "cases")
    for _ in 0..<count {
      let name = try reader.string(atMost: TypeTable.nameBytesMost, of: "bytes of a case's name")
      let type: UInt32 = try reader.integer()
      let flag: UInt8 = try reader.integer()
      guard flag <= 1 else { throw reader.invalid("an indirect flag", found: "\(flag)") }
      var bits: [CaseBits] = []
      let bitCount = try reader.count(atMost: reader.remaining / 6, of: "bytes of a case")
      for _ in 0..<bitCount {
        let offset: UInt32 = try reader.integer()
        let mask: UInt8 = try reader.integer()
        let value: UInt8 = try reader.integer()
        guard offset < size, mask != 0, value & ~mask == 0 else {
          throw reader.invalid("bits of a case within its type")
        }
        bits.append(CaseBits(offset: offset, mask: mask, value: value))
      }
      cases.append(
        Case(name: name, type: type == 0 ? nil : type - 1, isIndirect: flag == 1, bits: bits))
    }
  }
}
