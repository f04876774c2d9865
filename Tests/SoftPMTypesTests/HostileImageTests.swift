import Foundation
import SoftPMBase
import SoftPMTypes
import Testing
import TypesZoo

@Suite("An image that somebody has changed")
struct HostileImageTests {
  private let isDeep = ProcessInfo.processInfo.environment["SOFTPM_TEST_DEEP"] == "1"

  private func zoo() throws -> ToyContainer.Stored {
    let zoo = Zoo()
    let container = ToyContainer()
    try container.discover(zoo)
    let stored = try container.stored()
    withExtendedLifetime(zoo) {}
    return stored
  }

  @Test("is restored whole when nothing was changed")
  func unchanged() throws {
    let zoo: Zoo = try ToyContainer.restore(try zoo(), isUntrusted: true)
    #expect(zoo.problems() == [])
  }

  @Test("is refused, or sound enough to be walked, whatever word was changed")
  func changedWords() throws {
    let original = try zoo()
    var random = Random(seed: 4)
    var refused = 0
    for _ in 0..<300 {
      var stored = original
      let cell = stored.cells[Int(random.next() % UInt64(stored.cells.count))]
      let offset = cell.offset + Int(random.next() % UInt64(cell.byteCount / 8)) * 8
      let word = random.interestingWord(stored)
      stored.bytes.withUnsafeMutableBytes {
        $0.storeBytes(of: word, toByteOffset: offset, as: UInt64.self)
      }
      do throws(ContainerError) {
        let zoo: Zoo = try ToyContainer.restore(stored, isUntrusted: true)
        // Every reference of what was accepted leads to an object whose layout can be read.
        try ToyContainer().discover(zoo)
      } catch {
        #expect(
          error.code == .corrupt, "offset \(offset), word \(word): \(error)")
        refused += 1
      }
    }
    #expect(refused > 100)
  }

  @Test("is refused, or sound enough to be walked, for every stored type of the table too")
  func changedExhibits() throws {
    let exhibitor = Exhibitor("")
    let root = exhibitor.make()
    let container = ToyContainer()
    try container.discover(root)
    let original = try container.stored()
    withExtendedLifetime(root) {}
    var random = Random(seed: 5)
    var refused = 0
    let count = isDeep ? 5_000 : 100
    for _ in 0..<count {
      var stored = original
      // Several at once, as most words alone are numbers, which may be any.
      for _ in 0..<4 {
        let cell = stored.cells[Int(random.next() % UInt64(stored.cells.count))]
        let offset = cell.offset + Int(random.next() % UInt64(max(1, cell.byteCount / 8))) * 8
        let word = random.interestingWord(stored)
        stored.bytes.withUnsafeMutableBytes {
          $0.storeBytes(of: word, toByteOffset: offset, as: UInt64.self)
        }
      }
      do throws(ContainerError) {
        let restored: AnyObject = try ToyContainer.restore(stored, isUntrusted: true)
        try ToyContainer().discover(restored)
      } catch {
        #expect(error.code == .corrupt, "\(error)")
        refused += 1
      }
    }
    #expect(refused > count / 2)
  }

  @Test("is refused where an actor's executor holds anything, in any of its words")
  func actorStorage() throws {
    actor Idle { var count = 1 }
    let container = ToyContainer()
    let actor = Idle()
    try container.discover(actor)
    let original = try container.stored()
    let _: Idle = try ToyContainer.restore(original, isUntrusted: true)
    for offset in stride(from: 16, to: 112, by: 8) {
      var stored = original
      stored.bytes.withUnsafeMutableBytes {
        $0.storeBytes(of: 1, toByteOffset: original.cells[0].offset + offset, as: UInt64.self)
      }
      #expect(throws: ContainerError.self, "word at \(offset)") {
        let _: Idle = try ToyContainer.restore(stored, isUntrusted: true)
      }
    }
    withExtendedLifetime(actor) {}
  }

  @Test("is refused, or restored, when bytes of its types were changed")
  func changedTypes() throws {
    let original = try zoo()
    var random = Random(seed: 6)
    var refused = 0
    let count = isDeep ? 20_000 : 400
    for _ in 0..<count {
      var stored = original
      for _ in 0...random.next() % 3 {
        let place = Int(random.next() % UInt64(stored.table.count))
        let change = UInt8(truncatingIfNeeded: random.next())
        stored.table[place] = random.next() % 2 == 0 ? change : stored.table[place] ^ 1
      }
      do throws(ContainerError) {
        let types = try TypeTable(decoding: stored.table)
        _ = try types.resolved(in: TypeCatalog())
      } catch {
        // The table begins with its form.
        let expected: [ContainerError.Code] = [
          .corrupt, .typeChanged, .typeMissing, .unsupportedType, .newerFormat,
        ]
        #expect(expected.contains(error.code), "\(error)")
        refused += 1
      }
    }
    #expect(refused > count / 2)
  }

  @Test("is refused when its types are cut short, anywhere")
  func cutTable() throws {
    let stored = try zoo()
    for count in stride(from: 1, to: stored.table.count, by: 97) {
      var short = stored
      short.table = Array(stored.table[..<count])
      let zoo: Zoo? = try? ToyContainer.restore(short, isUntrusted: true)
      #expect(zoo == nil, "\(count) bytes")
    }
  }
}

/// SplitMix64: the same numbers in every run.
private struct Random {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }

  /// Values that a forger would try: small numbers, addresses of members and just beside them,
  /// types, extremes, noise.
  mutating func interestingWord(_ stored: ToyContainer.Stored) -> UInt64 {
    let cell = stored.cells[Int(next() % UInt64(stored.cells.count))]
    switch next() % 8 {
    case 0: return next() % 64
    case 1: return stored.home.rawValue + UInt64(cell.offset)
    case 2: return stored.home.rawValue + UInt64(cell.offset) + 8
    case 3: return stored.home.rawValue + (next() % 16) * 16
    case 4: return (next() % 200) << 12
    case 5: return UInt64.max >> (next() % 4)
    case 6: return 1 << (next() % 64)
    default: return next()
    }
  }
}
