import Containers
import Foundation
import Synchronization
import Testing

/// Points from any thread and task, and values that are in somebody's hands at the time.
@Suite("Threads")
struct ThreadTests {
  final class Item {
    var name: String
    init(_ name: String) { self.name = name }
  }
  final class Board {
    var items: [String: Item] = [:]
    var notes: [String: [String]] = [:]
    var total = 0
    func add(_ name: String) {
      items[name] = Item("\(name), too long to be inline")
      total += 1
    }
  }

  // MARK: In somebody's hands

  actor Keeper {
    var names: [String] = ["a name that is too long to be inline"]
    func add(_ name: String) { names.append(name) }
    /// Makes a point while it is at work itself.
    func persist(_ container: Container<Office>) throws {
      names.append("added in the middle of the work")
      try container.persist().wait()
    }
  }
  final class Office {
    var keeper = Keeper()
  }

  @Test("a busy actor is refused, not stored; idle, it is stored, and works after a restore")
  func busyActor() async throws {
    let store = try Store.inMemory()
    var office = try store.container("office", initial: Office())
    let first = try office.persistAndWait()
    let keeper = office.root.keeper
    do {
      try await keeper.persist(office)
      Issue.record("an actor at work was stored")
    } catch let error as ContainerError {
      #expect(error.code == .concurrentMutation, "\(error)")
      #expect(error.path == "root.keeper", "\(error)")
    }
    #expect(try office.versions.map(\.id) == [first])
    // It goes on for a moment after its method has returned.
    #expect(try await eventually { try thrown { try office.persistAndWait() } == nil })
    try office.close()
    office = try store.container("office", initial: Office())
    let restored = office.root.keeper
    await restored.add("added after the restore")
    #expect(
      await restored.names == [
        "a name that is too long to be inline", "added in the middle of the work",
        "added after the restore",
      ])
    try store.close()
  }

  final class Account: PersistentLayout {
    let state = Mutex<[String]>(["a state that is too long to be inline"])
    static var hiddenStorage: [HiddenStorage] { [.mutex("state", of: [String].self)] }
  }

  @Test("a locked Mutex is refused, not stored; free, it is stored, and is free after a restore")
  func lockedMutex() throws {
    let store = try Store.inMemory()
    var container = try store.container("account", initial: [Account()])
    let first = try container.persistAndWait()
    let account = container.root[0]
    let error = account.state.withLock { state in
      state.append("added under the lock")
      return try? thrown { try container.persist().wait() }
    }
    #expect(error?.code == .concurrentMutation)
    #expect(error?.path == "root[0].state")
    #expect(try container.versions.map(\.id) == [first])
    #expect(try container.persistAndWait() > first)
    try container.close()
    container = try store.container("account", initial: [])
    let restored = container.root[0].state.withLock { $0 }
    #expect(restored == ["a state that is too long to be inline", "added under the lock"])
    try store.close()
  }

  /// In the middle of an accessor: what it lends is changed, and then a point is asked for.
  private func persist<Value>(
    _ container: Container<Board>, whileChanging value: inout Value, _ change: (inout Value) -> Void
  ) throws -> ContainerError? {
    change(&value)
    return try thrown { try container.persist().wait() }
  }

  @Test("a dictionary in the middle of an accessor is refused, not stored")
  func dictionaryInUse() throws {
    let store = try Store.inMemory()
    var container = try store.container("board", initial: Board())
    container.update { board in
      for number in 0..<20 { board.notes["key \(number), not inline"] = ["\(number)"] }
    }
    let first = try container.persistAndWait()
    // Not in `update`, where a point would trap.
    let board = container.root
    let error = try persist(container, whileChanging: &board.notes["key 7, not inline"]) { notes in
      notes?.append(contentsOf: (0..<100).map { "a note that moves the array, number \($0)" })
    }
    #expect(
      error?.code == .concurrentMutation && error?.path?.hasPrefix("root.notes") == true,
      "\(error as Any)")
    #expect(try container.versions.map(\.id) == [first])
    #expect(try container.persistAndWait() > first)
    try container.close()
    container = try store.container("board", initial: Board())
    #expect(container.root.notes["key 7, not inline"]?.count == 101)
    #expect(container.root.notes.count == 20)
    try store.close()
  }

  // MARK: Any thread, any task

  @Test("points may be made from any thread: each is durable, and together they lose nothing")
  func anyThread() throws {
    let store = try Store.inMemory()
    let container = try store.container("board", initial: Board())
    let threads = (0..<6).map { thread in
      Background {
        try (0..<25).map { number in
          container.update { $0.add("thread \(thread), number \(number)") }
          let total = container.read { $0.total }
          let point = try container.persist()
          if number % 3 == 0 { try point.wait() }
          return (total, point)
        }
      }
    }
    let points = try threads.flatMap { try $0.result() }
    for (total, point) in points {
      try point.wait()
      // At least what its thread had seen is in it.
      if let version = try? container.snapshot(point.version) {
        #expect(version.read { $0.items.count == $0.total && $0.total >= total })
      }
    }
    try container.close()
    let restored = try store.container("board", initial: Board())
    #expect(restored.read { $0.items.count } == 150)
    #expect(restored.read { $0.items.allSatisfy { $1.name == "\($0), too long to be inline" } })
    try store.close()
  }

  @Test("tasks of Swift concurrency update several containers and await durability")
  func tasks() async throws {
    let store = try Store.inMemory()
    let containers = try (0..<4).map { try store.container("board \($0)", initial: Board()) }
    try await withThrowingTaskGroup(of: Void.self) { group in
      for task in 0..<24 {
        let container = containers[task % 4]
        group.addTask {
          for number in 0..<10 {
            container.update { $0.add("task \(task), number \(number)") }
            let point = try container.persist()
            try await point.durable()
            #expect(point.isDurable)
            await Task.yield()
          }
        }
      }
      try await group.waitForAll()
    }
    for (number, container) in containers.enumerated() {
      #expect(container.statistics.pointsInFlight == 0)
      try container.close()
      let restored = try store.container("board \(number)", initial: Board())
      #expect(restored.read { $0.items.count } == 60)
    }
    try store.close()
  }

  @Test("a task that awaits a point that fails is told why")
  func failingTask() async throws {
    let device = HeldDevice()
    let store = try device.makeStore()
    let container = try store.container("board", initial: Board())
    try container.persistAndWait()
    container.update { $0.add("an item") }
    device.recording.setFaults(.init(.noSpace, at: 0, forEver: true))
    await #expect(throws: ContainerError.self) { try await container.persist().durable() }
    device.recording.setFaults(nil)
    try await container.persist().durable()
    try store.close()
  }

  @Test("objects of one container linked into another become two at restore, each whole")
  func severalContainers() throws {
    let store = try Store.inMemory()
    let left = try store.container("left", initial: Board())
    let right = try store.container("right", initial: Board())
    left.update { left in
      left.add("shared")
      right.update { right in
        right.items["shared"] = left.items["shared"]
        right.add("own")
      }
    }
    #expect(left.root.items["shared"] === right.root.items["shared"])
    for container in [left, right] { try container.persistAndWait() }
    for container in [left, right] { try container.close() }
    let (one, other) = (
      try store.container("left", initial: Board()), try store.container("right", initial: Board())
    )
    #expect(one.root.items.count == 1 && other.root.items.count == 2)
    #expect(one.root.items["shared"] !== other.root.items["shared"])
    #expect(other.root.items["shared"]?.name == "shared, too long to be inline")
    try store.close()
  }
}
