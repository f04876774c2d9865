/// Reads a record field by field, and never beyond its end.
///
/// 1. Every read checks bounds with arithmetic that cannot overflow; what does not fit throws
///    `.corrupt` with the offset in the store, whatever the bytes are.
/// 2. Integers are little-endian. Counts are checked against a limit before anything is allocated.
/// 3. The reader does not own the bytes; they must outlive it.
/// 4. `integer` is inlinable because it is generic: called across modules without being compiled
///    for its type it took most of the time of reading a table.
@usableFromInline
package struct ByteReader {
  private let bytes: UnsafeRawBufferPointer
  /// Where the first byte lies in the store, for error messages.
  private let origin: UInt64
  /// What is being read, for error messages.
  private let record: StaticString
  package private(set) var position = 0

  package init(_ bytes: UnsafeRawBufferPointer, of record: StaticString, at origin: UInt64 = 0) {
    self.bytes = bytes
    self.origin = origin
    self.record = record
  }

  package var remaining: Int { bytes.count - position }
  package var isAtEnd: Bool { position == bytes.count }
  /// The position in the store of the next byte.
  package var offset: UInt64 { origin &+ UInt64(position) }

  /// An error about the bytes just before `position`, or at `offset` where one is given.
  package func invalid(
    _ expected: String, found: String? = nil, at offset: UInt64? = nil
  ) -> ContainerError {
    .corrupt(at: offset ?? self.offset, expected: "\(expected) in \(record)", found: found)
  }

  @usableFromInline
  package mutating func take(_ count: Int) throws(ContainerError) -> UnsafeRawBufferPointer {
    guard count >= 0, count <= remaining else {
      throw invalid("\(count) more bytes", found: "\(remaining)")
    }
    defer { position += count }
    return UnsafeRawBufferPointer(rebasing: bytes[position..<position + count])
  }

  package mutating func skip(_ count: Int) throws(ContainerError) {
    _ = try take(count)
  }

  @inlinable
  package mutating func integer<Number: FixedWidthInteger>(
    _ type: Number.Type = Number.self
  ) throws(ContainerError) -> Number {
    let raw = try take(MemoryLayout<Number>.size)
    return Number(littleEndian: raw.loadUnaligned(as: Number.self))
  }

  /// A count or size that must not exceed `limit`.
  package mutating func count(
    atMost limit: Int, of what: StaticString
  ) throws(ContainerError) -> Int {
    let start = offset
    let value = try integer(UInt32.self)
    guard value <= limit else {
      throw invalid("at most \(limit) \(what)", found: "\(value)", at: start)
    }
    return Int(value)
  }

  /// A length-prefixed string of valid UTF-8.
  package mutating func string(
    atMost limit: Int, of what: StaticString
  ) throws(ContainerError) -> String {
    let start = offset
    let length = try count(atMost: limit, of: what)
    let raw = try take(length)
    guard let text = String(validating: raw, as: UTF8.self) else {
      throw invalid("valid UTF-8 as \(what)", at: start)
    }
    return text
  }

  package mutating func digest() throws(ContainerError) -> Digest {
    let low = try integer(UInt64.self)
    let high = try integer(UInt64.self)
    return Digest(low: low, high: high)
  }

  /// Throws unless the whole record was read: trailing bytes mean a misread count.
  package func finish() throws(ContainerError) {
    guard isAtEnd else { throw invalid("the record's end", found: "\(remaining) more bytes") }
  }

  /// Throws unless the next `count` bytes, which a writer leaves zero, are zero.
  package mutating func zeros(_ count: Int) throws(ContainerError) {
    let start = offset
    guard try take(count).allSatisfy({ $0 == 0 }) else {
      throw invalid("\(count) zero bytes", at: start)
    }
  }
}
