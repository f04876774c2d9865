// The bytes of a type table.
//
//      record   1 kind   … identity   4+n name   4 size   4 stride   1 alignment mask
//               4 field count;  fields: 4+n name   4 type   4 offset   1 ownership
//               4 case count;   cases:  4+n name   4 type + 1, or 0   1 indirect
//
// Each record is preceded by its length. There is no count of records in front: a longer table's
// bytes begin with a shorter one's.

import SoftPMBase

extension TypeTable {
  package func encoded() -> [UInt8] {
    var writer = ByteWriter()
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
    var reader = ByteReader(bytes, of: "a type table")
    var decoded: [TypeRecord] = []
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
    adopt(decoded)
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
    writer.integer(size)
    writer.integer(stride)
    writer.integer(alignmentMask)
    writer.count(fields.count)
    for field in fields {
      writer.string(field.name)
      writer.integer(field.type)
      writer.integer(field.offset)
      writer.integer(field.ownership.rawValue)
    }
    writer.count(cases.count)
    for current in cases {
      writer.string(current.name)
      writer.integer(current.type.map { $0 + 1 } ?? 0)
      writer.integer(UInt8(current.isIndirect ? 1 : 0))
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
    size = try reader.integer()
    stride = try reader.integer()
    alignmentMask = try reader.integer()
    let fieldCount = try reader.count(atMost: reader.remaining, of: "fields")
    for _ in 0..<fieldCount {
      let name = try reader.string(atMost: TypeTable.nameBytesMost, of: "bytes of a field's name")
      let type: UInt32 = try reader.integer()
      let offset: UInt32 = try reader.integer()
      let ownershipByte: UInt8 = try reader.integer()
      guard let ownership = Ownership(rawValue: ownershipByte) else {
        throw reader.invalid("a kind of reference", found: "\(ownershipByte)")
      }
      fields.append(Field(name: name, type: type, offset: offset, ownership: ownership))
    }
    let caseCount = try reader.count(atMost: reader.remaining, of: "cases")
    for _ in 0..<caseCount {
      let name = try reader.string(atMost: TypeTable.nameBytesMost, of: "bytes of a case's name")
      let type: UInt32 = try reader.integer()
      let flag: UInt8 = try reader.integer()
      guard flag <= 1 else { throw reader.invalid("an indirect flag", found: "\(flag)") }
      cases.append(Case(name: name, type: type == 0 ? nil : type - 1, isIndirect: flag == 1))
    }
  }
}
