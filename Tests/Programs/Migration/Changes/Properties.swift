// Properties that came, went, moved, or have another type.

import Containers
import Foundation

#if BEFORE
  final class Added { var name = "Ann" }
  let added = Change.before("optional property added", Added())
#else
  final class Added {
    var name = ""
    var email: String?
    weak var friend: Added?
  }
  let added = Change.after("optional property added", Added()) {
    $0.name == "Ann" && $0.email == nil && $0.friend == nil
  }
#endif

#if BEFORE
  final class Emptied { var name = "Ann" }
  let emptied = Change.before("number, text and collections added", Emptied())
#else
  final class Emptied {
    var age = 7, name = "", isNew = true, text = "x", list = [1], table = ["a": 1], set: Set = [1]
  }
  let emptied = Change.after("number, text and collections added", Emptied()) {
    $0.age == 0 && $0.name == "Ann" && !$0.isNew && $0.text.isEmpty && $0.list.isEmpty
      && $0.table.isEmpty && $0.set.isEmpty
  }
#endif

#if BEFORE
  final class Defaulted { var names = ["Ann", "Bob"] }
  let defaulted = Change.before("property added, with a registered default", Defaulted())
#else
  final class City {
    var name: String
    init(_ name: String) { self.name = name }
  }
  final class Defaulted {
    var names: [String] = []
    var city = City("x")
    var born = Date()
  }
  let defaulted = Change.after(
    "property added, with a registered default", Defaulted(),
    {
      $0.setDefault(\Defaulted.city, City("a city with a long name"))
      $0.setDefault(\Defaulted.born, Date(timeIntervalSince1970: 86_400))
    },
    isRight: {
      $0.names == ["Ann", "Bob"] && $0.city.name == "a city with a long name"
        && $0.born.timeIntervalSince1970 == 86_400
    })
#endif

#if BEFORE
  final class Lacking { var name = "Ann" }
  let lacking = Change.before("property without an empty value added", Lacking())
#else
  final class Lacking {
    var name = ""
    var home = URL(filePath: "/")
  }
  let lacking = Change.refused(
    "property without an empty value added", Lacking(), says: "`home` of Shop.Lacking",
    "not there", "URL")
#endif

#if BEFORE
  final class Removed {
    var name = "Ann"
    var age = 41
    var tags = ["a", "b"]
  }
  let removed = Change.before("property removed", Removed())
#else
  final class Removed { var name = "" }
  let removed = Change.after("property removed", Removed()) { $0.name == "Ann" }
#endif

#if BEFORE
  final class Gone { var text = "gone" }
  final class Bereft {
    var name = "Ann"
    var gone: Gone? = Gone()
  }
  let bereft = Change.before("property removed, and the only class that it held", Bereft())
#else
  final class Bereft { var name = "" }
  let bereft = Change.after(
    "property removed, and the only class that it held", Bereft()
  ) { $0.name == "Ann" }
#endif

#if BEFORE
  final class Reordered {
    var first = 1
    var second = "two"
    var third: Int8 = 3
  }
  let reordered = Change.before("properties reordered", Reordered())
#else
  final class Reordered {
    var third: Int8 = 0
    var second = ""
    var first = 0
  }
  let reordered = Change.after("properties reordered", Reordered()) {
    $0.first == 1 && $0.second == "two" && $0.third == 3
  }
#endif

#if BEFORE
  final class Widened {
    var a: Int8 = -5, b: UInt8 = 250, c: Int32 = -70_000, d: UInt32 = .max, e: Int = .min
  }
  let widened = Change.before("integers widened", Widened())
#else
  final class Widened {
    var a: Int16 = 0, b: Int = 0, c: Int64 = 0, d: UInt64 = 0, e: Int64 = 0
  }
  let widened = Change.after("integers widened", Widened()) { widened in
    let small: Bool = widened.a == -5 && widened.b == 250 && widened.c == -70_000
    return small && widened.d == UInt64(UInt32.max) && widened.e == Int64.min
  }
#endif

#if BEFORE
  final class Precise {
    var a: Float = 1.5
    var b: Float = -.infinity
    var c = [Float](repeating: 0.25, count: 9)
  }
  let precise = Change.before("Float became Double", Precise())
