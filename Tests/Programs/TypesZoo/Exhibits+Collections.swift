private struct Key: Hashable {
  var name: String
  var numbers: [Int]
}
private final class Identity: Hashable {
  let number: Int
  init(_ number: Int) { self.number = number }
  static func == (left: Identity, right: Identity) -> Bool { left === right }
  func hash(into hasher: inout Hasher) { hasher.combine(ObjectIdentifier(self)) }
}

extension Exhibition {
  mutating func showCollections() {
    begin(
      row: "Array, ContiguousArray, ArraySlice, InlineArray, KeyValuePairs, CollectionOfOne")
    show([Int](), [1, 2, 3], Array(0..<1000))
    show(["a", longText("array")], ["literal, a long one"])
    show([[1], [], [2, 3]])
    show(ContiguousArray([longText("c"), "d"]))
    show(Array(0..<20)[5..<9]) { Array($0) == [5, 6, 7, 8] && $0.startIndex == 5 }
    show([longText("x"), "y", "z"].dropFirst()) { Array($0) == ["y", "z"] }
    let inline: InlineArray<3, String> = ["a", longText("inline"), "c"]
    show(inline) { $0[1] == longText("inline") && $0[2] == "c" }
    show(["a": 1, "b": 2] as KeyValuePairs) { $0.map(\.value) == [1, 2] && $0[1].key == "b" }
    show(CollectionOfOne(longText("one"))) { $0.first == longText("one") }

    begin(row: "Dictionary, Set, their Keys and Values")
    show([Int: Int](), [1: 2])
    show(Dictionary(uniqueKeysWithValues: (0..<300).map { ("key \($0)", $0) }))
    show([Key(name: longText("k"), numbers: [1]): [Key(name: "v", numbers: [])]])
    show(Set<String>(), Set((0..<100).map { longText("\($0)") }))
    show(["a": 1, "b": 2].keys) { $0.sorted() == ["a", "b"] && $0.contains("b") }
    show([1: "a", 2: "b"].values) { $0.sorted() == ["a", "b"] }
    let one = Identity(1)
    show((one, [one: "one", Identity(2): "two"])) { $0.1[$0.0] == "one" && $0.1.count == 2 }
    show((one, Set([one, Identity(3)]))) { $0.1.contains($0.0) && !$0.1.contains(Identity(3)) }

    begin(row: "String, Substring, Character: small, literal, native")
    show("", "small", "fifteen bytes..", "a literal longer than fifteen bytes", "é")
    show(longText("ascii"), longText("ünïcödé"), String(repeating: "é", count: 100))
    show(longText("abc").dropFirst(2), "a literal longer than fifteen bytes".dropLast(3))
    show(Character("a"), "👨‍👩‍👧‍👦", "é")

    begin(
      row: "ranges, AnyHashable, lazy, reversed, zipped and enumerated collections without closures"
    )
    show(0..<5)
    show(1...9)
    show("a"..."z")
    show(PartialRangeFrom(3)) { $0.lowerBound == 3 }
    show(AnyHashable(longText("h")), AnyHashable(3), AnyHashable(Key(name: "k", numbers: [1])))
    show([AnyHashable("a"): 1, AnyHashable(2): 2])
    show(AnySequence([1, longText("any").count])) { Array($0).first == 1 }
    show(AnyCollection([longText("c")])) { $0.first == longText("c") }
    show([1, 2].lazy) { Array($0) == [1, 2] }
    show([1, 2].reversed() as ReversedCollection<[Int]>) { Array($0) == [2, 1] }
    show(zip([1], [longText("z")])) { Array($0).first?.1 == longText("z") }
    show([longText("e")].enumerated()) { Array($0).first?.element == longText("e") }
    show(stride(from: 1, to: 9, by: 3)) { Array($0) == [1, 4, 7] }
  }
}
