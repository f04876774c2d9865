private protocol Figure { var area: Int { get } }
private protocol Bound: AnyObject { var name: String { get } }
private protocol Holding<Content> {
  associatedtype Content
  var content: Content { get }
}

private struct Quad: Figure, Hashable {
  var side = 4
  var area: Int { side * side }
}
private struct Wide: Figure, Equatable {
  var a = 1
  var b = 2
  var c = 3
  var text: String
  var area: Int { a + b + c }
}
private class Titled: Bound {
  let name: String
  init(_ name: String) { self.name = name }
}
private final class Circle: Titled, Figure {
  var area: Int { 3 }
}
/// Two arguments, class-bound.
private protocol Keyed<Key, Content>: AnyObject {
  associatedtype Key: Hashable
  associatedtype Content: Sequence
  var key: Key { get }
  var content: Content { get }
}
private final class KeyBox<Key: Hashable, Content: Sequence>: Keyed {
  let key: Key
  let content: Content
  weak var other: (any Keyed<Key, Content>)?
  init(key: Key, content: Content) {
    self.key = key
    self.content = content
  }
}
private struct Box<Content>: Holding { var content: Content }
private final class TitledBox: Titled, Holding {
  var content: Int { 7 }
}
/// Declares what is constrained otherwise than in a property of its own.
private enum Choice {
  case nothing
  case type(any Holding<String>.Type)
  case both(any Keyed<String, [Int]>.Type, (any Holding<Int>.Type)?)
}
private final class Catalogue<Content> {
  var kinds: [String: any Holding<Content>.Type] = [:]
  var kind: (any Holding<Content>.Type)?
  init(_ kind: (any Holding<Content>.Type)?) { self.kind = kind }
}
private struct Titles {
  var titled: any Titled & Holding<Int>
  var types: [any (Titled & Holding<Int>).Type]
}
private struct WideBox<Content>: Holding {
  var content: Content
  var a = 1
  var b = 2
  var c = 3
}
private struct Fault: Error, Equatable {
  var text: String
  var numbers: [Int]
}
private final class ErrorObject: Error {
  let code: Int
  init(_ code: Int) { self.code = code }
}

// Conformances that neither module of type and protocol has.
// swift-format-ignore: AvoidRetroactiveConformances
extension ClosedRange: @retroactive Identifiable where Bound == Int {
  public var id: Int { lowerBound }
}
// swift-format-ignore: AvoidRetroactiveConformances
extension String: @retroactive Error {}
extension Int: Figure { fileprivate var area: Int { self } }
extension Array: Figure where Element == Quad {
  fileprivate var area: Int { reduce(0) { $0 + $1.area } }
}

private struct Constrained {
  var sequence: any Sequence<Int>
  var sum: Int { sequence.reduce(0, +) }
}

extension Exhibition {
  mutating func showExistentials() {
    begin(row: "`any P`, Any, `any P & Q`, `Class & P`, AnyObject, class-bound protocols")
    show([Quad(), Wide(text: longText("b")), 5, Array([Quad(), Quad()])] as [any Figure]) {
      $0.map(\.area) == [16, 6, 5, 32] && ($0[1] as? Wide)?.text == longText("b")
    }
    show([1, longText("any"), Wide(text: "b"), (1, "pair"), [1], Int?.none as Any] as [Any]) {
      $0[0] as? Int == 1 && $0[1] as? String == longText("any") && $0[2] as? Wide == Wide(text: "b")
        && ($0[3] as? (Int, String))?.1 == "pair" && $0[4] as? [Int] == [1] && $0.count == 6
    }
    show([Quad(side: 2)] as [any Figure & Hashable]) { $0[0].area == 4 }
    show(Circle(longText("circle")) as Titled & Figure) {
      $0.area == 3 && $0.name == longText("circle")
    }
    show([Titled("a"), Circle("b")] as [any Bound]) { $0.map(\.name) == ["a", "b"] }
    show(Titled(longText("object")) as AnyObject) { ($0 as? Titled)?.name == longText("object") }
    show((4...9) as any Identifiable) { ($0 as? ClosedRange<Int>)?.id == 4 }
    show(["a": Wide(text: "x")] as [String: any Figure]) { $0["a"]?.area == 6 }

    begin(
      row: "`any P<T>` (constrained), class-bound too, alone and as arguments of generic types")
    show([Constrained(sequence: [1, 2]), Constrained(sequence: 3..<5)]) {
      $0.map(\.sum) == [3, 7]
    }
    final class Holder {
      var box: any Holding<String> = Box(content: longText("box"))
      var wide: (any Holding<String>)? = WideBox(content: longText("wide"))
    }
    show(Holder()) {
      $0.box.content == longText("box") && $0.wide?.content == longText("wide")
    }
    show([Box(content: "a"), WideBox(content: longText("b"))] as [any Holding<String>]) {
      $0[0].content == "a" && $0[1].content == longText("b")
    }
    show(["k": Box(content: "v")] as [String: any Holding<String>]) { $0["k"]?.content == "v" }
    show([nil, [1, 2], 3..<5] as [(any Sequence<Int>)?]) {
      $0[0] == nil && $0[1] as? [Int] == [1, 2] && $0[2] as? Range<Int> == 3..<5
    }
    show([[Box(content: "in Any")]] as [[any Holding<String>]] as Any) {
      ($0 as? [[any Holding<String>]])?[0][0].content == "in Any"
    }
    let keyed = KeyBox(key: "k", content: [1])
    keyed.other = keyed
    show(Titles(titled: TitledBox(longText("both")), types: [TitledBox.self])) {
      $0.titled.content == 7 && $0.titled.name == longText("both") && $0.types[0] == TitledBox.self
    }
    show([keyed] as [any Keyed<String, [Int]>]) {
      let box = $0[0] as? KeyBox<String, [Int]>
      return box?.content == [1] && box?.other === box
    }

    showErrorsAndMetatypes()
  }

