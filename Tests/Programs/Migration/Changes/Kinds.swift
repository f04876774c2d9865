// Types that became private, generic, a subclass, a struct, an actor, observable.

import Containers
import Observation

#if BEFORE
  final class Hidden { var code = 7 }
  final class Keeper { var hidden: AnyObject = Hidden() }
  let hidden = Change.before("class became private", Keeper())
#else
  private final class Hidden {
    var code = 0
    var more = 1
  }
  final class Keeper { var hidden: AnyObject = Depot() }
  let hidden = Change.after("class became private", Keeper()) {
    ($0.hidden as? Hidden)?.code == 7 && ($0.hidden as? Hidden)?.more == 0
  }
#endif

#if BEFORE
  private struct Shown { var code = 7 }
  final class Shower { var shown: Any = Shown() }
  let shown = Change.before("private struct became public", Shower())
#else
  struct Shown { var code = 0 }
  final class Shower { var shown: Any = 1 }
  let shown = Change.after("private struct became public", Shower()) {
    ($0.shown as? Shown)?.code == 7
  }
#endif

#if BEFORE
  private struct Secret: Hashable { var code: Int32 = 7 }
  final class Vault {
    private var codes: [Secret: Int] = [Secret(): 1]
    var isOpen: Bool { codes[Secret()] == 1 }
  }
  let vaults = Change.before("private struct changed", Vault())
#else
  private struct Secret: Hashable { var code = 7 }
  final class Vault {
    private var codes: [Secret: Int] = [:]
    var isOpen: Bool { codes[Secret()] == 1 }
  }
  let vaults = Change.after("private struct changed", Vault()) { $0.isOpen }
#endif

#if BEFORE
  final class Crate { var item = 5 }
  final class Truck { var crate: AnyObject = Crate() }
  let crates = Change.before("class became generic", Truck())
#else
  final class Crate<Item> {
    var item: Item
    init(_ item: Item) { self.item = item }
  }
  final class Truck { var crate: AnyObject = Crate("") }
  let crates = Change.refused(
    "class became generic", Truck(), says: "Shop.Crate", "generic")
#endif

#if BEFORE
  final class Cart { var item = 5 }
  final class Train { var cart = Cart() }
  let carts = Change.before("class became generic, registered", Train())
#else
  final class Cart<Item> {
    var item: Item
    init(_ item: Item) { self.item = item }
  }
  final class Train { var cart = Cart(0) }
  let carts = Change.after(
    "class became generic, registered", Train(), { $0.rename("Shop.Cart", to: Cart<Int>.self) },
    isRight: { $0.cart.item == 5 })
#endif

#if BEFORE
  class Animal { var name = "Rex" }
  final class Dog { var tricks = 3 }
  let dogs = Change.before("class became a subclass", [Dog()])
#else
  class Animal {
    var name = ""
    var legs: Int?
  }
  final class Dog: Animal { var tricks = 0 }
  let dogs = Change.after("class became a subclass", [Dog]()) {
    $0[0].tricks == 3 && $0[0].name.isEmpty && $0[0].legs == nil
  }
#endif

#if BEFORE
  class Base { var id = 4 }
  final class Derived: Base { var text = "derived" }
  let derived = Change.before("superclass dropped, its property declared by the class", Derived())
#else
  final class Derived {
    var text = ""
    var id = 0
  }
  let derived = Change.after(
    "superclass dropped, its property declared by the class", Derived()
  ) { $0.id == 4 && $0.text == "derived" }
#endif

#if BEFORE
  final class Point { var x = 1, y = 2 }
  final class Line { var start = Point() }
  let points = Change.before("struct instead of a class", Line())
#else
  struct Point { var x = 0, y = 0 }
  final class Line { var start = Point() }
  let points = Change.refused(
    "struct instead of a class", Line(), says: "`start` of Shop.Line", "of class Shop.Point",
    "of type Shop.Point")
#endif

#if BEFORE
  final class Spot { var x = 1, y = 2 }
  final class Map {
    var spots = [Spot(), Spot()]
    var first = Spot()
  }
  let spots = Change.before("struct instead of a class, with a closure", Map())
