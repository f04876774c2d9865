import SoftPMBase
import Testing
import TypesZoo

@testable import SoftPMTypes

private struct Padded {
  var small: UInt8 = 1
  var large = 2
}
private enum Slack {
  case small(UInt8)
  case large(Int, Int)
}
private final class Observed {
  var number = 5
}

/// Bytes that no value has, where no value is.
private let poison: UInt8 = 0xAB

@Suite("An image holds what is alive, and nothing else")
struct ImageContentTests {
  private func image(of root: AnyObject) throws -> (bytes: [UInt8], start: Int, members: Int) {
    let container = ToyContainer()
    try container.discover(root)
    let image = try container.image()
    return (image, container.members[0].offset, container.members.count)
  }

  /// The bytes of a value's image after some of its bytes were poisoned in memory.
  private func image<Value>(of value: Value, poisoning range: Range<Int>) throws -> [UInt8] {
    let holder = Holder(value)
    let place = UnsafeMutableRawPointer(Unmanaged.passUnretained(holder).toOpaque())
    memset(place + 16 + range.lowerBound, poison, range.count)
    let (bytes, start, _) = try image(of: holder)
    withExtendedLifetime(holder) {}
    return Array(bytes[start + 16..<start + 16 + MemoryLayout<Value>.size])
  }

  private func memset(_ place: UnsafeMutableRawPointer, _ byte: UInt8, _ count: Int) {
    place.initializeMemory(as: UInt8.self, repeating: byte, count: count)
  }

  @Test("padding, unused payload bytes of an enum and unused words of an existential are zero")
  func gaps() throws {
    let padded = try image(of: Padded(), poisoning: 1..<8)
    #expect(padded == [1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0])
    let small = try image(of: Slack.small(7), poisoning: 1..<16)
    #expect(small[0] == 7 && small[1..<16].allSatisfy { $0 == 0 })
    let vector = try image(of: SIMD3<Float>(1, 2, 3), poisoning: 12..<16)
    #expect(vector[12..<16].allSatisfy { $0 == 0 } && vector[11] != 0)
    let anything = try image(of: UInt8(3) as Any, poisoning: 1..<24)
    #expect(anything[0] == 3 && anything[1..<24].allSatisfy { $0 == 0 })
  }

  /// Whether eight poisoned bytes follow each other.
  private func isPoisoned(_ bytes: some Collection<UInt8>) -> Bool {
    var run = 0
    for byte in bytes {
      run = byte == poison ? run + 1 : 0
      if run == 8 { return true }
    }
    return false
  }

  private func memory(of object: AnyObject, _ count: Int) -> [UInt8] {
    let start = UnsafeRawPointer(Unmanaged.passUnretained(object).toOpaque())
    return [UInt8](UnsafeRawBufferPointer(start: start, count: count))
  }

  @Test("what was in spare capacity, empty buckets and behind a string's end is not in it")
  func storage() throws {
    let secret = Int(bitPattern: 0xABAB_ABAB_ABAB_ABAB)
    let array = Holder([1, secret, secret])
    array.value.removeLast(2)
    let storage = array.value.withUnsafeBytes {
      [UInt8](UnsafeRawBufferPointer(start: $0.baseAddress, count: 24))
    }
    #expect(isPoisoned(storage), "the test's array has nothing to leave out")
    #expect(!isPoisoned(try image(of: array).bytes))

    let table = Holder(Dictionary(uniqueKeysWithValues: (0..<20).map { ($0, secret) }))
    table.value[19] = 2
    for key in 0..<19 { table.value[key] = nil }
    let word = withUnsafeBytes(of: &table.value) { $0.load(as: UInt.self) }
    let object = try #require(UnsafeRawPointer(bitPattern: word))
    #expect(
      isPoisoned(UnsafeRawBufferPointer(start: object + 72, count: 512)), "nothing to leave out")
    #expect(!isPoisoned(try image(of: table).bytes))

    let text = Holder(String(repeating: "a", count: 20) + String(repeating: "\u{fb}", count: 10))
    text.value.removeLast(10)
    let other = Holder(String(repeating: "a", count: 20))
    other.value.reserveCapacity(text.value.utf8.count + 20)
    let image = try image(of: text).bytes
    #expect(!image.contains(0xbb), "the removed characters' bytes")
  }

  @Test("breadcrumbs of a string, and side tables of weak references, are not in it")
  func runtimeData() throws {
    let text = Holder(String(repeating: "é", count: 300))
    let before = try image(of: text)
    #expect(text.value.utf16.count == 300)
    let after = try image(of: text)
    #expect(before.bytes == after.bytes && before.members == after.members)

    let object = Observed()
    let header = { memory(of: object, 16)[8..<16].map { $0 } }
    let plain = try image(of: object).bytes
    let countsBefore = header()
    weak let reference: Observed? = object
    #expect(reference?.number == 5)
    #expect(header() != countsBefore, "a side table was made")
    #expect(try image(of: object).bytes == plain)
    // And so has the restored one none, until somebody refers to it weakly.
    let back = try ToyContainer.roundTrip(object)
    #expect(memory(of: back, 16)[15] & 0x80 == 0)
    weak let again: Observed? = back
    #expect(again === back && memory(of: back, 16)[15] & 0x80 != 0)
  }

  @Test("counts are those of the references within, whatever was counted while it was made")
  func counts() throws {
    let object = Observed()
    let root = Holder([object, object])
    let plain = try image(of: root).bytes
    let held = (0..<50).map { _ in Unmanaged.passRetained(object) }
    #expect(try image(of: root).bytes == plain)
    for reference in held { reference.release() }
  }

  @Test("layouts are compiled once for each type and catalog")
  func layouts() throws {
    let catalog = TypeCatalog()
    let first = Observed()
    let second = Observed()
    func layout(_ object: Observed, _ catalog: TypeCatalog) throws -> ObjectLayout {
      try catalog.layout(
        ofObjectAt: UnsafeRawPointer(Unmanaged.passUnretained(object).toOpaque()))
    }
    #expect(try layout(first, catalog) === layout(second, catalog))
    #expect(try layout(first, catalog) === catalog.layout(ofInstancesOf: Observed.self))
    #expect(try layout(first, TypeCatalog()) !== layout(second, catalog))
  }
}
