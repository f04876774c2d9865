import Containers
import Testing

/// What cannot be persisted is refused with the path to it; what is excluded is left out.
@Suite("Refusals and exclusions")
struct RefusalTests {
  final class Handler {
    var name = "a handler"
    var onOpen: (() -> Void)?
    var cache: [String: Int] = [:]
    var hits = 0
    var note = "a note that is too long to be inline"
  }
  final class Desk {
    var handlers: [String: [Handler]] = [:]
  }

  private func desk() -> Desk {
    let desk = Desk()
    desk.handlers["a"] = [Handler(), Handler()]
    return desk
  }

  @Test("a closure is refused with the path from the root, and nothing is written")
  func closure() throws {
    let store = try Store.inMemory()
    let container = try store.container("desk", initial: desk())
    let first = try container.persistAndWait()
    container.update { $0.handlers["a"]?[1].onOpen = { print("opened") } }
    do {
      try container.persistAndWait()
      Issue.record("a closure was persisted")
    } catch let error as ContainerError {
      #expect(error.code == .unsupportedType)
      #expect(error.path == "root.handlers[\"a\"][1].onOpen")
      #expect(error.message.contains("exclude"))
    }
    #expect(try container.versions.map(\.id) == [first])
    container.update { $0.handlers["a"]?[1].onOpen = nil }
    container.update { $0.handlers["a"]?[1].hits = 1 }
    #expect(try container.persistAndWait() > first)
    try store.close()
  }

  @Test("an excluded property is stored empty, stays alive, and is remembered by the store")
  func exclusion() throws {
    let store = try Store.inMemory()
    var container = try store.container("desk", initial: desk())
    try container.exclude(\Handler.onOpen)
    try container.exclude(\Handler.cache)
    try container.exclude(\Handler.hits)
    try container.exclude(\Handler.note)
    for generation in 1...3 {
      container.update { desk in
        for handler in desk.handlers["a"] ?? [] {
          handler.onOpen = { print("opened") }
          handler.cache = ["key \(generation)": generation]
          handler.hits = generation
          handler.note = "a note of generation \(generation), not inline"
          handler.name = "handler of generation \(generation)"
        }
      }
      try container.persistAndWait()
      #expect(container.root.handlers["a"]?[0].hits == generation)
      try container.close()
      container = try store.container("desk", initial: Desk())
      let restored = try #require(container.root.handlers["a"])
      #expect(restored.count == 2)
      for handler in restored {
        #expect(handler.onOpen == nil)
        #expect(handler.cache.isEmpty)
        #expect(handler.hits == 0)
        #expect(handler.note.isEmpty)
        #expect(handler.name == "handler of generation \(generation)")
      }
    }
    try store.close()
  }

  @Test("what has no empty value, or is no single stored property, is not excludable")
  func notExcludable() throws {
    struct Pair { var left = 1, right = 2 }
    final class Holder {
      var pair = Pair()
      var total: Int { pair.left + pair.right }
      let object = Handler()
    }
    let store = try Store.inMemory()
    let container = try store.container("holder", initial: Holder())
    let refusals: [() throws -> Void] = [
      { try container.exclude(\Holder.pair) },
      { try container.exclude(\Holder.total) },
      { try container.exclude(\Holder.object) },
      { try container.exclude(\Holder.object.cache) },
    ]
    for (index, refusal) in refusals.enumerated() {
      do {
        try refusal()
        Issue.record("number \(index) was excluded")
      } catch let error as ContainerError {
        #expect(error.code == .notExcludable, "number \(index): \(error)")
      }
    }
    try store.close()
  }
}
