import Containers
import Testing

private final class Pal {
  var name: String
  var age: Int
  var friends: [Pal] = []
  weak var best: Pal?
  init(_ name: String, _ age: Int) {
    self.name = name
    self.age = age
  }
}

private enum Mood {
  case calm
  case angry(level: Int)
}

private final class Club {
  var pals: [String: Pal] = [:]
  var order: [Pal] = []
  var scores: [Int] = [1, 2, 3]
  var tags: Set<String> = ["a"]
  var title = "a title that is longer than fifteen bytes"
  var note: String?
  var chief: Pal?
  var mood = Mood.calm
  var anything: Any = 1
  var grid: [Cell: Int] = [:]
}

private struct Cell: Hashable {
  var x: Int
  var y: Int
}

private final class Link {
  var value: Int
  var next: Link?
  init(_ value: Int, _ next: Link?) {
    self.value = value
    self.next = next
  }
}

@Suite("The difference of two versions")
struct DiffTests {
  private func club() throws -> (Store, Container<Club>, VersionID) {
    let store = try Store.inMemory()
    let container = try store.container("club", initial: Club())
    container.update { club in
      for (name, age) in [("Ann", 41), ("Bob", 30), ("Cleo", 7)] {
        let pal = Pal(name, age)
        club.pals[name] = pal
        club.order.append(pal)
      }
      club.grid[Cell(x: 1, y: 2)] = 3
    }
    return (store, container, try container.persistAndWait())
  }

  /// The changes that `body` makes, as text.
  private func changes(_ body: (inout Club) -> Void) throws -> [String] {
    let (_, container, before) = try club()
    container.update(body)
    let after = try container.persistAndWait()
    let forward = try container.diff(before, after)
    let back = try container.diff(after, before)
    let swapped = back.map { ContainerChange(path: $0.path, before: $0.after, after: $0.before) }
    #expect(Set(swapped.map(\.path)) == Set(forward.map(\.path)), "the way back names as much")
    return forward.map(\.description)
  }

  @Test("is empty between a version and itself, and where nothing changed")
  func nothing() throws {
    let (_, container, before) = try club()
    #expect(try container.diff(before, before) == [])
    let after = try container.persistAndWait(label: "again")
    #expect(after != before)
    #expect(try container.diff(before, after) == [])
  }

