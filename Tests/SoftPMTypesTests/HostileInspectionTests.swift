import Foundation
import SoftPMBase
import Synchronization
import Testing
import TypesZoo

@testable import SoftPMTypes

private struct PrintedRingHeader {
  var start = 0
  var count = 0
  var capacity = 0
}

private final class PrintedRing: ManagedBuffer<PrintedRingHeader, String>, PersistentLayout {
  static var hiddenStorage: [HiddenStorage] {
    [.ring(of: String.self, start: \PrintedRingHeader.start, count: \.count, capacity: \.capacity)]
  }
}

private final class PrintedLocks: PersistentLayout {
  let lock = Mutex<[Int]>([5, 6])
  let hits = Atomic<Int>(7)
  let memory = UnsafeMutablePointer<UInt16>.allocate(capacity: 3)
  var count = 3
  init() { for index in 0..<3 { (memory + index).initialize(to: UInt16(index * 10)) } }
  deinit { memory.deallocate() }

  static var hiddenStorage: [HiddenStorage] {
    [
      .mutex("lock", of: [Int].self), .atomic("hits", of: Int.self),
      .memory(\PrintedLocks.memory, count: \.count),
    ]
  }
}

@Suite("Looking at an image without its program")
struct HostileInspectionTests {
  private func zoo() throws -> ToyContainer.Stored {
    let zoo = Zoo()
    let container = ToyContainer()
    try container.discover(zoo)
    let stored = try container.stored()
    withExtendedLifetime(zoo) {}
    return stored
  }

  private func text(_ stored: ToyContainer.Stored) throws -> String {
    let reader = StoredReader(
      types: try StoredTypes(decoding: stored.table), memory: ToyMemory(stored))
    let root = try reader.object(
      at: ArenaAddress(stored.home.rawValue + UInt64(stored.cells[0].offset)))
    var options = StoredPrinter.Options()
    options.depth = 50
    options.showsNumbers = false
    return try StoredPrinter(reader, options).line(of: .object(root))
  }

  @Test("shows every kind of property that a class can have")
  func everything() throws {
    let text = try text(zoo())
    for part in [
      "Zoo(people: [Person(name: \"Ann, made at run time, 3\", pets: [Dog(name: ",
      "tricks: [\"sit\", \"roll, made at run time, 4\"]",
      "shapes: [Square(side: 4), Big(a: 1, b: 2, c: 3, text: \"big, made at run time, 3\")]",
      "tree: .branch(.leaf(1), .branch(.none, .leaf(2), \"tree, made at run time, 4\"), ",
      ".failed(code: 3)]", "generic: Generic<Square?, State>(value: Square(side: 5), others: ",
      "errors: [Trouble(text: \"t, made at run time, 1\", numbers: [1])]",
      "types: [Int.self, Square.self, [Big].self, Zoo.self]",
      "squares: [Square(side: 4): [.leaf(3)]]", "slice: [5, 6, 7, 8]",
      "inline: [\"a\", \"a literal that is long enough\"]",
      "data: Data(200 bytes: 000102030405060708090a0b0c0d0e0f…)",
      "dates: [UUID(01020304-0506-0708-090A-0B0C0D0E0F10): Date(1970-01-01T00:00:05Z)]",
      "url: URL(\"https://host.example/path?q=1\")", "watched: Watched(count: 7)", "closure: nil",
      "local: Local(text: \"a local type's text, long\")", "\"key 188\": 188",
    ] {
      let isShown = text.contains(part)
      #expect(isShown, "\(part)")
    }
  }

  @Test("shows what types describe of themselves: mutexes, atomics, memory, buffers")
  func described() throws {
    let ring = PrintedRing.create(minimumCapacity: 4) { _ in PrintedRingHeader() }
    ring.header = PrintedRingHeader(start: 3, count: 2, capacity: 4)
    ring.withUnsafeMutablePointerToElements { elements in
      (elements + 3).initialize(to: "a")
      elements.initialize(to: "b, which is longer than fifteen bytes")
    }
    let shown = try printed(unsafeDowncast(ring, to: PrintedRing.self))
    #expect(
      shown == "PrintedRing(header: PrintedRingHeader(start: 3, count: 2, capacity: 4), "
        + "elements: [\"a\", \"b, which is longer than fifteen bytes\"])")
    #expect(
      try printed(PrintedLocks())
        == "PrintedLocks(lock: [5, 6], hits: 7, memory: [0, 10, 20], count: 3)")
  }

  @Test("ends with an error or some text, whatever word of the image was changed")
  func changedWords() throws {
    let original = try zoo()
    var generator = Numbers(seed: 9)
    var refused = 0
    for _ in 0..<400 {
      let stored = original.forged(words: 1, &generator)
      do {
        #expect(try !text(stored).isEmpty)
      } catch let error as ContainerError {
        #expect(error.code == .corrupt, "seed 9: \(error)")
        refused += 1
      }
    }
    #expect(refused > 20)
  }

  @Test("ends with an error or some text, whatever byte of the type table was changed")
  func changedTable() throws {
    let original = try zoo()
    var generator = Numbers(seed: 10)
    var refused = 0
    for _ in 0..<400 {
      var stored = original
      let offset = Int(generator.next() % UInt64(stored.table.count))
      stored.table[offset] = UInt8(truncatingIfNeeded: generator.next())
      do {
        #expect(try !text(stored).isEmpty)
      } catch let error as ContainerError {
        #expect(
          error.code == .corrupt || offset < 4 && error.code == .newerFormat,
          "seed 10, offset \(offset): \(error)")
        refused += 1
      }
    }
    #expect(refused > 100)
  }

  @Test("refuses a type that holds itself, and elements beyond their cell")
  func forgedTypes() throws {
    let stored = try zoo()
    var records = try TypeTable(decoding: stored.table).records
    let square = try #require(records.firstIndex { $0.name.hasSuffix(".Square") })
    records[square].fields[0].type = UInt32(square)
    var table = TypeTable()
    table.adopt(records)
    var forged = stored
    forged.table = table.encoded()
    #expect(throws: ContainerError.self) { _ = try text(forged).count }
    records[square].fields[0].type = UInt32(
      try #require(records.firstIndex { $0.name == "Swift.Int" }))
    records[square].fields[0].offset = 4
    table.adopt(records)
    #expect(throws: ContainerError.self) { try StoredTypes(decoding: table.encoded()) }
  }
}
