import Containers
import Testing

/// Mistakes of the program end it with a message, in debug and release builds alike.
@Suite("Misuse")
struct MisuseTests {
  @Test("update, persist and switchTo inside the container's own update trap, each naming itself")
  func insideUpdate() async throws {
    let update = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) {
      let container = try Store.inMemory().container("c", initial: [1])
      container.update { _ in container.update { _ in } }
    }
    #expect(Self.text(update).contains("`update` of a container inside its own `update`"))

    let persist = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) {
      let container = try Store.inMemory().container("c", initial: [1])
      try container.update { _ in _ = try container.persist() }
    }
    #expect(Self.text(persist).contains("`persist` of a container inside its own `update`"))

    let switching = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) {
      let container = try Store.inMemory().container("c", initial: [1])
      let version = try container.persistAndWait()
      try container.update { _ in try container.switchTo(version) }
    }
    #expect(Self.text(switching).contains("`switchTo` of a container inside its own `update`"))
  }

  @Test("update and switchTo inside the container's own read trap")
  func insideRead() async throws {
    let update = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) {
      let container = try Store.inMemory().container("c", initial: [1])
      container.read { _ in container.update { _ in } }
    }
    #expect(Self.text(update).contains("`update` of a container inside its own `read`"))

    let switching = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) {
      let container = try Store.inMemory().container("c", initial: [1])
      let version = try container.persistAndWait()
      try container.read { _ in try container.switchTo(version) }
    }
    #expect(Self.text(switching).contains("`switchTo` of a container inside its own `read`"))
  }

  @Test("read inside the container's own read or update is allowed, and so is persist inside read")
  func allowed() throws {
    let store = try Store.inMemory()
    let container = try store.container("c", initial: [1])
    container.update { $0.append(2) }
    #expect(container.read { _ in container.read { $0.count } } == 2)
    try container.read { _ in _ = try container.persist() }
    let other = try store.container("d", initial: 0)
    container.update { numbers in other.update { $0 = numbers.count } }
    #expect(other.root == 2)
    try store.close()
  }

  final class Counter {
    var count = 0
    init(_ count: Int) { self.count = count }
    deinit { Counter.seen.append(Counter.watched?.root.count ?? -1) }
    nonisolated(unsafe) static var watched: Container<Counter>?
    nonisolated(unsafe) static var seen: [Int] = []
  }

  @Test("read inside update sees the object that the update found, with all that was changed of it")
  func readInsideUpdate() throws {
    let store = try Store.inMemory()
    let object = try store.container("object", initial: Counter(1))
    object.update { root in
      root.count = 2
      #expect(object.root.count == 2)
      root.count = object.read { $0.count } + object.root.count
      object.read { outer in #expect(object.root === outer) }
    }
    #expect(object.root.count == 4)
    // An object that is replaced stays valid for reads until the update ends; then it goes.
    Counter.watched = object
    object.update { root in
      root = Counter(5)
      root = Counter(6)
      #expect(object.root.count == 4)
    }
    Counter.watched = nil
    #expect(object.root.count == 6)
    #expect(Counter.seen == [4, 6], "each read the container in its deinit")
    let optional = try store.container("optional", initial: Counter?.none)
    optional.update { _ in #expect(optional.root == nil) }
    let number = try store.container("number", initial: 7)
    number.update { root in
      root += 1
      #expect(number.root == 7)
    }
    #expect(number.root == 8)
    try object.persistAndWait()
    try store.close()
  }

  @Test("read inside update traps where the root is a value that the update may be changing")
  func readInsideUpdateOfValue() async throws {
    let read = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) {
      let container = try Store.inMemory().container("people", initial: ["Ann"])
      container.update { root in
        root.append("Bob")
        container.read { _ in }
      }
    }
    #expect(Self.text(read).contains("`read` of \"people\" inside its own `update`"))
    #expect(Self.text(read).contains("Array<String>"))
  }

  @Test("read, update and root of a closed container trap and name it")
  func closed() async throws {
    let read = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) {
      let container = try Store.inMemory().container("people", initial: [1])
      try container.close()
      container.read { _ in }
    }
    #expect(Self.text(read).contains("`read` of the closed container \"people\""))

    let update = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) {
      let container = try Store.inMemory().container("people", initial: [1])
      try container.close()
      container.root.append(1)
    }
    #expect(Self.text(update).contains("`root` of the closed container \"people\""))
  }

  @Test("assigning a fixed attribute traps and says that it is fixed")
  func fixedAttribute() async throws {
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) {
      let container = try Store.inMemory().container("c", initial: [1])
      container.attributes.chunkSize = 64 << 10
    }
    #expect(Self.text(result).contains("fixed when a container is made"))
  }

  private static func text(_ result: ExitTest.Result?) -> String {
    String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
  }
}
