// A graph with every kind of type that persists, made by one program and checked by another.

import Foundation
import Observation
import SoftPMTypes

public class Animal {
  public var name: String
  var age = 3
  weak var owner: Person?
  unowned(unsafe) var keeper: Person?
  init(_ name: String) { self.name = name }
}

public final class Dog: Animal {
  var tricks: [String] = []
  lazy var later = "made later, and rather long"
}

public final class Person: Named {
  public let name: String
  var pets: [Animal] = []
  var byName: [String: Animal] = [:]
  unowned var twin: Person?
  init(_ name: String) { self.name = name }
}

protocol Named: AnyObject { var name: String { get } }
private protocol Shape { var area: Int { get } }

private struct Square: Shape, Hashable {
  var side = 4
  var area: Int { side * side }
}

private struct Big: Shape, Equatable {
  var a = 1
  var b = 2
  var c = 3
  var text: String
  var area: Int { a + b + c }
}

private indirect enum Tree: Equatable {
  case leaf(Int)
  case branch(Tree, Tree, String)
  case none
}

private enum State: Hashable {
  case idle
  case loading(String, Int)
  case done([Int])
  case failed(code: Int)
}

private struct Trouble: Error, Equatable {
  var text: String
  var numbers: [Int]
}

private final class Generic<Value, Other> {
  var value: Value
  var others: [Other]
  init(_ value: Value, _ others: [Other]) {
    self.value = value
    self.others = others
  }
}

/// Hashed by address: its tables are rehashed whenever objects have moved.
private final class Token: Hashable {
  var number: Int
  init(_ number: Int) { self.number = number }
  static func == (left: Token, right: Token) -> Bool { left === right }
  func hash(into hasher: inout Hasher) { hasher.combine(ObjectIdentifier(self)) }
}

@Observable private final class Watched {
  var count = 7
}

private func long(_ text: String) -> String { text + ", made at run time, \(text.count)" }

/// The root: one property per row of docs/types.md.
public final class Zoo {
  var people: [Person] = []
  private var shapes: [any Shape] = [Square(), Big(text: long("big"))]
  private var tree = Tree.branch(.leaf(1), .branch(.none, .leaf(2), long("tree")), "literal, long")
  private var states: [State: Int] = [.idle: 1, .loading(long("l"), 2): 3, .done([1]): 4]
  private var anything: [Any] = [1, long("any"), Big(text: "b"), [1, 2], State.failed(code: 3)]
  private var generic = Generic<Square?, State>(Square(side: 5), [.idle, .failed(code: 2)])
  private var errors: [any Error] = [Trouble(text: long("t"), numbers: [1])]
  private var named: [any Named] = []
  private var types: [Any.Type] = [Int.self, Square.self, [Big].self, Zoo.self]
  private var squares: [Square: [Tree]] = [Square(): [.leaf(3)]]
  private var hashables: [AnyHashable: Int] = [AnyHashable("a"): 1, AnyHashable(Square()): 2]
  private var tokens: [Token: String] = [:]
  private var token = Token(1)
  private var identities: Set<ObjectIdentifier> = []
  private var numbers = Dictionary(uniqueKeysWithValues: (0..<300).map { ("key \($0)", $0) })
  private var strings = ["", "small", "a literal that is long", long("x"), long("é")]
  private var slice = Array(0..<20)[5..<9]
  private var inline: InlineArray<2, String> = ["a", "a literal that is long enough"]
  private var data = Data((0..<200).map { UInt8($0) })
  private var dates: [UUID: Date] = [:]
  private var url = URL(string: "https://host.example/path?q=1")
  private var decimal = Decimal(string: "1.25")
  private var watched = Watched()
  private var closure: (() -> Void)?
  private let local: AnyObject

