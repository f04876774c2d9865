import Foundation

class Base {
  var number = 1
}
final class Node: Base {
  var next: Node?
  weak var parent: Node?
  var children: [Node] = []
}
protocol Shape { var area: Int { get } }
protocol Bound: AnyObject {}
extension Node: Bound {}
extension Int: Shape { var area: Int { self } }
struct Big: Shape, Hashable {
  var a = 1
  var b = 2
  var c = 3
  var text: String
  var area: Int { a }
}
struct Boxed: Shape {
  var a = 1
  var b = 2
  var node: Node
  var text: String
  var area: Int { a }
}
struct References {
  weak var weakly: Base?
  unowned var unowned: Base
  unowned(unsafe) var unsafely: Base
  var strongly: Base
}
struct Pair<First, Second> {
  var first: First
  var second: Second
}
enum Multi {
  case node(Node)
  case base(Base)
  case nothing
  case both(Node, Int)
  case text(String)
}
enum Pointers {
  case node(Node)
  case base(Base)
  case list([Node])
  case one, two
}
indirect enum Tree {
  case leaf(Node?)
  case branch(Tree, Tree)
  case none
}
enum Either<Left, Right> {
  case left(Left)
  case right(Right)
}
enum Mixed {
  case plain(Int)
  indirect case boxed(Node, String)
  case references(References)
}
enum Wide {
  case first(Node, String, Int, [Int], Node?)
  case second(String, String, Node)
  case third(Pair<Node, Bool>)
}
enum Trouble: Error, @unchecked Sendable {
  case text(String)
  case node(Node)
  case none
}
struct Failure: Error, @unchecked Sendable {
  var node: Node
  var text: String
  var number = 4
}

struct Packed<First, each Rest> {
  var first: First
  var rest: (repeat each Rest)
}

@inline(never) func opaque<Value>(_ value: Value) -> Value { value }
func long(_ text: String) -> String { opaque(text) + ", made at run time" }

nonisolated(unsafe) let one = Node()
nonisolated(unsafe) let two = Node()
nonisolated(unsafe) let base = Base()

func references() -> References {
  References(weakly: base, unowned: base, unsafely: base, strongly: base)
}

func checkObjects(_ oracle: inout Oracle) {
  oracle.check("Int", 1)
  oracle.check("tuple of plain", (1, true, 2.5))
  oracle.check("Node", one)
  oracle.check("Node?", Optional(one))
  oracle.check("nil", Node?.none)
  oracle.check("Node??", Optional(Optional(one)))
  oracle.check("nil??", Optional(Node?.none))
  oracle.check("Base", one as Base)
  oracle.check("References", references())
  oracle.check("References?", Optional(references()))
  oracle.check("Pair", Pair(first: one, second: two))
  oracle.check("Pair of pairs", Pair(first: Pair(first: one, second: 1), second: "x"))
  oracle.check("Pair with Bool", Pair(first: true, second: one))
  oracle.check("tuple", (one, 4, "s", [two]))
  oracle.check("labelled tuple", (node: one, rest: (two, base)))
  oracle.check("InlineArray", [one, nil, two] as InlineArray<3, Node?>)
  oracle.check("InlineArray of strings", [long("a"), "b"] as InlineArray<2, String>)
  oracle.check("InlineArray of enums", [.node(one), .text(long("t"))] as InlineArray<2, Multi>)
  oracle.check("Unmanaged", Unmanaged.passUnretained(one))
  oracle.check("metatype", Node.self as Base.Type)
  oracle.check("Any.Type", Int.self as Any.Type)
  oracle.check("AnyClass", Node.self as AnyClass)
  oracle.check("any Shape.Type", Big.self as any Shape.Type)
  oracle.check("ObjectIdentifier", ObjectIdentifier(one))
  oracle.check("SIMD4", SIMD4<Float>(1, 2, 3, 4))
  oracle.check("SIMD8 and object", (SIMD8<Float>(repeating: 1), one))
  oracle.check("Void", ())
  oracle.check("nil closure", (() -> Void)?.none)
  oracle.check("nil pointer", UnsafeRawPointer?.none)
}

