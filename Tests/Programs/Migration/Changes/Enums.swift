// Enums: cases that came, went, moved, or hold something else.

import Containers

#if BEFORE
  enum Mood { case calm, angry }
  let moods = Change.before("enum case added", [Mood.calm, .angry])
#else
  enum Mood {
    case asleep, calm, angry
    case hungry(Int)
  }
  let moods = Change.after("enum case added", [Mood]()) {
    if case .calm = $0[0], case .angry = $0[1], $0.count == 2 { true } else { false }
  }
#endif

#if BEFORE
  enum Color: String { case red, green, blue }
  let colors = Change.before("enum cases reordered", [Color.red: 1, .green: 2, .blue: 3])
#else
  enum Color: String { case blue, red, green }
  let colors = Change.after("enum cases reordered", [Color: Int]()) {
    $0 == [.red: 1, .green: 2, .blue: 3]
  }
#endif

#if BEFORE
  enum Level { case low, middle, high }
  let levels = Change.before("enum case removed that no value has", [Level.low, .high])
#else
  enum Level { case low, high }
  let levels = Change.after("enum case removed that no value has", [Level]()) {
    $0 == [.low, .high]
  }
#endif

#if BEFORE
  enum Phase { case new, old, dead }
  let phases = Change.before("enum case removed that a value has", [Phase.new, .dead])
#else
  enum Phase { case new, old }
  let phases = Change.refused(
    "enum case removed that a value has", [Phase](), says: "`dead` of Shop.Phase", "removed")
#endif

#if BEFORE
  enum Shape {
    case circle(Float)
    case square(side: Int32, name: String)
    case none
  }
  let shapes = Change.before(
    "payloads widened", [Shape.circle(1.5), .square(side: -4, name: "a name that is long"), .none])
#else
  enum Shape: Equatable {
    case none
    case square(side: Int, name: String)
    case circle(Double)
  }
  let shapes = Change.after("payloads widened", [Shape]()) {
    $0 == [.circle(1.5), .square(side: -4, name: "a name that is long"), .none]
  }
#endif

#if BEFORE
  enum Answer {
    case number(Int)
    case text(String)
  }
  let answers = Change.before("payload of another type", [Answer.number(3)])
#else
  enum Answer {
    case number(String)
    case text(String)
  }
  let answers = Change.refused(
    "payload of another type", [Answer](), says: "`number` of Shop.Answer", "Swift.Int",
    "Swift.String")
#endif

#if BEFORE
  enum Stock { case none, some }
  let stocks = Change.before("payload added to a case", [Stock.some])
#else
  enum Stock: Equatable {
    case none
    case some(Int)
  }
  let stocks = Change.refused(
    "payload added to a case", [Stock](), says: "`some` of Shop.Stock", "without a payload")
#endif

#if BEFORE
  enum Supply { case none, some }
  let supplies = Change.before("payload added to a case, with a closure", [Supply.some, .none])
#else
  enum Supply: Equatable {
    case none
    case some(Int)
  }
  let supplies = Change.after(
    "payload added to a case, with a closure", [Supply](),
    { $0.build(Supply.self) { old in old.caseName == "some" ? .some(1) : .none } },
    isRight: { $0 == [.some(1), .none] })
#endif

#if BEFORE
  final class Leaf { var text = "leaf" }
  enum Tree {
    case leaf(Leaf)
    case node([Tree])
  }
  let trees = Change.before(
    "enum became indirect", Tree.node([.leaf(Leaf()), .node([.leaf(Leaf())])]))
#else
  final class Leaf { var text = "" }
  indirect enum Tree {
    case leaf(Leaf)
    case node([Tree])
    case pair(Tree, Tree)
  }
  let trees = Change.after("enum became indirect", Tree.node([])) {
    guard case .node(let list) = $0, case .leaf(let leaf) = list[0],
      case .node(let inner) = list[1],
      case .leaf(let other) = inner[0]
    else { return false }
    return leaf.text == "leaf" && other.text == "leaf"
  }
#endif

#if BEFORE
  indirect enum Chain {
    case end
    case link(Int32, Chain)
  }
  let chains = Change.before(
    "payload of an indirect case widened", Chain.link(1, .link(2, .link(3, .end))))
#else
  indirect enum Chain: Equatable {
    case link(Int, Chain)
    case end
  }
  let chains = Change.after("payload of an indirect case widened", Chain.end) {
    $0 == .link(1, .link(2, .link(3, .end)))
  }
#endif

#if BEFORE
  enum Size {
    case small
    case big(Int)
  }
  let sizes = Change.before("enum case renamed, registered", [Size.small, .big(5)])
#else
  enum Size: Equatable {
    case tiny
    case huge(Int)
  }
  let sizes = Change.after(
    "enum case renamed, registered", [Size](),
    {
      $0.rename("small", of: "Shop.Size", to: "tiny")
      $0.rename("big", of: "Shop.Size", to: "huge")
    },
    isRight: { $0 == [.tiny, .huge(5)] })
#endif

let enums = [
  moods, colors, levels, phases, shapes, answers, stocks, supplies, trees, chains, sizes,
]