  public init() {
    final class Local {
      var text = "a local type's text, long"
    }
    local = Local()
    let ann = Person(long("Ann"))
    let rex = Dog(long("Rex"))
    rex.tricks = ["sit", long("roll")]
    rex.owner = ann
    rex.keeper = ann
    ann.pets = [rex, Animal("Tom"), rex]
    ann.byName = ["Rex": rex, long("Tom"): ann.pets[1]]
    ann.twin = ann
    rex.later += "!"
    people = [ann, Person("Bob")]
    named = people
    tokens = [token: "one", Token(2): "two"]
    identities = [ObjectIdentifier(ann), ObjectIdentifier(Int.self)]
    dates = [
      UUID(uuid: (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16)): Date(
        timeIntervalSince1970: 5)
    ]
  }

  /// What is not as `init` made it.
  public func problems() -> [String] {
    var problems: [String] = []
    func check(_ what: String, _ holds: Bool) {
      if !holds { problems.append(what) }
    }
    let ann = people[0]
    check("people", people.map(\.name) == [long("Ann"), "Bob"])
    check("identity", ann.pets[0] === ann.pets[2] && ann.byName["Rex"] === ann.pets[0])
    check("keys", ann.byName[long("Tom")] === ann.pets[1])
    let dog = ann.pets[0] as? Dog
    check("dog", dog?.tricks == ["sit", long("roll")] && dog?.later.hasSuffix("!") == true)
    check("weak and unowned", dog?.owner === ann && dog?.keeper === ann && ann.twin === ann)
    check("shapes", shapes.map(\.area) == [16, 6] && (shapes[1] as? Big)?.text == long("big"))
    check(
      "tree",
      tree == .branch(.leaf(1), .branch(.none, .leaf(2), long("tree")), "literal, long"))
    check("states", states == [.idle: 1, .loading(long("l"), 2): 3, .done([1]): 4])
    check("any", anything[0] as? Int == 1 && anything[1] as? String == long("any"))
    check("any struct", anything[2] as? Big == Big(text: "b"))
    check("any enum", anything[4] as? State == .failed(code: 3))
    check(
      "generic", generic.value == Square(side: 5) && generic.others == [.idle, .failed(code: 2)])
    check("error", errors[0] as? Trouble == Trouble(text: long("t"), numbers: [1]))
    check("named", named[0] === ann)
    check(
      "types",
      types.map { ObjectIdentifier($0) }
        == [Int.self, Square.self, [Big].self, Zoo.self].map { ObjectIdentifier($0 as Any.Type) })
    check("squares", squares[Square()] == [.leaf(3)])
    check("AnyHashable", hashables[AnyHashable("a")] == 1 && hashables[AnyHashable(Square())] == 2)
    check("tokens", tokens[token] == "one" && tokens.count == 2)
    check("identities", identities == [ObjectIdentifier(ann), ObjectIdentifier(Int.self)])
    let found = (0..<300).count { (index: Int) in numbers["key \(index)"] == index }
    check("numbers", found == 300 && numbers.count == 300)
    check("strings", strings == ["", "small", "a literal that is long", long("x"), long("é")])
    check("slice", Array(slice) == [5, 6, 7, 8] && slice.startIndex == 5)
    check("inline", inline[1] == "a literal that is long enough")
    check("data", data == Data((0..<200).map { UInt8($0) }))
    check(
      "dates",
      dates.first?.value == Date(timeIntervalSince1970: 5) && dates[dates.first!.key] != nil)
    check("url", url?.host == "host.example" && url?.query == "q=1")
    check("decimal", decimal == Decimal(string: "1.25"))
    check("watched", watched.count == 7)
    check("local", String(describing: type(of: local)) == "Local")
    return problems
  }

  /// Ordinary Swift, after which the graph is used as before.
  public func mutate() {
    people[0].pets.append(Animal("new"))
    people[0].byName["new"] = people[0].pets[3]
    numbers["new"] = 1
    numbers["new"] = nil
    people[0].pets.removeLast()
    people[0].byName["new"] = nil
    strings[3] += "?"
    strings[3].removeLast()
    data.append(1)
    data.removeLast()
    tokens[Token(3)] = "three"
    tokens = tokens.filter { $0.key.number != 3 }
    watched.count += 1
    watched.count -= 1
  }
}
