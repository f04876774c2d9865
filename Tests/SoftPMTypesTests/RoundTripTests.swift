import Foundation
import Observation
import SoftPMBase
import Testing
import TypesZoo

@testable import SoftPMTypes

// The shapes of ordinary programs, private and local ones among them.
private class Animal {
  var name: String
  var age = 3
  weak var owner: Person?
  unowned(unsafe) var keeper: Person?
  init(_ name: String) { self.name = name }
}

private final class Dog: Animal {
  var tricks: [String] = []
  lazy var lazyTrick = "a lazily made trick, long enough for the heap"
}

private final class Person {
  let name: String
  var pets: [Animal] = []
  var byName: [String: Animal] = [:]
  var favourite: Animal?
  unowned var twin: Person?
  init(_ name: String) { self.name = name }
}

private struct Big: Shape, Equatable {
  var a = 1
  var b = 2
  var c = 3
  var text = "a text that is longer than fifteen bytes"
  var area: Int { a + b + c }
}

private struct Small: Shape, Hashable {
  var side = 4
  var area: Int { side * side }
}

private protocol Shape { var area: Int { get } }
private protocol Named: AnyObject { var name: String { get } }
extension Person: Named {}

private struct Constrained {
  var numbers: any Sequence<Int>
}

private indirect enum Tree: Equatable {
  case leaf(Int)
  case branch(Tree, Tree, String)
  case none
}

private enum State: Equatable {
  case idle
  case loading(String, Int)
  case done([Int])
  case failed(code: Int)
}

private enum Trouble: Error, Equatable {
  case text(String)
  case number(Int)
}

private final class Generic<Value, Other> {
  var value: Value
  var others: [Other]
  init(_ value: Value, _ others: [Other]) {
    self.value = value
    self.others = others
  }
}

@Observable private final class Watched {
  var count = 7
  var title = "a title that is longer than fifteen bytes"
}

private actor Counter {
  var count = 41
  func next() -> Int {
    count += 1
    return count
  }
}

private func long(_ text: String) -> String { text + " (made at run time)" }

@Suite("A graph that went through its image")
struct RoundTripTests {
  private func through<Value>(_ value: Value) throws -> Value {
    try ToyContainer.roundTrip(Holder(value)).value
  }

  @Test("has the same plain values")
  func plainValues() throws {
    #expect(try through(42) == 42)
    #expect(try through((1, 2.5, true, UInt8(7))) == (1, 2.5, true, 7))
    #expect(try through(SIMD3<Float>(1, 2, 3)) == SIMD3<Float>(1, 2, 3))
    #expect(try through(Optional<Int>.none) == nil)
    #expect(try through(Optional(Optional<Int>.none)) == .some(.none))
    #expect(try through(0..<5) == 0..<5)
    let inline: InlineArray<3, String> = ["one", long("two"), "three is a longer literal"]
    let back = try through(inline)
    #expect(back[0] == "one" && back[1] == long("two") && back[2].hasPrefix("three"))
  }

  @Test("has the same strings, whatever their form")
  func strings() throws {
    for text in ["", "small", "fifteen bytes..", "a literal longer than fifteen bytes", "é"] {
      #expect(try through(text) == text)
    }
    for count in [1, 15, 16, 31, 62, 63, 64, 65, 71, 72, 73, 200, 5000] {
      let ascii = String(repeating: "x", count: count)
      #expect(try through(ascii) == ascii)
      let wide = String(repeating: "é", count: count)
      _ = wide.utf16.count
      var back = try through(wide)
      #expect(back == wide)
      #expect(back.utf16.count == count)
      #expect(back.utf16[back.utf16.index(back.utf16.startIndex, offsetBy: count - 1)] == 0xe9)
      back += " and more"
      #expect(back == wide + " and more")
    }
    #expect(try through(long("abc").dropFirst(2)) == long("abc").dropFirst(2))
    #expect(try through(Character("👨‍👩‍👧‍👦")) == "👨‍👩‍👧‍👦")
  }

  @Test("keeps identity, cycles, weak and unowned references")
  func identity() throws {
    let ann = Person(long("Ann"))
    let bob = Person("Bob")
    let rex = Dog("Rex")
    rex.tricks = ["sit", long("roll")]
    rex.owner = ann
    rex.keeper = ann
    ann.pets = [rex, Animal("Tom"), rex]
    ann.byName = ["Rex": rex, long("Tom"): ann.pets[1]]
    ann.favourite = rex
    ann.twin = ann
    rex.lazyTrick += "!"
    ann.pets[1].owner = bob
    let back = try ToyContainer.roundTrip(ann)
    #expect(back.name == ann.name)
    #expect(back.pets.count == 3)
    #expect(back.pets[0] === back.pets[2] && back.pets[0] === back.favourite)
    #expect(back.byName["Rex"] === back.pets[0])
    #expect(back.byName[long("Tom")] === back.pets[1])
    let dog = try #require(back.pets[0] as? Dog)
    #expect(dog.tricks == rex.tricks && dog.lazyTrick == rex.lazyTrick)
    #expect(dog.owner === back && dog.keeper === back && back.twin === back)
    #expect(back.pets[1].owner == nil, "a weak reference to a non-member is nil")
    #expect(back !== ann && dog !== rex)
    // Ordinary Swift from here on.
    back.pets.append(Animal("new"))
    back.byName["new"] = back.pets[3]
    dog.tricks.append("speak")
    dog.owner = nil
    #expect(back.byName.count == 3 && dog.tricks.count == 3 && ann.pets.count == 3)
  }