#else
  struct Spot: Equatable { var x = 0, y = 0 }
  final class Map {
    var spots: [Spot] = []
    var first = Spot()
  }
  let spots = Change.after(
    "struct instead of a class, with a closure", Map(),
    { $0.build(Spot.self) { old in Spot(x: old["x"].int ?? 0, y: old["y"].int ?? 0) } },
    isRight: { $0.first == Spot(x: 1, y: 2) && $0.spots == [Spot(x: 1, y: 2), Spot(x: 1, y: 2)] })
#endif

#if BEFORE
  struct Account { var sum = 5 }
  final class Bank { var account = Account() }
  let accounts = Change.before("class instead of a struct", Bank())
#else
  final class Account { var sum = 0 }
  final class Bank { var account = Account() }
  let accounts = Change.refused(
    "class instead of a struct", Bank(), says: "`account` of Shop.Bank")
#endif

#if BEFORE
  struct Ledger { var sum = 5 }
  final class Office { var ledger = Ledger() }
  let ledgers = Change.before("class instead of a struct, with a closure", Office())
#else
  final class Ledger {
    var sum: Int
    init(_ sum: Int) { self.sum = sum }
  }
  final class Office { var ledger = Ledger(0) }
  let ledgers = Change.after(
    "class instead of a struct, with a closure", Office(),
    { $0.compute(\Office.ledger) { old in Ledger(old["ledger"]["sum"].int ?? 0) } },
    isRight: { $0.ledger.sum == 5 })
#endif

#if BEFORE
  final class Counter {
    var hits: Int
    init(_ hits: Int) { self.hits = hits }
  }
  let counters = Change.before("class became an actor", Counter(5))
#else
  actor Counter {
    nonisolated let hits: Int
    init(_ hits: Int) { self.hits = hits }
  }
  let counters = Change.after("class became an actor", Counter(0)) { $0.hits == 5 }
#endif

#if BEFORE
  final class Model {
    var title = "title"
    var count: Int32 = 5
  }
  let models = Change.before("class became observable", Model())
#else
  @Observable final class Model {
    var title = ""
    var count = 0
  }
  let models = Change.after("class became observable", Model()) { model in
    withObservationTracking {
      _ = model.count
    } onChange: {
    }
    return model.count == 5 && model.title == "title"
  }
#endif

#if BEFORE
  protocol Fruit {}
  struct Apple: Fruit { var weight = 5 }
  let fruits = Change.before("conformance dropped", [Apple() as any Fruit])
#else
  protocol Fruit {}
  struct Apple { var weight = 0 }
  let fruits = Change.refused(
    "conformance dropped", [any Fruit](), says: "Shop.Apple", "conforms to Shop.Fruit")
#endif

#if BEFORE
  final class Release {
    var text = "1.2.3"
    var notes = "notes that are not inline"
  }
  func releases() -> [Release] {
    let release = Release()
    return [release, release]
  }
  let released = Change.before("class built anew by a closure", releases())
#else
  class Release {
    let parts: [Int]
    let notes: String
    init(_ parts: [Int], _ notes: String) {
      self.parts = parts
      self.notes = notes
    }
  }
  let released = Change.after(
    "class built anew by a closure", [Release](),
    {
      $0.build(Release.self) { old in
        let parts = (old["text"].string ?? "").split(separator: ".").compactMap { Int($0) }
        return Release(parts, "\(old["notes"]), as they were")
      }
    },
    isRight: {
      $0[0].parts == [1, 2, 3] && same($0[0], $0[1])
        && $0[0].notes == "notes that are not inline, as they were"
    })
#endif

#if BEFORE
  class Upper {
    private var id = 1
    var upper: Int { id }
  }
  final class Lower: Upper {
    private var id = 2
    private var size: Int32 = 3
    var lower: Int { id + Int(size) }
  }
  let homonyms = Change.before("class and superclass with a property of one name", Lower())
#else
  class Upper {
    private var id = 0
    var upper: Int { id }
  }
  final class Lower: Upper {
    private var size = 0
    private var id = 0
    var lower: Int { id + size }
  }
  let homonyms = Change.after("class and superclass with a property of one name", Lower()) {
    $0.upper == 1 && $0.lower == 5
  }
#endif

let kinds = [
  hidden, shown, vaults, crates, carts, dogs, derived, points, spots, accounts, ledgers, counters,
  models, fruits, released, homonyms,
]