#else
  final class Precise { var a = 0.0, b = 0.0, c = [Double]() }
  let precise = Change.after("Float became Double", Precise()) {
    $0.a == 1.5 && $0.b == -.infinity && $0.c == [Double](repeating: 0.25, count: 9)
  }
#endif

#if BEFORE
  final class Optioned {
    var number = 5, text = "a text that is long enough", other: Optioned?, list = [1, 2]
    init(_ other: Optioned?) { self.other = other }
  }
  final class Pair {
    var one = Optioned(nil)
    var two: Optioned
    init() { two = one }
  }
  let optioned = Change.before("T became T?", Pair())
#else
  final class Optioned {
    var number: Int32?
    var wide: Int?
    var text: String?
    var list: [Int]?
  }
  final class Pair {
    var one: Optioned?
    var two: Optioned?
  }
  let optioned = Change.after(
    "T became T?", Pair(), { $0.rename("number", of: "Shop.Optioned", to: "wide") },
    isRight: {
      $0.one?.wide == 5 && $0.one?.text == "a text that is long enough" && $0.one?.list == [1, 2]
        && same($0.one, $0.two)
    })
#endif

#if BEFORE
  final class Narrowed { var count = 5 }
  let narrowed = Change.before("integer narrowed", Narrowed())
#else
  final class Narrowed { var count: Int32 = 0 }
  let narrowed = Change.refused(
    "integer narrowed", Narrowed(), says: "`count` of Shop.Narrowed", "of type Swift.Int ",
    "of type Swift.Int32")
#endif

#if BEFORE
  final class Retyped { var code = 5 }
  let retyped = Change.before("property of another type", Retyped())
#else
  final class Retyped { var code = "" }
  let retyped = Change.refused(
    "property of another type", Retyped(), says: "`code` of Shop.Retyped", "Swift.Int",
    "Swift.String")
#endif

#if BEFORE
  final class Computed {
    var code = 5
    var price = 2.5
  }
  let computed = Change.before("property of another type, with a closure", Computed())
#else
  final class Computed {
    var code = ""
    var cents = 0
  }
  let computed = Change.after(
    "property of another type, with a closure", Computed(),
    {
      $0.compute(\Computed.code) { old in "No. \(old["code"]), a long number" }
      $0.compute(\Computed.cents) { old in Int((old["price"].double ?? 0) * 100) }
    },
    isRight: { $0.code == "No. 5, a long number" && $0.cents == 250 })
#endif

#if BEFORE
  final class Demanded { var name: String? = "Ann" }
  let demanded = Change.before("T? became T", Demanded())
#else
  final class Demanded { var name = "" }
  let demanded = Change.refused(
    "T? became T", Demanded(), says: "`name` of Shop.Demanded", "Optional")
#endif

#if BEFORE
  final class Lazy { var sum = 5 }
  let lazied = Change.before("property became lazy", Lazy())
#else
  final class Lazy { lazy var sum = 9 }
  let lazied = Change.after("property became lazy", Lazy()) { $0.sum == 5 }
#endif

#if BEFORE
  final class Held { var name = "a" }
  final class Holder {
    var strong: Held? = Held()
    var kept = Held()
    var two: Held?
    init() { two = kept }
  }
  let weakened = Change.before("strong reference became weak", Holder())
#else
  final class Held { var name = "" }
  final class Holder {
    weak var strong: Held?
    var kept = Held()
    weak var two: Held?
  }
  let weakened = Change.after("strong reference became weak", Holder()) {
    $0.strong == nil && $0.kept.name == "a" && same($0.kept, $0.two)
  }
#endif

#if BEFORE
  final class Listed { var items = [3, 1, 2] }
  let listed = Change.before("Array became Set", Listed())
#else
  final class Listed { var items: Set<Int> = [] }
  let listed = Change.refused(
    "Array became Set", Listed(), says: "`items` of Shop.Listed", "Swift.Set")
#endif

let properties = [
  added, emptied, defaulted, lacking, removed, bereft, reordered, widened, precise, optioned,
  narrowed, retyped, computed, demanded, lazied, weakened, listed,
]
