import Containers
import Dispatch
import Foundation
import Synchronization
import Testing

private final class Library {
  var shelves: [String: Shelf] = [:]
}
private final class Shelf {
  var books: [Book] = []
}
private final class Book {
  var title = "a title"
  var onOpen: (() -> Void)?
  var content: Any?
}

private enum Reaction {
  case none
  case run(label: String, then: () -> Void)
}
private final class Guarded {
  var name = "guarded"
  let mutex = Mutex<Int>(1)
}
private final class Locked: PersistentLayout {
  let state = Mutex<Int>(1)
  static var hiddenStorage: [HiddenStorage] { [.mutex("state", of: Int.self)] }
}
private struct Ticket: ~Copyable { var number = 1 }
private final class WithTicket {
  var ticket = Ticket()
}
private final class Tail: ManagedBuffer<Int, Int> {}

/// Each kind that docs/types.md refuses, in a container, seen from its root.
@Suite("A refusal names the path from the root, the type and what to do")
struct RefusalPathTests {
  private let place = "root.shelves[\"a\"].books[3]"

  private func library() -> (Library, Book) {
    let library = Library()
    let shelf = Shelf()
    shelf.books = (0..<5).map { _ in Book() }
    library.shelves = ["a": shelf, "b": Shelf()]
    return (library, shelf.books[3])
  }

  /// The error of a first point, and of one after the graph was stored without the value.
  private func refusals(_ change: (Book) -> Void) throws -> [ContainerError] {
    let store = try Store.inMemory()
    var errors: [ContainerError] = []
    func persist(_ container: Container<Library>) {
      do {
        try container.persistAndWait()
        Issue.record("it was persisted")
      } catch let error as ContainerError {
        errors.append(error)
      } catch {
        Issue.record("\(error)")
      }
    }
    let (first, changed) = library()
    change(changed)
    persist(try store.container("first", initial: first))
    let later = try store.container("later", initial: library().0)
    let version = try later.persistAndWait()
    later.update { change($0.shelves["a"]!.books[3]) }
    persist(later)
    #expect(try later.versions.map(\.id) == [version], "nothing of it was written")
    return errors
  }

  private func expect(
    _ path: String, _ words: String..., from change: (Book) -> Void
  ) throws {
    for error in try refusals(change) {
      #expect(error.code == .unsupportedType, "\(error)")
      #expect(error.path == place + path, "\(error)")
      for word in words { #expect(error.message.contains(word), "\(path): \(error.message)") }
    }
  }

  @Test("closures, in a property, an enum, a collection or an Any")
  func closures() throws {
    try expect(".onOpen", "() -> ()", "optional", "exclude") { $0.onOpen = {} }
    try expect(".content", "function value", "exclude") { $0.content = { 1 } }
    try expect(".content.run.then", "function value") {
      $0.content = Reaction.run(label: "x", then: {})
    }
    try expect(".content[\"k\"][1]", "function value") { $0.content = ["k": [nil, {}]] }
    let code: @convention(c) () -> Int = { 0 }
    try expect(".content", "function value") { $0.content = code }
  }

  @Test("raw pointers other than nil, and key paths")
  func pointers() throws {
    let memory = UnsafeMutableRawPointer.allocate(byteCount: 16, alignment: 16)
    defer { memory.deallocate() }
    try expect(".content", "raw pointer", "Array") { $0.content = memory }
    try expect(".content.1", "raw pointer", "Array") { $0.content = (1, OpaquePointer(memory)) }
    try expect(".content", "key path", "Store a name") { $0.content = \Book.title }
    try expect(".content.path", "key path", "Store a name") {
      $0.content = (path: \Book.title as AnyKeyPath, number: 1)
    }
  }

  @Test("noncopyable properties, and tails of buffers that nobody describes")
  func hidden() throws {
    try expect(".content.mutex", "`mutex`", "Guarded", "PersistentLayout") {
      $0.content = Guarded()
    }
    try expect(".content.ticket", "`ticket`", "noncopyable", "copyable property") {
      $0.content = WithTicket()
    }
    try expect(".content", "Tail", "ManagedBuffer", "PersistentLayout") {
      $0.content = Tail.create(minimumCapacity: 3) { _ in 0 }
    }
  }

  @Test("tasks, and objects of the system's libraries")
  func systemObjects() throws {
    try expect(".content", "task", "start it again") { $0.content = Task {} }
    try expect(".content", "NSLock", "Store what it stands for") { $0.content = NSLock() }
    try expect(".content", "NSString", "String") { $0.content = NSString(string: "x") }
    try expect(".content[0]", "NSNumber") { $0.content = [NSNumber(value: 1)] }
    try expect(".content", "DispatchQueue") { $0.content = DispatchQueue(label: "q") }
  }

  @Test("identities and unmanaged references of what the container does not hold")
  func outsiders() throws {
    let outsider = Shelf()
    try expect(".content", "ObjectIdentifier", "exclude") {
      $0.content = ObjectIdentifier(outsider)
    }
    try expect(".content", "unmanaged", "weak") { $0.content = Unmanaged.passUnretained(outsider) }
  }

  @Test("types that nothing would find again, named by a value or by a metatype")
  func unnameable() throws {
    func twin() -> Any {
      struct Twin { var value = 1 }
      return Twin()
    }
    func other() -> Any {
      struct Twin { var value = 1 }
      return Twin()
    }
    _ = other()
    try expect(".content", "Twin", "different names") { $0.content = twin() }
    try expect(".content[1]", "Twin", "different names") { $0.content = [1, twin()] as [Any] }
    try expect(".content.1", "Twin", "different names") { $0.content = (1, type(of: twin())) }
  }

  @Test("a mutex that is held, which is a concurrent mutation")
  func heldMutex() throws {
    let locked = Locked()
    let (library, book) = library()
    book.content = locked
    let store = try Store.inMemory()
    let container = try store.container("held", initial: library)
    let error =
      locked.state.withLock { _ in
        do {
          try container.persistAndWait()
          return nil
        } catch {
          return error as? ContainerError
        }
      } as ContainerError?
    #expect(error?.code == .concurrentMutation)
    #expect(error?.path == place + ".content.state", "\(error as Any)")
    try container.persistAndWait()
  }
}
