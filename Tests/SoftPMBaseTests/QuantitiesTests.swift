import Testing

@testable import SoftPMBase

@Suite("Quantities and identifiers")
struct QuantitiesTests {
  @Test("rounding up gives the least multiple that holds the bytes")
  func rounding() {
    for count in 0...300 {
      for unit in [1, 2, 16, 64, 256] {
        let rounded = ByteCount(count).roundedUp(to: ByteCount(unit)).rawValue
        #expect(
          rounded % unit == 0 && rounded >= count && rounded - count < unit,
          "\(count) to a multiple of \(unit) gave \(rounded)")
      }
    }
  }

  @Test(
    "a byte count describes itself in the largest unit that divides it",
    arguments: [
      (0, "0 B"), (17, "17 B"), (1024, "1 KiB"), (16 << 10, "16 KiB"), (1025, "1025 B"),
      (3 << 30, "3 GiB"), (5 << 50, "5120 TiB"),
    ])
  func description(_ count: Int, _ text: String) {
    #expect("\(ByteCount(count))" == text)
  }

  @Test("a version is written as a bare number, and a literal is a version")
  func versions() {
    let version: VersionID = 12
    #expect("\(version)" == "12")
    #expect(version < 13)
    #expect(version == VersionID(12))
  }

  @Test("equal digests mean equal bytes, and one flipped bit changes both checksums")
  func checksums() {
    var bytes = [UInt8](repeating: 0xa5, count: 4096)
    let before = bytes.withUnsafeBytes { (Checksum.digest($0), Checksum.xxh3($0)) }
    bytes[1234] ^= 1
    let after = bytes.withUnsafeBytes { (Checksum.digest($0), Checksum.xxh3($0)) }
    bytes[1234] ^= 1
    let again = bytes.withUnsafeBytes { (Checksum.digest($0), Checksum.xxh3($0)) }
    #expect(before != after)
    #expect(before == again)
  }

  /// The reference values of the published XXH3 specification for empty input, seed 0.
  @Test("the checksum is XXH3 as published, so that other tools can verify a store")
  func knownVectors() {
    let empty = UnsafeRawBufferPointer(start: nil, count: 0)
    #expect(Checksum.xxh3(empty) == 0x2d06_8005_38d3_94c2)
    #expect("\(Checksum.digest(empty))" == "99aa06d3014798d86001c324468d497f")
  }
}
