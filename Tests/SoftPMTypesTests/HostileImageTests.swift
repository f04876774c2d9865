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
    var random = Numbers(seed: 4)
    var refused = 0
    for _ in 0..<300 {
      let stored = original.forged(words: 1, &random)
      do throws(ContainerError) {
        let zoo: Zoo = try ToyContainer.restore(stored, isUntrusted: true)
        // Every reference of what was accepted leads to an object whose layout can be read.
        try ToyContainer().discover(zoo)
      } catch {
        #expect(error.code == .corrupt, "\(error)")
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
    var random = Numbers(seed: 5)
    var refused = 0
    let count = isDeep ? 5_000 : 100
    for _ in 0..<count {
      // Several at once, as most words alone are numbers, which may be any.
      let stored = original.forged(words: 4, &random)
      do throws(ContainerError) {
        let restored: AnyObject = try ToyContainer.restore(stored, isUntrusted: true)
        try ToyContainer().discover(restored)
      } catch {
        // A type that does not conform to what an existential asks for may have done so once.
        #expect([.corrupt, .typeChanged].contains(error.code), "\(error)")
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
    var random = Numbers(seed: 6)
    var refused = 0
    let count = isDeep ? 20_000 : 400
    for _ in 0..<count {
      let stored = original.withForgedTable(&random)
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
