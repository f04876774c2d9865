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
    let sum = container.update { root in
      root.append(2)
      return container.name.count
    }
    #expect(sum == 1)
    #expect(container.read { _ in container.read { $0.count } } == 2)
    try container.read { _ in _ = try container.persist() }
    let other = try store.container("d", initial: 0)
    container.update { numbers in other.update { $0 = numbers.count } }
    #expect(other.root == 2)
    try store.close()
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