  @Test("has the same arrays, dictionaries and sets")
  func collections() throws {
    #expect(try through([Int]()) == [])
    #expect(try through([1, 2, 3]) == [1, 2, 3])
    #expect(try through(Array(0..<1000)) == Array(0..<1000))
    #expect(try through(ContiguousArray(["a", long("b")])) == ["a", long("b")])
    #expect(try through([[1], [], [2, 3]]) == [[1], [], [2, 3]])
    #expect(try through([1, 2, 3, 4][1...2]) == [2, 3])
    var slice = [Int](10..<20)[3...]
    slice.append(99)
    let slice2 = try through(slice)
    #expect(slice2 == slice && slice2.startIndex == 3)
    #expect(try through([Int: Int]()) == [:])
    #expect(try through(Set<String>()) == [])
    let squares = Dictionary(uniqueKeysWithValues: (0..<500).map { ("key \($0)", $0 * $0) })
    var back = try through(squares)
    #expect(back == squares)
    back["another"] = 1
    #expect(back.count == 501 && squares.count == 500)
    let names = Set((0..<100).map { long("name \($0)") })
    #expect(try through(names) == names)
    #expect(try through([Small(side: 1): [State.idle]]) == [Small(side: 1): [State.idle]])
    #expect(try through([Optional("a"), nil]) == ["a", nil])
    #expect(try through(KeyValuePairs(dictionaryLiteral: ("a", 1))).map(\.value) == [1])
  }

  /// The storage that the optimiser gives an array whose elements are one reference each.
  private func inObjectStorage<Element>(_ array: [Element]) -> [Element] {
    let objects = array.map { unsafeBitCast($0, to: AnyObject.self) }
    return unsafeBitCast(objects, to: [Element].self)
  }

  @Test("has the same arrays of what is one reference, as the optimiser makes them")
  func arraysInObjectStorage() throws {
    let lists = [[1], [], Array(0..<100)]
    let optimised = inObjectStorage(lists)
    #expect(type(of: unsafeBitCast(optimised, to: AnyObject.self)) != type(of: lists as AnyObject))
    var back = try through(optimised)
    #expect(back == lists)
    back[0].append(2)
    back.append([7])
    #expect(back == [[1, 2], [], Array(0..<100), [7]])
    #expect(try through([inObjectStorage([["a", long("b")]]), []]) == [[["a", long("b")]], []])
    let people = [Person("Ann"), Person("Bob")].map(Optional.some)
    #expect(try through(inObjectStorage(people)).map { $0?.name } == ["Ann", "Bob"])
  }

  @Test("has the same enums, indirect ones included")
  func enums() throws {
    for state in [
      State.idle, .loading(long("x"), 3), .loading("literal of more than fifteen", 4),
      .done([1, 2]), .done([]), .failed(code: -1),
    ] {
      #expect(try through(state) == state)
      #expect(try through([Optional(state), nil]) == [state, nil])
    }
    let tree = Tree.branch(.leaf(1), .branch(.none, .leaf(2), long("t")), "literal, rather long")
    #expect(try through(tree) == tree)
    #expect(try through(Result<String, Trouble>.failure(.text("x"))) == .failure(.text("x")))
  }

  @Test("has the same existentials, inline, boxed, class-bound and errors")
  func existentials() throws {
    let shapes: [any Shape] = [Small(), Big(), Small(side: 9)]
    #expect(try through(shapes).map(\.area) == shapes.map(\.area))
    let anything: [Any] = [1, long("text"), Big(), [1, 2], State.failed(code: 3), (1, "pair")]
    let back = try through(anything)
    #expect(back[0] as? Int == 1 && back[1] as? String == long("text"))
    #expect(back[2] as? Big == Big() && back[3] as? [Int] == [1, 2])
    #expect(back[4] as? State == .failed(code: 3))
    #expect((back[5] as? (Int, String))?.1 == "pair")
    let named: [any Named] = [Person("a person with a long name")]
    #expect(try through(named)[0].name == "a person with a long name")
    let errors: [any Error] = [Trouble.text(long("e")), Trouble.number(4)]
    let errorsBack = try through(errors)
    #expect(errorsBack[0] as? Trouble == .text(long("e")))
    #expect(errorsBack[1] as? Trouble == .number(4))
    #expect(try through([AnyHashable("a"), AnyHashable(3)]) == [AnyHashable("a"), AnyHashable(3)])
    let constrained = [
      Constrained(numbers: [1, 2]), Constrained(numbers: Set([3])), Constrained(numbers: 4..<6),
    ]
    #expect(try through(constrained).map { Array($0.numbers) } == [[1, 2], [3], [4, 5]])
    let both: [any Shape & Hashable] = [Small(side: 2)]
    #expect(try through(both)[0].area == 4)
    var object: AnyObject = Animal("any object")
    object = try through(object)
    #expect((object as? Animal)?.name == "any object")
  }