  @Test("is one change for a number, a string, a flag, with its path")
  func leaves() throws {
    let age = try changes { $0.pals["Ann"]?.age = 42 }
    #expect(age == ["root.order[0].age: 41 → 42"] || age == ["root.pals[\"Ann\"].age: 41 → 42"])
    #expect(try changes { $0.scores[1] = 7 } == ["root.scores[1]: 2 → 7"])
    #expect(
      try changes { $0.title = "short" }
        == ["root.title: \"a title that is longer than fifteen bytes\" → \"short\""])
    #expect(
      try changes { $0.title.append("!") } == [
        "root.title: \"a title that is longer than fifteen bytes\" → "
          + "\"a title that is longer than fifteen bytes!\""
      ])
    #expect(try changes { $0.note = "x" } == ["root.note: nil → \"x\""])
    #expect(try changes { $0.mood = .angry(level: 3) } == ["root.mood: .calm → .angry(level: 3)"])
    #expect(try changes { $0.anything = "text" } == ["root.anything: 1 → \"text\""])
    #expect(try changes { $0.anything = 2 } == ["root.anything: 1 → 2"])
    #expect(try changes { $0.grid[Cell(x: 1, y: 2)] = 4 } == ["root.grid[Cell(x: 1, y: 2)]: 3 → 4"])
  }

  @Test("is one change per leaf of what came or went, strings whole")
  func cameAndWent() throws {
    #expect(
      try changes { $0.pals["Dora"] = Pal("Dora", 5) }
        == [
          "root.pals[\"Dora\"].age: nil → 5",
          "root.pals[\"Dora\"].name: nil → \"Dora\"",
        ])
    #expect(try changes { $0.scores.append(9) } == ["root.scores[3]: nil → 9"])
    #expect(try changes { $0.scores.removeLast(2) }.count == 2)
    #expect(try changes { $0.tags.insert("b") } == ["root.tags{\"b\"}: nil → \"b\""])
    #expect(try changes { $0.tags = [] } == ["root.tags{\"a\"}: \"a\" → nil"])
    let gone = try changes { club in
      club.order.removeLast()
      club.pals["Cleo"] = nil
    }
    #expect(gone.filter { $0.hasSuffix(".age: 7 → nil") }.count == 1)
    #expect(gone.filter { $0.hasSuffix(".name: \"Cleo\" → nil") }.count == 1)
  }

  @Test("is one change for a reference that leads to another object of the graph")
  func references() throws {
    let found = try changes { $0.chief = $0.pals["Ann"] }
    #expect(found.count == 1 && found[0].hasPrefix("root.chief: nil → Pal#"), "\(found)")
    let (_, container, _) = try club()
    container.update { $0.chief = $0.pals["Ann"] }
    let ann = try container.persistAndWait()
    container.update { $0.chief = $0.pals["Bob"] }
    let bob = try container.persistAndWait()
    let changes = try container.diff(ann, bob)
    #expect(changes.map(\.path) == ["root.chief"], "\(changes)")
    #expect(changes.allSatisfy { $0.before != $0.after && $0.before?.hasPrefix("Pal#") == true })
    container.update { $0.pals["Ann"]?.best = $0.pals["Bob"] }
    let weak = try container.diff(bob, container.persistAndWait())
    #expect(weak.count == 1 && weak[0].path.hasSuffix(".best") && weak[0].before == nil)
  }

  @Test("is the new object alone when a list gets a new head; the others only moved")
  func prepended() throws {
    let store = try Store.inMemory()
    let list: Container<Link?> = try store.container(
      "list", initial: (0..<100).reduce(nil) { Link($1, $0) })
    let before = try list.persistAndWait()
    list.update { $0 = Link(100, $0) }
    let after = try list.persistAndWait()
    let changes = try list.diff(before, after)
    #expect(changes.map(\.path) == ["root.next", "root.value"], "\(changes)")
    #expect(changes[1].before == nil && changes[1].after == "100")
    list.update { $0 = $0?.next }
    let again = try list.persistAndWait()
    #expect(try list.diff(before, again) == [])
    list.update { $0?.next?.next?.next?.value = -1 }
    #expect(
      try list.diff(again, list.persistAndWait()).map(\.description)
        == ["root.next.next.next.value: 96 → -1"])
  }

  @Test("is empty when collections moved and tables were rebuilt in another order")
  func moved() throws {
    #expect(
      try changes { club in
        club.scores.reserveCapacity(1000)
        club.order.reserveCapacity(500)
        club.pals.reserveCapacity(5000)
        club.tags = Set(club.tags.map { $0 })
        club.title = String(club.title.map { $0 })
      } == [])
  }

  @Test("compares branches, and objects that took the place of others")
  func branches() throws {
    let (_, container, before) = try club()
    let branch = try container.branch("other")
    branch.update { $0.pals["Ann"]?.age = 1 }
    let left = try branch.persistAndWait()
    container.update { $0.scores = [] }
    let right = try container.persistAndWait()
    let paths = try container.diff(left, right).map(\.path)
    #expect(paths.count == 4 && paths.count { $0.hasSuffix(".age") } == 1, "\(paths)")
    container.update { club in
      club.pals["Ann"] = nil
      club.order = []
    }
    container.update { club in club.pals["Zoe"] = Pal("Zoe", 99) }
    let replaced = try container.diff(right, container.persistAndWait()).map(\.description)
    #expect(replaced.contains("root.pals[\"Zoe\"].name: nil → \"Zoe\""), "\(replaced)")
    #expect(replaced.contains { $0.hasSuffix(".name: \"Ann\" → nil") }, "\(replaced)")
    #expect(throws: ContainerError.self) { try container.diff(before, 9999) }
  }

  @Test("finds one leaf among a hundred thousand objects by reading few chunks")
  func reads() throws {
    let store = try Store.inMemory()
    let container = try store.container(
      "big", initial: Dictionary(uniqueKeysWithValues: (0..<100_000).map { ($0, Pal("p", $0)) }))
    let before = try container.persistAndWait()
    container.update { $0[77_777]?.age = -1 }
    let after = try container.persistAndWait()
    let changes = try container.diff(before, after)
    #expect(changes.map(\.description) == ["root[77777].age: 77777 → -1"])
    let cost = try store.readsOfDiff(before, after)
    // A table of 2^18 buckets of 16 bytes and its bitmap, once: 259 chunks. Besides, the root's
    // chunk, and the changed one in each version.
    #expect(cost.chunks > 700, "the container has \(cost.chunks) chunks")
    #expect(cost.read <= 259 + 6, "\(cost.read) of \(cost.chunks) chunks were read")
  }
}
