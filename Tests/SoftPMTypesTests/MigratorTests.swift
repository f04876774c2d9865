import Foundation
import SoftPMBase
import Testing
import TypesZoo

@testable import SoftPMTypes

/// Memory for migrated objects that nobody tracks.
private final class PlainSpace: MigrationSpace {
  let home = ArenaAddress(0x5512_0000_0000)
  let block: UnsafeMutableRawPointer
  let byteCount: Int
  /// What migrated objects in the space need as long as they are.
  var catalog: TypeCatalog?
  private var used = 8192

  init(byteCount: Int = 64 << 20) {
    self.byteCount = byteCount
    guard
      let pages = mmap(nil, byteCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
      pages != MAP_FAILED
    else { fatalError("no memory for \(byteCount) bytes") }
    block = pages
  }

  /// Takes the memory away, and every object in it; nobody may have one any more.
  func end() {
    catalog = nil
    munmap(block, byteCount)
  }

  func reserve(
    byteCount: Int, alignmentMask: Int, isRaw: Bool
  ) throws(ContainerError) -> MigratedCell {
    let mask = max(15, alignmentMask)
    let start = (used + mask) & ~mask
    let rounded = (byteCount + 15) & ~15
    guard start + rounded <= self.byteCount else {
      throw ContainerError(code: .addressSpaceExhausted, message: "The test's memory is full.")
    }
    used = start + rounded
    return MigratedCell(
      home: ArenaAddress(home.rawValue + UInt64(start)), start: block + start, byteCount: rounded)
  }
}

/// The same, restored through a migration instead of in place.
private func migrate(
  _ stored: ToyContainer.Stored, as type: AnyClass, _ migrations: Migrations = Migrations(),
  isUntrusted: Bool, in space: PlainSpace = PlainSpace()
) throws(ContainerError) -> (root: AnyObject, changes: [TypeChange]) {
  let catalog = TypeCatalog()
  space.catalog = catalog
  let reader = StoredReader(
    types: try StoredTypes(decoding: stored.table), memory: ToyMemory(stored))
  let migrator = Migrator(reader, catalog: catalog, migrations: migrations, space: space)
  let graph = try migrator.run(
    root: ArenaAddress(stored.home.rawValue + UInt64(stored.cells[0].offset)), as: type)
  var restorer = Restorer(
    graph, home: space.home, base: UInt(bitPattern: space.block),
    addressSpace: ByteCount(space.byteCount), isUntrusted: isUntrusted)
  for (home, byteCount) in graph.objects {
    try restorer.swizzle(
      space.block + Int(home.rawValue - space.home.rawValue), byteCount: byteCount)
  }
  try restorer.finish()
  let root = Unmanaged<AnyObject>.fromOpaque(
    space.block + Int(graph.root.rawValue - space.home.rawValue))
  // Cells of the block are not ours to free one by one: they stay, and their space.
  _ = root.retain()
  _ = Unmanaged.passRetained(space)
  return (root.takeUnretainedValue(), migrator.changes)
}

private func image(of root: AnyObject) throws -> ToyContainer.Stored {
  let container = ToyContainer()
  try container.discover(root)
  let stored = try container.stored()
  withExtendedLifetime(root) {}
  return stored
}

@Suite("Migrating")
struct MigratorTests {
  @Test("what has not changed comes through as it was: every stored type of the table")
  func exhibition() throws {
    let own = Exhibitor("")
    let root = own.make()
    let stored = try image(of: root)
    for isUntrusted in [false, true] {
      let (back, changes) = try migrate(stored, as: type(of: root), isUntrusted: isUntrusted)
      #expect(own.problems(of: back) == 0)
      #expect(changes.isEmpty, "\(changes)")
    }
  }

  @Test("what has not changed comes through as it was: a graph of all kinds")
  func zoo() throws {
    let stored = try image(of: Zoo())
    for isUntrusted in [false, true] {
      let (back, changes) = try migrate(stored, as: Zoo.self, isUntrusted: isUntrusted)
      let zoo = try #require(back as? Zoo)
      #expect(zoo.problems() == [])
      #expect(changes.isEmpty, "\(changes)")
    }
  }

