// Types and properties that are called otherwise.

import Containers

#if BEFORE
  final class Client {
    var name = "Ann"
    var next: Client?
    var all: [Client] = []
  }
  func ring() -> Client {
    let a = Client()
    let b = Client()
    a.next = b
    b.next = a
    a.all = [a, b]
    return a
  }
  let renamed = Change.before("class renamed, registered", ring())
#else
  final class Person {
    var name = ""
    var next: Person?
    var all: [Person] = []
    var age = 0
  }
  let renamed = Change.after(
    "class renamed, registered", Person(), { $0.rename("Shop.Client", to: Person.self) },
    isRight: {
      $0.name == "Ann" && same($0.next?.next, $0) && same($0.all[0], $0) && same($0.all[1], $0.next)
    })
#endif

#if BEFORE
  struct Coin { var value = 5 }
  final class Purse {
    var coins: [String: [Coin]] = ["a": [Coin()]]
    var any: Any = Coin()
  }
  let coins = Change.before("struct renamed, registered", Purse())
#else
  struct Money: Equatable { var value = 0 }
  final class Purse {
    var coins: [String: [Money]] = [:]
    var any: Any = 1
  }
  let coins = Change.after(
    "struct renamed, registered", Purse(),
    // As two programs after each other registered it.
    {
      $0.rename("Shop.Coin", to: "Shop.Cash")
      $0.rename("Shop.Cash", to: Money.self)
    },
    isRight: { $0.coins == ["a": [Money(value: 5)]] && $0.any as? Money == Money(value: 5) })
#endif

#if BEFORE
  final class Lost { var name = "Ann" }
  final class Finder { var lost: Lost? = Lost() }
  let lost = Change.before("class renamed, not registered", Finder())
#else
  final class Found { var name = "" }
  final class Finder { var lost: Found? }
  let lost = Change.refused(
    "class renamed, not registered", Finder(), says: "`lost` of Shop.Finder", "Shop.Lost",
    "Shop.Found")
#endif

#if BEFORE
  final class Vanished { var name = "Ann" }
  let vanished = Change.before("class removed, and a value of it stored", [Vanished() as AnyObject])
#else
  let vanished = Change.refused(
    "class removed, and a value of it stored", [AnyObject](), .typeMissing, says: "Shop.Vanished")
#endif

#if BEFORE
  final class Depot { var items: [Int: Part] = [1: Part()] }
  final class Part { var weight = 2.5 }
  let moved = Change.before("class moved into another type, registered", Depot())
#else
  final class Depot {
    final class Part { var weight = 0.0 }
    var items: [Int: Part] = [:]
  }
  let moved = Change.after(
    "class moved into another type, registered", Depot(),
    { $0.rename("Shop.Part", to: Depot.Part.self) },
    isRight: { $0.items[1]?.weight == 2.5 })
#endif

#if BEFORE
  final class Named {
    var title = "T"
    var size: Int32 = 4
  }
  let retitled = Change.before("property renamed, registered", Named())
#else
  final class Named {
    var name = ""
    var length = 0
  }
  let retitled = Change.after(
    "property renamed, registered", Named(),
    {
      $0.rename("title", of: "Shop.Named", to: "name")
      $0.rename("size", of: "Shop.Named", to: "length")
    },
    isRight: { $0.name == "T" && $0.length == 4 })
#endif

#if BEFORE
  final class Record {
    var first = "Ann"
    var last = "Lee"
    var friend: Record?
  }
  func records() -> [Record] {
    let a = Record()
    let b = Record()
    a.friend = b
    b.friend = a
    return [a, b]
  }
  let joined = Change.before("two properties became one, with a closure", records())
#else
  final class Record {
    var name = ""
    var friends: [Record] = []
  }
  let joined = Change.after(
    "two properties became one, with a closure", [Record](),
    {
      $0.change("Shop.Record", having: ["first", "last"]) { old, new in
        new["name"] = .value("\(old["first"]) \(old["last"]), in full")
        new["friends"] = .array([old["friend"]])
      }
    },
    isRight: {
      $0[0].name == "Ann Lee, in full" && same($0[0].friends[0], $0[1])
        && same($0[1].friends[0], $0[0])
    })
#endif

#if BEFORE
  final class Letter {
    var street = "Long Street"
    var number = 5
    var to = Letter?.none
  }
  let letters = Change.before("properties became an object of their own, with a closure", Letter())
#else
  final class Place {
    var street = ""
    var number = 0
    var note: String?
  }
  struct Stamp: Equatable { var cents: Int32 = 0 }
  final class Letter {
    var place: Place?
    var stamp = Stamp()
    var to: Letter?
  }
  let letters = Change.after(
    "properties became an object of their own, with a closure", Letter(),
    {
      $0.change("Shop.Letter", having: ["street"]) { old, new in
        new["place"] = .record(["street": old["street"], "number": old["number"]])
        new["stamp"] = .record(["cents": 85])
      }
    },
    isRight: {
      $0.place?.street == "Long Street" && $0.place?.number == 5 && $0.stamp.cents == 85
    })
#endif

let names = [renamed, coins, lost, vanished, moved, retitled, joined, letters]
