import Foundation
import SoftPMBase
import Testing
import TypesZoo

@testable import SoftPMTypes

/// A toy container's image, read like a stored version: by its bytes and its type table alone.
final class ToyMemory: StoredMemory {
  let stored: ToyContainer.Stored
  private let bytes: StoredBytes
  private var cells: [ArenaAddress: (offset: Int, byteCount: Int, isRaw: Bool)] = [:]

  var home: ArenaAddress { stored.home }

  init(_ stored: ToyContainer.Stored) {
    self.stored = stored
    bytes = StoredBytes(count: stored.bytes.count) { $0.copyBytes(from: stored.bytes) }
    for cell in stored.cells {
      cells[ArenaAddress(stored.home.rawValue + UInt64(cell.offset))] = cell
    }
  }

  func cell(at home: ArenaAddress) throws(ContainerError) -> StoredCell {
    guard let cell = cells[home] else {
      throw .corrupt(at: nil, expected: "a member at \(home)")
    }
    return StoredCell(
      bytes: bytes, start: cell.offset, count: cell.byteCount, home: home, isRaw: cell.isRaw)
  }
}

/// The text of a value, printed from its image by the table alone.
func printed<Value>(_ value: Value, options: StoredPrinter.Options = .init()) throws -> String {
  let holder = Holder(value)
  let container = ToyContainer()
  try container.discover(holder)
  let stored = try container.stored()
  defer { withExtendedLifetime(holder) {} }
  return try printed(stored, options: options)
}

func printed(
  _ stored: ToyContainer.Stored, options: StoredPrinter.Options = .init()
) throws -> String {
  var options = options
  options.showsNumbers = false
  let reader = StoredReader(
    types: try StoredTypes(decoding: stored.table), memory: ToyMemory(stored))
  let root = try reader.object(
    at: ArenaAddress(stored.home.rawValue + UInt64(stored.cells[0].offset)))
  return try StoredPrinter(reader, options).line(of: reader.parts(of: root)[0].place)
}

private class Ground { var number = 1 }
private final class Knot: Ground {
  var next: Knot?
  weak var parent: Knot?
  unowned var owner: Ground?
  var children: [Knot] = []
}
private protocol Figure {}
private protocol Tied: AnyObject {}
extension Knot: Tied {}
extension Int: Figure {}
private struct Bulky: Figure, Hashable {
  var a = 1
  var b = 2
  var c = 3
  var text: String
}
private struct Held { var numbers: any Sequence<Int> }
private struct Weak { weak var base: Ground? }
private struct Pair<First, Second> {
  var first: First
  var second: Second
}
private enum Plain: Hashable { case red, green, blue }
private enum Multi: Hashable {
  case number(Int)
  case flag(Bool)
  case text(String)
  case nothing, other
  case both(left: Int, String)
  case single(code: Int)
}
private enum Pointers {
  case node(Knot)
  case base(Ground)
  case list([Int])
  case one, two
}
private indirect enum Shrub {
  case leaf(Int)
  case branch(Shrub, Shrub)
  case none
}
private enum Mixed {
  case plain(Int)
  indirect case boxed(Ground, String)
}
private enum Either<Left, Right> {
  case left(Left)
  case right(Right)
}
private enum Wide {
  case first(String, Int, [Int])
  case second(String, String)
  case third(Pair<Int, Bool>)
}
private struct Failure: Error {
  var text: String
  var number = 4
}
private enum Woe: Error {
  case text(String)
  case none
}

@inline(never) private func opaque<Value>(_ value: Value) -> Value { value }
private func long(_ text: String) -> String { opaque(text) + ", made at run time" }

@Suite("A value is printed from its stored bytes, without its program's types")
struct PrintingTests {
  private func check<Value>(
    _ value: Value, _ expected: String, _ place: SourceLocation = #_sourceLocation
  ) throws {
    let text = try printed(value)
    #expect(text == expected, sourceLocation: place)
  }