func checkEnums(_ oracle: inout Oracle) {
  oracle.check("Multi.node", Multi.node(one))
  oracle.check("Multi.base", Multi.base(base))
  oracle.check("Multi.nothing", Multi.nothing)
  oracle.check("Multi.both", Multi.both(one, 5))
  oracle.check("Multi.text, long", Multi.text(long("x")))
  oracle.check("Multi.text, small", Multi.text(opaque("small")))
  oracle.check("Multi.text, literal", Multi.text("a literal longer than fifteen bytes"))
  oracle.check("Multi?", Optional(Multi.node(one)))
  oracle.check("Multi? nil", Multi?.none)
  oracle.check("Multi??", Optional(Optional(Multi.both(one, 5))))
  oracle.check("Pointers.node", Pointers.node(one))
  oracle.check("Pointers.base", Pointers.base(base))
  oracle.check("Pointers.list", Pointers.list([one]))
  oracle.check("Pointers.list, empty", Pointers.list([]))
  oracle.check("Pointers.one", Pointers.one)
  oracle.check("Pointers? two", Optional(Pointers.two))
  oracle.check("Pointers? nil", Pointers?.none)
  oracle.check("Tree.leaf", Tree.leaf(one))
  oracle.check("Tree.branch", Tree.branch(.leaf(one), .none))
  oracle.check("Tree.none", Tree.none)
  oracle.check("Tree?", Optional(Tree.leaf(nil)))
  oracle.check("Either.left", Either<Node, Int>.left(one))
  oracle.check("Either.right", Either<Node, Int>.right(3))
  oracle.check("Either of strings", Either<Node, String>.right(long("y")))
  oracle.check("Either of optionals", Either<Int?, Node?>.right(one))
  oracle.check("Either of optionals, nil", Either<Int?, Node?>.right(nil))
  oracle.check("Either of existentials", Either<any Shape, AnyObject>.left(3))
  oracle.check("Either of Eithers", Either<Either<Node, Int>, String>.left(.left(one)))
  oracle.check(
    "Either of Bool", Either<Bool, Pair<Bool, Node>>.right(Pair(first: true, second: one)))
  oracle.check("Either of weak", Either<References, Int>.left(references()))
  oracle.check("Mixed.boxed", Mixed.boxed(one, "q"))
  oracle.check("Mixed.references", Mixed.references(references()))
  oracle.check("Mixed.plain", Mixed.plain(3))
  oracle.check("Wide.first", Wide.first(one, long("w"), 3, [1], nil))
  oracle.check("Wide.second", Wide.second("literal of more than fifteen", long("x"), two))
  oracle.check("Wide.third", Wide.third(Pair(first: one, second: false)))
  oracle.check("Wide?", Optional(Wide.third(Pair(first: one, second: true))))
  oracle.check("Result.success", Result<Node, any Error>.success(one))
  oracle.check("Result.failure", Result<Node, any Error>.failure(Failure(node: one, text: "t")))
  oracle.check("Bool?", Optional(true))
  oracle.check("Bool???", Optional(Optional(Optional(false))))
  oracle.check("UInt8? and object", (UInt8?.none, one))
  oracle.check("String?", Optional(long("s")))
  oracle.check("String? nil", String?.none)
  oracle.check("Any?", Optional(one as Any))
  oracle.check("Any? nil", Any?.none)
  oracle.check("nil closure in an enum", Either<(() -> Void)?, Node>.left(nil))
}

func checkCollections(_ oracle: inout Oracle) {
  oracle.check("[Node]", [one, two])
  oracle.check("[Node], one element", [opaque(one)])
  oracle.check("[], empty", [Node]())
  oracle.check("[Node?]", [Optional(one), nil])
  oracle.check("[Int]", [opaque(1), 2])
  oracle.check("[Int], literal", [100, 200, 300])
  oracle.check("[[Int]]", [[opaque(1)], []])
  oracle.check("[String]", [long("a"), "b", "a literal longer than fifteen bytes"])
  oracle.check("[Multi]", [Multi.node(one), .nothing])
  oracle.check("[Any]", [one as Any, 4, "x"])
  oracle.check("[any Shape]", [3 as any Shape])
  oracle.check("[References]", [references()])
  oracle.check("ContiguousArray", ContiguousArray([one]))
  oracle.check("ArraySlice", [one, two, one][1...])
  oracle.check("ArraySlice, empty", [one, two][2...])
  oracle.check("Dictionary", ["a": one])
  oracle.check("Dictionary, empty", [String: Node]())
  oracle.check("Dictionary of dictionaries", [1: ["a": one]])
  oracle.check("Dictionary of Bool", [true: one])
  oracle.check("Set", Set([opaque(1)]))
  oracle.check("Set, empty", Set<Int>())
  oracle.check("Set of strings", Set([long("a")]))
  oracle.check("KeyValuePairs", ["a": one] as KeyValuePairs<String, Node>)
  oracle.check("CollectionOfOne", CollectionOfOne(one))
  oracle.check("Repeated", repeatElement(one, count: 3))
  oracle.check("Range", 0..<5)
  oracle.check("ClosedRange of strings", long("a")...long("b"))
  oracle.check("PartialRange", long("a")...)
  oracle.check("String, small", opaque("small"))
  oracle.check("String, literal", "a literal longer than fifteen bytes")
  oracle.check("String, native", long("x"))
  oracle.check("Substring", long("x").dropFirst(2))
  oracle.check("Substring of a literal", "a literal longer than fifteen bytes".dropFirst(2))
  oracle.check("Character, small", opaque(Character("e")))
  oracle.check("Character, large", Character(opaque("👨‍👩‍👧‍👦")))
  oracle.check("Unicode.Scalar", Unicode.Scalar(65))
  oracle.check("AnyHashable", AnyHashable(long("abc")))
  oracle.check("AnyHashable of Int", AnyHashable(3))
  oracle.check("AnyHashable of a struct", AnyHashable(Big(text: long("h"))))
  oracle.check("LazyMap without closure", [one].lazy)
  oracle.check("ReversedCollection", [one, two].reversed() as ReversedCollection<[Node]>)
  oracle.check("Zip2Sequence", zip([one], [two]))
  oracle.check("EnumeratedSequence", [one].enumerated())
  oracle.check("Dictionary.Keys", ["a": one].keys)
  oracle.check("Set.Index", Set([1]).startIndex)
}

