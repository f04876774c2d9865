import Testing

@testable import SoftPMBase

@Suite("ByteReader and ByteWriter")
struct ByteReaderTests {
  private static func read<R>(
    _ bytes: [UInt8], at origin: UInt64 = 0,
    _ body: (inout ByteReader) throws(ContainerError) -> R
  ) -> Result<R, ContainerError> {
    bytes.withUnsafeBytes { raw in
      var reader = ByteReader(raw, of: "a test record", at: origin)
      return Result { () throws(ContainerError) in try body(&reader) }
    }
  }

  @Test("what is written is read back, field by field, to the end")
  func roundTrip() throws {
    var writer = ByteWriter()
    writer.integer(UInt8(7))
    writer.integer(Int64(-3))
    writer.string("naïve café 🧡")
    writer.digest(Digest(low: 1, high: .max))
    writer.pad(to: 16)
    let size = writer.count
    #expect(size % 16 == 0)
    let result = Self.read(writer.bytes) { reader throws(ContainerError) in
      #expect(try reader.integer(UInt8.self) == 7)
      #expect(try reader.integer(Int64.self) == -3)
      #expect(try reader.string(atMost: 100, of: "characters") == "naïve café 🧡")
      #expect(try reader.digest() == Digest(low: 1, high: .max))
      try reader.zeros(reader.remaining)
      try reader.finish()
    }
    try result.get()
  }

  @Test(
    "integers are little-endian whatever the machine",
    arguments: [(UInt32(0x0102_0304), [4, 3, 2, 1] as [UInt8])])
  func littleEndian(_ value: UInt32, _ bytes: [UInt8]) {
    var writer = ByteWriter()
    writer.integer(value)
    #expect(writer.bytes == bytes)
  }

  @Test("a record cut short anywhere throws .corrupt with the offset, and reads nothing beyond")
  func truncation() {
    var writer = ByteWriter()
    writer.integer(UInt32(1))
    writer.string("abcdef")
    for length in 0..<writer.count {
      let result = Self.read(Array(writer.bytes[..<length]), at: 1000) {
        reader throws(ContainerError) in
        _ = try reader.integer(UInt32.self)
        _ = try reader.string(atMost: 10, of: "characters")
      }
      guard case .failure(let error) = result else {
        Issue.record("a record of \(length) of \(writer.count) bytes was read whole")
        continue
      }
      #expect(error.code == .corrupt)
      #expect(error.offset.map { (1000...1000 + UInt64(length)).contains($0) } == true)
    }
  }

  @Test("a count beyond its limit throws before anything is allocated")
  func countLimit() {
    var writer = ByteWriter()
    writer.integer(UInt32.max)
    let result = Self.read(writer.bytes) { reader throws(ContainerError) in
      try reader.count(atMost: 1000, of: "elements")
    }
    #expect(throws: ContainerError.self) { try result.get() }
  }

  @Test("taking a negative number of bytes, or the largest one, throws instead of wrapping round")
  func extremes() {
    for count in [-1, Int.min, Int.max] {
      let result = Self.read([1, 2, 3]) { reader throws(ContainerError) in
        _ = try reader.integer(UInt8.self)
        return try reader.take(count).count
      }
      #expect(throws: ContainerError.self, "count \(count)") { try result.get() }
    }
  }

  @Test("a string that is not UTF-8 throws")
  func invalidText() {
    let result = Self.read([2, 0, 0, 0, 0xff, 0xfe]) { reader throws(ContainerError) in
      try reader.string(atMost: 10, of: "characters")
    }
    #expect(throws: ContainerError.self) { try result.get() }
  }

  @Test("bytes left over at the end of a record throw")
  func leftOver() {
    let result = Self.read([1, 2]) { reader throws(ContainerError) in
      _ = try reader.integer(UInt8.self)
      try reader.finish()
    }
    #expect(throws: ContainerError.self) { try result.get() }
  }

  @Test("a patched integer replaces exactly its own bytes")
  func patch() {
    var writer = ByteWriter()
    writer.integer(UInt32(0))
    writer.integer(UInt8(9))
    writer.patch(UInt32(0xaabb_ccdd), at: 0)
    #expect(writer.bytes == [0xdd, 0xcc, 0xbb, 0xaa, 9])
  }
}