  @Test("has the same metatypes and identities")
  func metatypes() throws {
    let types: [Any.Type] = [Int.self, Big.self, Dog.self, [Small].self]
    #expect(try through(types).map { ObjectIdentifier($0) } == types.map { ObjectIdentifier($0) })
    let classes: [AnyClass] = [Dog.self, Person.self]
    #expect(try through(classes)[0] == Dog.self)
    let animal: Animal.Type = Dog.self
    #expect(try through(animal) == Dog.self)
    let shapes: [any Shape.Type] = [Small.self]
    #expect(try through(shapes)[0] == Small.self)
    let dog = Dog("d")
    let (same, identity, typeIdentity) = try through(
      (dog, ObjectIdentifier(dog), ObjectIdentifier(Dog.self)))
    #expect(identity == ObjectIdentifier(same) && typeIdentity == ObjectIdentifier(Dog.self))
    let table = [ObjectIdentifier(dog): "dog", ObjectIdentifier(Int.self): "Int"]
    let (kept, tableBack) = try through((dog, table))
    #expect(tableBack[ObjectIdentifier(kept)] == "dog")
    #expect(tableBack[ObjectIdentifier(Int.self)] == "Int")
  }

  @Test("has the same generic and local types")
  func genericAndLocal() throws {
    final class Local {
      var value = Generic<Small?, State>(Small(side: 5), [.idle, .failed(code: 2)])
      var nested: [Small: [Tree]] = [Small(): [.leaf(3)]]
    }
    let back = try ToyContainer.roundTrip(Local())
    #expect(back.value.value == Small(side: 5))
    #expect(back.value.others == [.idle, .failed(code: 2)])
    #expect(back.nested == [Small(): [.leaf(3)]])
  }

  @Test("has the same Foundation values")
  func foundation() throws {
    let date = Date(timeIntervalSince1970: 1e9)
    #expect(try through(date) == date)
    let id = UUID()
    #expect(try through([id: date]) == [id: date])
    #expect(try through(Decimal(string: "1.25")) == Decimal(string: "1.25"))
    for count in [0, 1, 14, 15, 100, 5000] {
      let data = Data((0..<count).map { UInt8(truncatingIfNeeded: $0) })
      var back = try through(data)
      #expect(back == data)
      back.append(1)
      #expect(back.count == count + 1)
    }
    let url = try #require(URL(string: "https://user@host.example/path?q=1#f"))
    #expect(try through(url) == url)
    #expect(try through(url).host == "host.example")
  }

  @Test("has working observation and actors")
  func runtimeObjects() async throws {
    let watched = Watched()
    withObservationTracking {
      _ = watched.count
    } onChange: {
    }
    let back = try ToyContainer.roundTrip(watched)
    #expect(back.count == 7 && back.title == watched.title)
    nonisolated(unsafe) var changed = false
    withObservationTracking {
      _ = back.count
    } onChange: {
      changed = true
    }
    back.count = 8
    #expect(changed)
    let counter = Counter()
    _ = await counter.next()
    let counterBack = try ToyContainer.roundTrip(counter)
    #expect(await counterBack.next() == 43)
  }

  @Test("finds its keys under other hash seeds")
  func otherSeeds() throws {
    let seeds = StoredSeeds(seed0: 1, seed1: 2, isDeterministic: false)
    let table = Dictionary(uniqueKeysWithValues: (0..<100).map { ("key \($0)", $0) })
    let back = try ToyContainer.roundTrip(Holder(table), seeds: seeds).value
    #expect(back == table)
    let set = Set((0..<10).map { Small(side: $0) })
    #expect(try ToyContainer.roundTrip(Holder(set), seeds: seeds).value == set)
  }

  @Test("has equal images when written twice, and from its restored self")
  func imagesAreCanonical() throws {
    let root = Holder<[Any]>([1, "two", Big(), [State.idle, .loading("x", 1)], Tree.leaf(4)])
    let first = ToyContainer()
    try first.discover(root)
    let second = ToyContainer()
    try second.discover(root)
    let image = try first.image()
    #expect(image == (try second.image()))
    let third = ToyContainer()
    try third.discover(try ToyContainer.restore(try first.stored(), as: Holder<[Any]>.self))
    #expect(image == (try third.image()))
  }
}