  @Test("numbers, flags, scalars, vectors")
  func numbers() throws {
    try check(-42, "-42")
    try check(UInt8.max, "255")
    try check(Int16.min, "-32768")
    try check(UInt64.max, "18446744073709551615")
    try check(Int128.min, "-170141183460469231731687303715884105728")
    try check(2.5, "2.5")
    try check(Float(0.1), "0.1")
    try check(Double.nan, "nan")
    try check(-Double.infinity, "-inf")
    try check(Float16(1.5), "1.5")
    #if arch(x86_64)
      try check(Float80(3.25), "3.25")
    #endif
    try check(true, "true")
    try check(Unicode.Scalar(65), "\"A\"")
    try check(SIMD3<Float>(1, 2, 3), "[1.0, 2.0, 3.0]")
    try check(SIMD4<Int32>(1, -2, 3, 4), "[1, -2, 3, 4]")
    try check((1, true, 2.5), "(1, true, 2.5)")
    try check((node: 1, rest: (2, "x")), "(node: 1, rest: (2, \"x\"))")
    try check((), "()")
  }

  @Test("strings in each form that they are stored in")
  func strings() throws {
    try check("", "\"\"")
    try check(opaque("small"), "\"small\"")
    try check("fifteen bytes !", "\"fifteen bytes !\"")
    try check("a literal longer than fifteen bytes", "\"a literal longer than fifteen bytes\"")
    try check(long("x"), "\"x, made at run time\"")
    try check("é👨‍👩‍👧‍👦\n\"it's\u{1b}", "\"é👨‍👩‍👧‍👦\\n\\\"it's\\u{1b}\"")
    try check(long("x").dropFirst(3), "\"made at run time\"")
    try check("abcdef".dropFirst(2).dropLast(), "\"cde\"")
    try check(Character("e"), "\"e\"")
    try check(Character("👨‍👩‍👧‍👦"), "\"👨‍👩‍👧‍👦\"")
  }

  @Test("optionals of every depth, as what they hold or nil")
  func optionals() throws {
    try check(Int?.none, "nil")
    try check(Optional(5), "5")
    try check(Bool?.none, "nil")
    try check(Optional(Optional(Optional(false))), "false")
    try check(Bool???.some(.some(.none)), "nil")
    try check(Bool???.some(.none), "nil")
    try check(String?.none, "nil")
    try check(Optional(long("s")), "\"s, made at run time\"")
    try check(String??.some(.none), "nil")
    try check(Ground?.none, "nil")
    try check(Optional(Ground()), "Ground(number: 1)")
    try check(Ground??.some(.none), "nil")
    try check([Int]?.none, "nil")
    try check([Int]?.some([]), "[]")
    try check(Any?.none, "nil")
    try check((any Figure)?.none, "nil")
    try check((() -> Void)?.none, "nil")
    try check(UnsafeRawPointer?.none, "nil")
    try check((UInt8?.none, Optional(UInt8(7))), "(nil, 7)")
    try check([Double?](arrayLiteral: 1, nil), "[1.0, nil]")
    try check(Plain?.none, "nil")
    try check(Optional(Plain.blue), ".blue")
    try check(Optional(Multi.nothing), ".nothing")
    try check(Multi?.none, "nil")
    try check(Unicode.Scalar?.none, "nil")
    try check(Optional(Unicode.Scalar(66)), "\"B\"")
  }