func checkExistentials(_ oracle: inout Oracle) {
  oracle.check("any Shape, inline", 5 as any Shape)
  oracle.check("any Shape, boxed", Boxed(node: one, text: "x") as any Shape)
  oracle.check("any Shape & Hashable", Big(text: long("b")) as any Shape & Hashable)
  oracle.check("any Shape?", Optional(Boxed(node: one, text: "x") as any Shape))
  oracle.check("Any of an object", one as Any)
  oracle.check("Any of a boxed struct", Boxed(node: one, text: "x") as Any)
  oracle.check("Any of an optional", Optional(Boxed(node: one, text: "x")) as Any)
  oracle.check("Any of a string", long("z") as Any)
  oracle.check("Any of a tuple", (one, two) as Any)
  oracle.check("Any of an array", [one] as Any)
  oracle.check("Any of an enum", Multi.both(one, 3) as Any)
  oracle.check("Any of a metatype", Int.self as Any)
  oracle.check("any Bound", one as any Bound)
  oracle.check("any Bound?", Optional(one as any Bound))
  oracle.check("Base & Bound", one as Base & Bound)
  oracle.check("[any Bound]", [one as any Bound])
  oracle.check("AnyObject", one as AnyObject)
  oracle.check("AnyObject?", Optional(one as AnyObject))
  oracle.check("any Error of a struct", Failure(node: one, text: "x") as any Error)
  oracle.check("any Error of an enum", Trouble.none as any Error)
  oracle.check("any Error?", (any Error)?.none)
  oracle.check("any Sendable", 1 as any Sendable)
  oracle.check("any Sequence<Int>", [opaque(1)] as any Sequence<Int>)
  oracle.check("any Sequence<Int>, inline", (0..<3) as any Sequence<Int>)
  oracle.check("any Sequence<Int>?", Optional([opaque(1)] as any Sequence<Int>))
  oracle.check("Trouble", Trouble.node(one))
  oracle.check("any Sequence<Int>.Type", [Int].self as any Sequence<Int>.Type)
  oracle.check("any Sequence<Int>.Type and object", (Set<Int>.self as any Sequence<Int>.Type, one))
  oracle.check("pack", Packed(first: one, rest: (long("p"), [two])))
}

func checkFoundation(_ oracle: inout Oracle) {
  oracle.check("Data, empty", Data())
  oracle.check("Data, inline", Data([1, 2, 3, opaque(4)]))
  oracle.check("Data, slice", Data(repeating: 1, count: opaque(200)))
  oracle.check("Data, a part", Data(repeating: 1, count: opaque(200))[5..<100])
  oracle.check("Date", Date())
  oracle.check("UUID", UUID())
  oracle.check("Decimal", Decimal(4))
  oracle.check("URL", URL(string: "http://a/b")!)
  oracle.check("URL, relative", URL(string: "c", relativeTo: URL(string: "http://a/b"))!)
  oracle.check("DateInterval", DateInterval(start: Date(), duration: 1))
  oracle.check("IndexSet element", 3..<4)
  oracle.check("CGSize", CGSize(width: 1, height: 2))
}