  @Test("a migrated graph has the image that the same graph has when it was never stored")
  func sameImage() throws {
    let stored = try image(of: Zoo())
    let (back, _) = try migrate(stored, as: Zoo.self, isUntrusted: false)
    #expect(try printed(image(of: back)) == printed(stored))
  }

  private func printed(_ stored: ToyContainer.Stored) throws -> String {
    let reader = StoredReader(
      types: try StoredTypes(decoding: stored.table), memory: ToyMemory(stored))
    var options = StoredPrinter.Options()
    options.depth = 50
    options.showsNumbers = false
    let root = try reader.object(
      at: ArenaAddress(stored.home.rawValue + UInt64(stored.cells[0].offset)))
    return try StoredPrinter(reader, options).line(of: .object(root))
  }

  private final class Deep {
    var next: Deep?
  }

  @Test("a list of 100,000 objects needs no stack")
  func deep() throws {
    let first = Deep()
    // Its end would need a stack frame for each object.
    _ = Unmanaged.passRetained(first)
    var last = first
    for _ in 0..<100_000 {
      let next = Deep()
      last.next = next
      last = next
    }
    let (back, _) = try migrate(image(of: first), as: Deep.self, isUntrusted: true)
    var count = 0
    var object = back as? Deep
    while let current = object {
      count += 1
      object = current.next
    }
    #expect(count == 100_001)
  }
}

@Suite("Migrating what anybody may have written")
struct HostileMigrationTests {
  private var isDeep: Bool { ProcessInfo.processInfo.environment["SOFTPM_TEST_DEEP"] == "1" }

  /// Seeds of changed types that once did harm.
  private static let harmful = [1391]

  @Test("ends with an error or a graph that can be followed, whatever words were changed")
  func changedWords() throws {
    let original = try image(of: Zoo())
    var random = Numbers(seed: 21)
    var refused = 0
    let count = isDeep ? 5_000 : 60
    for _ in 0..<count {
      let changed = original.forged(words: 4, &random)
      let space = PlainSpace(byteCount: 4 << 20)
      defer { space.end() }
      do throws(ContainerError) {
        let (back, _) = try migrate(changed, as: Zoo.self, isUntrusted: true, in: space)
        try ToyContainer().discover(back)
      } catch {
        #expect(
          [.corrupt, .typeChanged, .typeMissing, .addressSpaceExhausted].contains(error.code),
          "\(error)")
        refused += 1
      }
    }
    #expect(refused > count / 3)
  }

  private final class Small {
    var integer: Int32 = -3
    var number: Float = 1.5
    var name: String? = "a name that is not inline"
  }
  private final class Grown {
    var integer = 0
    var number = 0.0
    var name: String?
  }

  @Test("ends with an error or a graph that can be followed, whatever one byte of its types says")
  func everyByteOfTypes() throws {
    let original = try image(of: Small())
    var migrations = Migrations()
    migrations.rename(String(reflecting: Small.self), to: Grown.self)
    var refused = 0
    for place in original.table.indices {
      for byte in [0, 0xff, original.table[place] ^ 1, original.table[place] &+ 1] {
        var changed = original
        changed.table[place] = byte
        let space = PlainSpace(byteCount: 1 << 20)
        defer { space.end() }
        do throws(ContainerError) {
          let (back, _) = try migrate(
            changed, as: Grown.self, migrations, isUntrusted: true, in: space)
          try ToyContainer().discover(back)
        } catch {
          #expect(error.code != .unsupportedType, "byte \(place) as \(byte): \(error)")
          refused += 1
        }
      }
    }
    #expect(refused > original.table.count)
  }