  @Test("enums: without payload, with one, with several in spare bits or tag bytes, indirect")
  func enums() throws {
    for (value, text) in [(Plain.red, ".red"), (.green, ".green"), (.blue, ".blue")] {
      try check(value, text)
    }
    let many: [(Multi, String)] = [
      (.number(-1), ".number(-1)"), (.number(.max), ".number(9223372036854775807)"),
      (.flag(true), ".flag(true)"), (.flag(false), ".flag(false)"),
      (.text("t"), ".text(\"t\")"), (.text(long("t")), ".text(\"t, made at run time\")"),
      (.nothing, ".nothing"), (.other, ".other"), (.both(left: 0, "z"), ".both(left: 0, \"z\")"),
      (.single(code: 3), ".single(code: 3)"),
    ]
    for (value, text) in many { try check(value, text) }
    try check(many.map(\.0), "[\(many.map(\.1).joined(separator: ", "))]")
    try check(Pointers.node(Knot()), ".node(\(node))")
    try check(Pointers.base(Ground()), ".base(Ground(number: 1))")
    try check(Pointers.list([1]), ".list([1])")
    try check(Pointers.list([]), ".list([])")
    try check([Pointers.one, .two], "[.one, .two]")
    try check([Pointers.two, nil], "[.two, nil]")
    try check(Shrub.branch(.leaf(1), .branch(.none, .leaf(-2))), Self.tree)
    try check(Mixed.boxed(Ground(), "q"), ".boxed(Ground(number: 1), \"q\")")
    try check(Mixed.plain(3), ".plain(3)")
    try check(Either<Int?, Ground?>.right(nil), ".right(nil)")
    try check(Either<Int?, Ground?>.left(4), ".left(4)")
    try check(Either<Either<Ground, Int>, String>.left(.right(7)), ".left(.right(7))")
    try check(Either<Bool, Pair<Bool, Int8>>.right(Pair(first: true, second: -1)), Self.pair)
    try check(Wide.first(long("w"), 3, [1]), ".first(\"w, made at run time\", 3, [1])")
    try check(Wide.second("a", long("b")), ".second(\"a\", \"b, made at run time\")")
    try check(
      Wide.third(Pair(first: 1, second: false)), ".third(Pair<Int, Bool>(first: 1, second: false))")
    try check(Result<Int, Woe>.failure(.none), ".failure(.none)")
    try check(
      Result<Int, any Error>.failure(Failure(text: "t")),
      ".failure(Failure(text: \"t\", number: 4))")
  }

  private static let tree = ".branch(.leaf(1), .branch(.none, .leaf(-2)))"
  private static let pair = ".right(Pair<Bool, Int8>(first: true, second: -1))"
  private let node = "Knot(number: 1, next: nil, parent: nil, owner: nil, children: [])"

  @Test("every value that an optional byte has")
  func manyCases() throws {
    for value in UInt8.min ... .max { try check(Optional(value), "\(value)") }
  }

  @Test("collections: arrays, slices, inline arrays; dictionaries and sets in the order of keys")
  func collections() throws {
    try check([1, 2, 3], "[1, 2, 3]")
    try check([100, 200], "[100, 200]")
    try check([Int](), "[]")
    try check([(1, "a"), (2, "b")], "[(1, \"a\"), (2, \"b\")]")
    try check(Array(0..<20)[5..<9], "[5, 6, 7, 8]")
    try check([1, 2][2...], "[]")
    try check(ContiguousArray([true]), "[true]")
    try check([Optional(Ground()), nil], "[Ground(number: 1), nil]")
    try check([1, 2, 3] as InlineArray<3, UInt16>, "[1, 2, 3]")
    try check(["b": 2, "a": 1, "c": 3], "[\"a\": 1, \"b\": 2, \"c\": 3]")
    try check([10: "x", 9: "y"], "[9: \"y\", 10: \"x\"]")
    try check([String: Int](), "[:]")
    try check(Set([3, 1, 2]), "[1, 2, 3]")
    try check(Set<Int>(), "[]")
    try check([Plain.red: 1, .blue: 2], "[.blue: 2, .red: 1]")
    try check([true: [1: "a"]], "[true: [1: \"a\"]]")
    try check(Set([Multi.number(1), .nothing]), "[.nothing, .number(1)]")
    try check(["b": 2, "a": 1].keys, "[\"a\": 1, \"b\": 2]")
    try check(AnyHashable(3), "3")
    var options = StoredPrinter.Options()
    options.elements = 2
    #expect(try printed(Array(0..<5), options: options) == "[0, 1, … 3 more]")
  }

