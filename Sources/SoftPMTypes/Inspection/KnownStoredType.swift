// Types of the standard library and Foundation that people know by another form than their fields.

import SoftPMBase

enum KnownStoredType {
  /// The value in its usual form; nil for all other types.
  static func read(
    _ place: StoredPlace, _ record: TypeRecord, _ reader: StoredReader, _ depth: Int
  ) throws(ContainerError) -> StoredValue? {
    guard record.kind == .value, case .mangled(let name) = record.identity else { return nil }
    switch name {
    case "SJ":
      guard let field = record.fields.first else { return nil }
      let inner = StoredPlace(place.cell, place.offset + Int(field.offset), field.type)
      return try reader.value(at: inner, depth: depth + 1)
    case "10Foundation4DateV", "20FoundationEssentials4DateV":
      // Seconds since 2001.
      let seconds = Double(bitPattern: try place.cell.integer(place.offset))
      return .leaf(.date(seconds + 978_307_200))
    case "10Foundation4UUIDV", "20FoundationEssentials4UUIDV":
      return .leaf(.uuid(uuid(try place.cell.slice(place.offset, 16))))
    case "10Foundation4DataV", "20FoundationEssentials4DataV":
      return .leaf(.data(try reader.data(place, record, depth: depth)))
    case "10Foundation7DecimalV", "20FoundationEssentials7DecimalV":
      guard record.size == 20 else { return nil }
      return .leaf(decimal(try place.cell.slice(place.offset, 20)))
    case "10Foundation3URLV", "20FoundationEssentials3URLV":
      return try url(place, record, reader, depth)
    default: return nil
    }
  }

  /// Byte 0: the exponent; byte 1: count of words (bits 4–7), sign (bit 3); 4: words of the number.
  private static func decimal(_ bytes: UnsafeRawBufferPointer) -> StoredLeaf {
    let exponent = Int(Int8(bitPattern: bytes[0]))
    let count = min(8, Int(bytes[1] >> 4))
    let isNegative = bytes[1] & 8 != 0
    if count == 0 {
      return isNegative ? .float("nan", isFinite: false) : .float("0", isFinite: true)
    }
    var number: UInt128 = 0
    for index in (0..<count).reversed() {
      number = number << 16 | UInt128(bytes[4 + 2 * index]) | UInt128(bytes[5 + 2 * index]) << 8
    }
    var digits = String(number)
    if exponent >= 0 {
      digits += String(repeating: "0", count: number == 0 ? 0 : exponent)
    } else {
      digits = String(repeating: "0", count: max(0, 1 - exponent - digits.count)) + digits
      digits.insert(".", at: digits.index(digits.endIndex, offsetBy: exponent))
      while digits.hasSuffix("0") { digits.removeLast() }
      if digits.hasSuffix(".") { digits.removeLast() }
    }
    return .float((isNegative ? "-" : "") + digits, isFinite: true)
  }

  private static func uuid(_ bytes: UnsafeRawBufferPointer) -> String {
    let digits = Array("0123456789ABCDEF")
    var text = ""
    for (index, byte) in bytes.enumerated() {
      if [4, 6, 8, 10].contains(index) { text += "-" }
      text.append(digits[Int(byte >> 4)])
      text.append(digits[Int(byte & 0xf)])
    }
    return text
  }

  /// The text that a URL was parsed from, found by name in its objects.
  private static func url(
    _ place: StoredPlace, _ record: TypeRecord, _ reader: StoredReader, _ depth: Int
  ) throws(ContainerError) -> StoredValue? {
    guard let field = record.fields.first else { return nil }
    let inner = StoredPlace(place.cell, place.offset + Int(field.offset), field.type)
    guard case .object(let object) = try reader.value(at: inner, depth: depth + 1) else {
      return nil
    }
    func text(_ parts: [StoredPart], _ name: String) throws(ContainerError) -> String? {
      guard let part = parts.first(where: { $0.name == name }) else { return nil }
      switch try reader.value(at: part.place, depth: depth + 2) {
      case .object(let info):
        let inner = try reader.parts(of: info)
        guard let string = inner.first(where: { $0.name == "urlString" }),
          case .leaf(.string(let text)) = try reader.value(at: string.place, depth: depth + 3)
        else { return nil }
        return text
      case .record(_, let inner):
        guard let string = inner.first(where: { $0.name == "urlString" }),
          case .leaf(.string(let text)) = try reader.value(at: string.place, depth: depth + 3)
        else { return nil }
        return text
      default: return nil
      }
    }
    let parts = try reader.parts(of: object)
    guard let relative = try text(parts, "_parseInfo") else { return nil }
    if let base = try text(parts, "_baseParseInfo") {
      return .leaf(.url("\(relative) -- \(base)"))
    }
    return .leaf(.url(relative))
  }
}
