// A small zoo: one of each kind of type that programs keep state in.

protocol Sounding { var sound: String { get } }
struct Bell: Sounding { var sound: String { "ding" } }
struct Choir: Sounding {
  var voices: [String]
  var first = 1
  var second = 2
  var third = 3
  var sound: String { voices.joined(separator: "+") }
}

class Animal {
  let name: String
  weak var keeper: Keeper?
  init(_ name: String) { self.name = name }
  var kind: String { "animal" }
}
class Bird: Animal {
  var wingspan: Double
  init(_ name: String, wingspan: Double) {
    self.wingspan = wingspan
    super.init(name)
  }
  override var kind: String { "bird of \(wingspan) m" }
}
private final class Parrot: Bird {
  var words: Set<String> = []
  override var kind: String { "parrot saying \(words.sorted().joined(separator: ","))" }
}

enum Meal {
  case none
  case seeds(grams: Int)
  case shared(with: Animal, portions: [Int])
  indirect case then(Meal, Meal)

  var text: String {
    switch self {
    case .none: "nothing"
    case .seeds(let grams): "\(grams) g of seeds"
    case .shared(let animal, let portions): "\(portions) shared with \(animal.name)"
    case .then(let first, let second): "(\(first.text), then \(second.text))"
    }
  }
}

final class Keeper {
  let name: String
  var animals: [Animal] = []
  /// Keepers know each other in a ring: a cycle.
  var friend: Keeper?
  unowned let zoo: Zoo
  init(_ name: String, zoo: Zoo) {
    self.name = name
    self.zoo = zoo
  }
}

final class Pair<First, Second> {
  var first: First
  var second: Second
  init(_ first: First, _ second: Second) {
    self.first = first
    self.second = second
  }
}

final class Zoo {
  var keepers: [String: Keeper] = [:]
  var meals: [Int: Meal] = [:]
  var bells: [any Sounding] = []
  var anything: Any = 0
  var visitors: Set<Int> = []
  var motto: String? = nil
  var notice = "a literal that is too long to be kept inline"
  var record: Pair<String, Double?>?
  var tuple: (Int, Bool) = (0, false)
  var star: Animal?
  var rating: Double = 0

  /// Builds the whole, with every kind of member; what is long is made at run time.
  func fill() {
    let ann = Keeper("Ann", zoo: self)
    let bob = Keeper("Bob", zoo: self)
    ann.friend = bob
    bob.friend = ann
    let polly = Parrot("Polly", wingspan: 0.3)
    polly.words = ["hello", "a rather long word number \(polly.words.count)"]
    polly.keeper = ann
    let leo = Animal("Leo")
    leo.keeper = bob
    ann.animals = [polly, leo]
    bob.animals = [leo]
    keepers = ["Ann": ann, "Bob": bob]
    meals = [
      8: .seeds(grams: 40), 12: .shared(with: leo, portions: [1, 2, 3]),
      19: .then(.seeds(grams: 5), .then(.none, .shared(with: polly, portions: []))),
    ]
    bells = [Bell(), Choir(voices: ["alto \(1) of the choir, long enough", "bass"])]
    anything = ("tuple in Any", [leo, polly])
    visitors = Set(1...100)
    motto = "motto number \(visitors.count), not inline either"
    record = Pair("wind", 12.5)
    tuple = (7, true)
    star = polly
    rating = 4.5
  }

  /// What a working day changes: everything a bit, again each time.
  func mutate(day: Int) {
    let guest = Bird("guest \(day)", wingspan: Double(day) / 4)
    guest.keeper = keepers["Ann"]
    keepers["Ann"]?.animals.append(guest)
    if day % 2 == 0 { keepers["Bob"]?.animals.removeAll { $0.name.hasPrefix("guest") } }
    keepers["Bob"]?.animals.append(guest)
    meals[day] = .then(.shared(with: guest, portions: [day]), meals[8] ?? .none)
    bells.append(Choir(voices: ["day \(day)"]))
    visitors.remove(day)
    visitors.insert(1000 + day)
    motto = day % 3 == 0 ? nil : "motto of day \(day), made at run time"
    record?.second = day % 2 == 0 ? nil : Double(day)
    anything = day % 2 == 0 ? day : [day: guest] as [Int: Animal]
    notice += "!"
    star = day % 3 == 0 ? nil : guest
  }
}

extension Zoo {
  /// Everything there is to say, in lines; identity and cycles included.
  var report: [String] {
    var lines: [String] = []
    for (name, keeper) in keepers.sorted(by: { $0.key < $1.key }) {
      let animals = keeper.animals.map { animal in
        "\(animal.name) (\(animal.kind), kept by \(animal.keeper?.name ?? "nobody"))"
      }
      lines.append("\(name): \(animals.joined(separator: "; "))")
      lines.append("  friend of friend is self: \(keeper.friend?.friend === keeper)")
      lines.append("  zoo is the root: \(keeper.zoo === self)")
    }
    for (hour, meal) in meals.sorted(by: { $0.key < $1.key }) {
      lines.append("at \(hour): \(meal.text)")
    }
    lines.append("bells: \(bells.map { "\(type(of: $0)):\($0.sound)" })")
    lines.append("anything: \(describeAnything())")
    lines.append("visitors: \(visitors.count), \(visitors.contains(50)), \(visitors.sorted())")
    lines.append("motto: \(motto ?? "nil"), notice: \(notice)")
    lines.append("record: \(record.map { "\($0.first) \($0.second ?? -1)" } ?? "nil")")
    lines.append("tuple: \(tuple), rating \(rating)")
    let shared = keepers["Ann"]?.animals.contains { $0 === star } ?? false
    lines.append("star: \(star?.name ?? "nil"), kept by Ann: \(shared)")
    return lines
  }

  private func describeAnything() -> String {
    switch anything {
    case let number as Int: "\(number)"
    case let (text, animals) as (String, [Animal]): "\(text) \(animals.map(\.name))"
    case let animals as [Int: Animal]: "\(animals.mapValues(\.name))"
    default: "unexpected \(type(of: anything))"
    }
  }
}