  private mutating func showErrorsAndMetatypes() {
    begin(row: "`any Error`")
    show(
      [Fault(text: longText("e"), numbers: [1]), Mishap.code(4), Mishap.text("t")] as [any Error]
    ) {
      $0[0] as? Fault == Fault(text: longText("e"), numbers: [1])
        && $0[1] as? Mishap == .code(4) && $0[2] as? Mishap == .text("t")
    }
    show(ErrorObject(9) as any Error) { ($0 as? ErrorObject)?.code == 9 }
    show(longText("a retroactive error") as any Error) {
      $0 as? String == longText("a retroactive error")
    }

    begin(row: "metatypes: `T.Type`, Any.Type, AnyClass, `any P.Type`")
    show([Int.self, Wide.self, Circle.self, [Quad].self, (any Figure).self] as [Any.Type]) {
      let types: [Any.Type] = [Int.self, Wide.self, Circle.self, [Quad].self, (any Figure).self]
      return $0.map { ObjectIdentifier($0) } == types.map { ObjectIdentifier($0) }
    }
    show([Titled.self, Circle.self] as [AnyClass]) { $0[1] == Circle.self }
    show(Circle.self as Titled.Type) { $0 == Circle.self }
    show([Quad.self, Circle.self] as [any Figure.Type]) { $0[0] == Quad.self }

    begin(row: "`any P<T>.Type`, also class-bound, with a superclass, and as arguments")
    show([Box<String>.self, WideBox<String>.self] as [any Holding<String>.Type]) {
      $0[0] == Box<String>.self && $0[1] == WideBox<String>.self
    }
    show([nil, Box<String>.self] as [(any Holding<String>.Type)?]) {
      $0[0] == nil && $0[1] == Box<String>.self
    }
    show(["k": Box<String>.self] as [String: any Holding<String>.Type]) {
      $0["k"] == Box<String>.self
    }
    show((1, [Box<String>.self] as [any Holding<String>.Type], longText("t")) as Any) {
      let tuple = $0 as? (Int, [any Holding<String>.Type], String)
      return tuple?.1[0] == Box<String>.self && tuple?.2 == longText("t")
    }
    show([.nothing, .type(Box<String>.self), .both(KeyBox<String, [Int]>.self, Box<Int>.self)]) {
      (choices: [Choice]) in
      guard case .nothing = choices[0], case .type(let type) = choices[1],
        case .both(let first, let second) = choices[2]
      else { return false }
      return type == Box<String>.self && first == KeyBox<String, [Int]>.self
        && second == Box<Int>.self
    }
    let catalogue = Catalogue<String>(WideBox<String>.self)
    catalogue.kinds[longText("box")] = Box<String>.self
    show(catalogue) {
      $0.kinds[longText("box")] == Box<String>.self && $0.kind == WideBox<String>.self
    }
    show(Result<any Holding<String>.Type, Mishap>.success(Box<String>.self)) {
      (try? $0.get()) == Box<String>.self
    }

    begin(row: "ObjectIdentifier")
    let named = Titled("n")
    show((named, ObjectIdentifier(named), ObjectIdentifier(Wide.self))) {
      $0.1 == ObjectIdentifier($0.0) && $0.2 == ObjectIdentifier(Wide.self)
    }
    show((named, [ObjectIdentifier(named): "n", ObjectIdentifier(Int.self): "i"])) {
      $0.1[ObjectIdentifier($0.0)] == "n" && $0.1[ObjectIdentifier(Int.self)] == "i"
    }
  }
}