  @Test("ends with an error or a graph that can be followed, whatever was said of its types")
  func changedTypes() throws {
    let original = try image(of: Zoo())
    var refused = 0
    let count = isDeep ? 20_000 : 100
    for seed in Self.harmful + Array(0..<count) {
      var random = Numbers(seed: UInt64(seed))
      let changed = original.withForgedTable(&random)
      let space = PlainSpace(byteCount: 4 << 20)
      defer { space.end() }
      do throws(ContainerError) {
        let (back, _) = try migrate(changed, as: Zoo.self, isUntrusted: true, in: space)
        try ToyContainer().discover(back)
      } catch {
        #expect(error.code != .unsupportedType, "seed \(seed): \(error)")
        refused += 1
      }
    }
    #expect(refused > count / 3)
  }
}

@Suite("What a migration's closure sees")
struct DynamicValueTests {
  private enum Mood: Hashable {
    case calm
    case busy(tasks: Int)
  }
  private final class Other { var name = "other" }
  private final class Everything {
    var text = "a text that is not inline"
    var letter: Character = "x"
    var number: UInt16 = 7
    var half = 0.5
    var flag = true
    var list = [3, 1, 2]
    var table = ["a": 1, "b": 2]
    var set: Set<Int> = [5]
    var mood = Mood.busy(tasks: 4)
    var calm = Mood.calm
    var data = Data([1, 2, 3])
    var pair = (1, second: "two")
    var other: Other? = Other()
    var nothing: Other?
    weak var weakly: Everything?
    init() { weakly = self }
  }

  private func value(of root: AnyObject) throws -> DynamicValue {
    let stored = try image(of: root)
    let reader = StoredReader(
      types: try StoredTypes(decoding: stored.table), memory: ToyMemory(stored))
    let home = ArenaAddress(stored.home.rawValue + UInt64(stored.cells[0].offset))
    return DynamicValue(.object(reader, try reader.object(at: home)))
  }

  @Test("is every kind of value, read without its type; and nil where it is asked for what is not")
  func everything() throws {
    let old = try value(of: Everything())
    #expect(old["text"].string == "a text that is not inline" && old["text"].int == nil)
    #expect("\(old["text"]) \(old["number"]) \(old["mood"])" == "a text that is not inline 7 busy")
    #expect(old["letter"].string == "x" && old["number"].int == 7 && old["number"].double == 7)
    #expect(old["half"].double == 0.5 && old["half"].int == nil && old["flag"].bool == true)
    #expect(old["list"].elements.map(\.int) == [3, 1, 2] && old["list"].count == 3)
    #expect(old["list"][1].int == 1 && old["list"][3].isNil && old["list"][-1].isNil)
    let entries = old["table"].entries.map { ($0.key.string ?? "", $0.value.int ?? 0) }
    #expect(Dictionary(uniqueKeysWithValues: entries) == ["a": 1, "b": 2])
    #expect(old["set"].elements.map(\.int) == [5] && old["set"].count == 1)
    #expect(old["mood"].caseName == "busy" && old["mood"]["busy"]["tasks"].int == 4)
    #expect(old["calm"].caseName == "calm" && old["calm"]["busy"].isNil)
    #expect(old["data"].bytes == [1, 2, 3] && old["pair"]["second"].string == "two")
    #expect(old["other"]["name"].string == "other" && !old["other"].isNil)
    #expect(old["nothing"].isNil && old["nothing"]["name"].isNil)
    #expect(old["weakly"]["weakly"]["number"].int == 7)
    #expect(old["absent"].isNil && old["absent"]["x"][0].string == nil)
    #expect("\(old["absent"])" == "nil" && old["list"].entries.isEmpty && old.caseName == nil)
  }

  @Test("can be made of the program's own values too")
  func live() {
    let record = DynamicValue.record(["a": 1, "b": "two", "c": [true, nil], "d": 0.5])
    #expect(record["a"].int == 1 && record["b"].string == "two" && record["c"][0].bool == true)
    #expect(record["c"][1].isNil && record["d"].double == 0.5 && record["e"].isNil)
    #expect(DynamicValue.value((x: 1, y: 2))["y"].int == 2)
    #expect(DynamicValue.value([1, 2]).elements.map(\.int) == [1, 2])
    #expect(DynamicValue.value(Int?.none as Any).isNil && !DynamicValue.value(0).isNil)
  }
}