  @Test("existentials, inline and boxed; errors; metatypes")
  func existentials() throws {
    let big = "Bulky(a: 1, b: 2, c: 3, text: \"t\")"
    try check(5 as any Figure, "5")
    try check(Bulky(text: "t") as any Figure, big)
    try check(Optional(Bulky(text: "t") as any Figure), big)
    try check(Bulky(text: "t") as Any, big)
    try check(
      [1, "x", Ground(), [2], nil as Int? as Any] as [Any],
      "[1, \"x\", Ground(number: 1), [2], nil]")
    try check(Knot() as any Tied, node)
    try check(Knot() as AnyObject, node)
    try check(Weak(base: nil) as Any, "Weak(base: nil)")
    try check(Failure(text: "x") as any Error, "Failure(text: \"x\", number: 4)")
    try check(Woe.none as any Error, ".none")
    try check(Ground.self as Any.Type, "Ground.self")
    try check([Int].self as Any.Type, "[Int].self")
    try check(ObjectIdentifier(Int.self), "Int.self")
    try check(Held(numbers: [opaque(1)]), "Held(numbers: [1])")
  }

  @Test("objects once, whatever leads to them; weak and unowned references by name")
  func objects() throws {
    let first = Knot()
    first.number = 7
    first.next = first
    first.parent = first
    first.owner = first
    try check(first, "Knot(number: 7, next: Knot, parent: Knot, owner: Knot, children: [])")
    let second = Knot()
    second.children = [first, first]
    try check(
      second,
      "Knot(number: 1, next: nil, parent: nil, owner: nil, children: [Knot(number: 7, next: Knot, "
        + "parent: Knot, owner: Knot, children: []), Knot])")
  }

  @Test("Foundation's values in their usual forms")
  func foundation() throws {
    try check(Data(), "Data(0 bytes)")
    try check(Data([1, 2, 255]), "Data(3 bytes: 0102ff)")
    let bytes = Data((0..<200).map { UInt8($0) })
    try check(bytes, "Data(200 bytes: 000102030405060708090a0b0c0d0e0f…)")
    try check(bytes[5..<9], "Data(4 bytes: 05060708)")
    try check(Date(timeIntervalSince1970: 0), "Date(1970-01-01T00:00:00Z)")
    try check(Date(timeIntervalSince1970: 951_782_400.5), "Date(2000-02-29T00:00:00.500Z)")
    try check(Date(timeIntervalSince1970: -86_401), "Date(1969-12-30T23:59:59Z)")
    let uuid = UUID()
    try check(uuid, "UUID(\(uuid.uuidString))")
    try check(URL(string: "http://a/b?c=d")!, "URL(\"http://a/b?c=d\")")
    try check(CGSize(width: 1, height: 2), "CGSize(width: 1.0, height: 2.0)")
    for text in [
      "1.25", "-3", "0", "700000", "123456789012345678901234567890.5", "-0.0001",
      "0.00000000000000000000000000000000000001", "99999999999999999999999999999999999999",
    ] {
      try check(Decimal(string: text)!, text)
    }
    try check(Decimal(sign: .plus, exponent: 5, significand: 7), "700000")
    try check(Decimal(12.50), "12.5")
    try check(Decimal.nan, "nan")
  }

  @Test("ranges as Swift has them")
  func ranges() throws {
    try check(0..<5, "0..<5")
    try check(-1...3, "-1...3")
    try check(1..., "1...")
    try check(...3, "...3")
    try check(..<4, "..<4")
    try check("a"..<"b", "\"a\"..<\"b\"")
    try check([0..<2: Optional(1.5...2.5)], "[0..<2: 1.5...2.5]")
  }
}
