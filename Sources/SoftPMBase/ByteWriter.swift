/// Builds a record field by field; what `ByteReader` reads back.
///
/// `integer` and `patch` are inlinable because they are generic.
@usableFromInline
package struct ByteWriter {
  @usableFromInline package internal(set) var bytes: [UInt8] = []

  package init(capacity: Int = 0) {
    bytes.reserveCapacity(capacity)
  }

  package var count: Int { bytes.count }

  @inlinable
  package mutating func integer<Number: FixedWidthInteger>(_ value: Number) {
    withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
  }

  package mutating func append(_ raw: UnsafeRawBufferPointer) {
    bytes.append(contentsOf: raw)
  }

  package mutating func append(_ raw: [UInt8]) {
    bytes.append(contentsOf: raw)
  }

  /// A count that `ByteReader.count(atMost:of:)` reads back.
  package mutating func count(_ value: Int) {
    precondition(value >= 0 && value <= Int(UInt32.max), "a count must fit 32 bits")
    integer(UInt32(value))
  }

  package mutating func string(_ text: String) {
    var text = text
    text.withUTF8 {
      count($0.count)
      append(UnsafeRawBufferPointer($0))
    }
  }

  package mutating func digest(_ digest: Digest) {
    integer(digest.low)
    integer(digest.high)
  }

  package mutating func zeros(_ count: Int) {
    bytes.append(contentsOf: repeatElement(0, count: count))
  }

  /// Fills with zeros up to the next multiple of `unit`.
  package mutating func pad(to unit: Int) {
    let excess = bytes.count % unit
    if excess != 0 { zeros(unit - excess) }
  }

  /// Overwrites an integer written before, such as a checksum known only at the end.
  @inlinable
  package mutating func patch<Number: FixedWidthInteger>(_ value: Number, at position: Int) {
    precondition(position >= 0 && position + MemoryLayout<Number>.size <= bytes.count)
    withUnsafeBytes(of: value.littleEndian) { raw in
      for (index, byte) in raw.enumerated() { bytes[position + index] = byte }
    }
  }
}
