// One past, eight futures: a simulation is warmed up once and persisted; then each of eight ways to
// go on is followed in a branch of its own, all of them alive at once, and compared.
//
//   futures      run it again: the warm-up is restored, not repeated

import Containers

/// A part of an island: grass grows, rabbits eat it, wander, and are hunted.
final class Meadow {
  let name: String
  var grass = 600
  var rabbits = 40
  var neighbours: [Meadow] = []

  init(_ name: String) { self.name = name }
}

final class Island {
  private(set) var meadows: [Meadow] = []
  private(set) var year = 0
  private(set) var hunted = 0
  /// Rabbits hunted each year, of a hundred: the decision to be made.
  var quota = 0
  /// Chance is part of the state: two futures differ in what was decided and in nothing else.
  private var chance: UInt64 = 1

  init(meadowCount: Int) {
    meadows = (0..<meadowCount).map { Meadow("meadow \($0)") }
    for (index, meadow) in meadows.enumerated() {
      meadow.neighbours = [1, 7, 31].map { meadows[(index + $0) % meadowCount] }
    }
  }

  private func draw(_ bound: Int) -> Int {
    chance = chance &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return Int(chance >> 33) % bound
  }

  func liveOneYear() {
    year += 1
    for meadow in meadows {
      let eaten = min(meadow.grass, meadow.rabbits * 2)
      meadow.grass += (1000 - meadow.grass) / (3 + draw(3)) - eaten
      meadow.grass = max(meadow.grass, 10)
      meadow.rabbits += eaten / 4 - meadow.rabbits / 5
      let shot = meadow.rabbits * quota / 100
      meadow.rabbits -= shot
      hunted += shot
      let wandering = meadow.rabbits / 10
      meadow.rabbits -= wandering
      meadow.neighbours[draw(meadow.neighbours.count)].rabbits += wandering
    }
  }

  var rabbits: Int { meadows.reduce(0) { $0 + $1.rabbits } }
  var summary: String { "year \(year), \(rabbits) rabbits, \(hunted) hunted" }
}

let store = try Store.default
let base = try store.container("island", initial: Island(meadowCount: 200))
if base.version == nil {
  base.update { island in for _ in 1...100 { island.liveOneYear() } }
  print("warmed up: \(base.read { $0.summary })")
} else {
  print("warm-up restored: \(base.read { $0.summary })")
}
let start = try base.persistAndWait()
let summary = base.read { $0.summary }

// Futures of an earlier run make room.
for container in try store.containers where container.name.hasPrefix("future ") {
  try store.delete(container.name)
}

struct Future {
  let quota: Int
  let island: Container<Island>
}
let clock = ContinuousClock()
var futures: [Future] = []
let branching = try clock.measure {
  for quota in stride(from: 0, to: 40, by: 5) {
    let island = try base.branch("future \(quota)", from: start)
    island.update { $0.quota = quota }
    futures.append(Future(quota: quota, island: island))
  }
}
print("\(futures.count) branches of version \(start) in \(branching)")

// All of them live side by side, year by year, each in objects of its own.
for _ in 1...50 {
  for future in futures { future.island.update { $0.liveOneYear() } }
}

for future in futures {
  let end = try future.island.persistAndWait()
  let changes = try base.diff(start, end)
  let meadows = Set(changes.map(\.path).filter { $0.contains("rabbits") })
  let change = changes.first { $0.path == "root.hunted" }
  print(
    "quota \(future.quota) %: \(future.island.read { $0.summary });",
    "\(changes.count) changes, rabbits of \(meadows.count) meadows;",
    "hunted \(change?.before ?? "0") → \(change?.after ?? "0")")
}

if let best = futures.max(by: { $0.island.root.hunted < $1.island.root.hunted }) {
  print("best: quota \(best.quota) %, \(best.island.root.hunted) hunted in 50 years")
}
precondition(base.version == start && base.read { $0.summary } == summary)
print("the base is as it was: \(summary)")
