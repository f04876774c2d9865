private struct Point: Hashable {
  var x = 1
  var y: Int8 = 2
  var z = 3.5
}
private struct Pair<First, Second> {
  var first: First
  var second: Second
}
private struct Packed<First, each Rest> {
  var first: First
  var rest: (repeat each Rest)
}
private final class PackedObject<each Part> {
  var parts: (repeat each Part)
  init(_ parts: repeat each Part) { self.parts = (repeat each parts) }
}
extension Pair where First == Int {
  // Its first parameter is bound where it is declared.
  fileprivate struct Numbered<Third> {
    var number: First
    var second: Second
    var third: Third
  }
}
private enum Plain: CaseIterable {
  case north, south, east
}
private enum Single: Equatable {
  case none
  case text(String)
  case nothing
}
private enum Several: Equatable {
  case empty
  case text(String)
  case both([Int], Point)
  case number(Int64)
  case flag(Bool)
}
private indirect enum Branching: Equatable {
  case leaf(Int)
  case node(Branching, Branching, String)
  case none
}
private enum Partly: Equatable {
  case plain(String)
  indirect case boxed(String, Partly)
}
private enum Word: UInt16 {
  case a = 7
  case b = 900
}

extension Exhibition {
  mutating func showValues() {
    begin(row: "Int, UInt, all sizes; Float, Double, Float80; SIMD vectors")
    show(Int8.min, -1)
    show(Int16.min, 2)
    show(Int32.max, 3)
    show(Int64.min, 4)
    show(Int128.max, 5)
    show(UInt8.max)
    show(UInt64.max)
    show(Float.pi, -0.0, .infinity)
    show(Double.pi, .leastNonzeroMagnitude)
    #if arch(x86_64)
      show(Float80.pi)
    #endif
    show(SIMD2<Float>(1, 2))
    show(SIMD3<Double>(1, 2, 3))
    show(SIMD4<Int32>(1, -2, 3, -4))
    show(SIMD16<UInt8>(repeating: 9))
    show([SIMD3<Float>](repeating: [1, 2, 3], count: 5))

    begin(row: "Bool, Unicode.Scalar")
    show(true, false)
    show(Unicode.Scalar(0x1f600)!, "a")

    begin(row: "structs, tuples, parameter packs")
    show(Point(), Point(x: -1, y: -2, z: .nan.magnitude).z.isNaN ? Point() : Point())
    show((1, name: longText("tuple"), (true, Point()))) {
      $0.0 == 1 && $0.name == longText("tuple") && $0.2.0 && $0.2.1 == Point()
    }
    show(Pair(first: Pair(first: UInt8(1), second: "x"), second: ())) { $0.first.second == "x" }
    show(Packed(first: 1, rest: (longText("pack"), [2]))) {
      $0.first == 1 && $0.rest.0 == longText("pack") && $0.rest.1 == [2]
    }
    show([Packed(first: "none", rest: ())]) { $0[0].first == "none" }
    show(PackedObject(longText("packed"), 3, [4])) {
      let parts: (String, Int, [Int]) = $0.parts
      return parts.0 == longText("packed") && parts.1 == 3 && parts.2 == [4]
    }
    show([Pair<Int, String>.Numbered(number: 1, second: longText("n"), third: [true])]) {
      $0[0].number == 1 && $0[0].second == longText("n") && $0[0].third == [true]
    }

    begin(row: "enums: plain, one payload, several, indirect; Optional, Result")
    show(Plain.north, .south, .east)
    show(Word.a, .b)
    show(Single.none, .nothing, .text("a"), .text(longText("single")))
    show(Several.empty, .text(longText("s")), .both([1, 2], Point()), .number(-1), .flag(true))
    show(Branching.none, .node(.leaf(1), .node(.none, .leaf(2), longText("t")), "x"))
    show(Partly.plain("x"), .boxed(longText("b"), .boxed("c", .plain("d"))))
    show(Int?.none, 5)
    show(String???.none, .some(.none), .some(.some(.none)), longText("optional"))
    show([Several?.none, .flag(false), .both([], Point())])
    show(Result<String, Mishap>.failure(.code(3)), .success(longText("result")))
  }
}

enum Mishap: Error, Equatable {
  case code(Int)
  case text(String)
}
