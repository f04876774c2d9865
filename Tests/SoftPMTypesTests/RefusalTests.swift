import Dispatch
import Foundation
import SoftPMBase
import Synchronization
import Testing
import TypesZoo

@testable import SoftPMTypes

private final class Root {
  var shelves: [String: Shelf] = [:]
  var any: Any = 0
}
private final class Shelf {
  var books: [Book] = []
}
private final class Book {
  var title = "title"
  var onOpen: (() -> Void)?
}

private struct Locked: ~Copyable {
  var inner = 1
}
private final class WithMutex {
  var name = "m"
  let mutex = Mutex<Int>(1)
}
private final class WithAtomic {
  let atomic = Atomic<Int>(1)
}
private final class WithNoncopyable {
  var locked = Locked()
}
private final class Buffer: ManagedBuffer<Int, Int> {}
private final class Nested {
  var pair = (first: 1, second: [Root?]())
  var state = State.idle
  var set: Set<Key> = []
}
private enum State {
  case idle
  case waiting(for: Int, then: () -> Void)
  indirect case boxed(callback: () -> Void)
}
private struct Key: Hashable {
  var path: AnyKeyPath
}

@Suite("What cannot be persisted is refused")
struct RefusalTests {
  /// The path and message of the refusal of a graph.
  private func refusal(of root: AnyObject) -> (path: String, message: String)? {
    do {
      try ToyContainer().discover(root)
      return nil
    } catch {
      guard error.code == .unsupportedType else { return ("\(error.code)", error.message) }
      return (error.path ?? "-", error.message)
    }
  }

  private func path<Value>(_ value: Value) -> String? { refusal(of: Holder(value))?.path }

  @Test("by the path to the field, through every kind of owner")
  func paths() throws {
    let root = Root()
    let shelf = Shelf()
    shelf.books = [Book(), Book(), Book(), Book()]
    root.shelves = ["a": shelf]
    #expect(refusal(of: root) == nil, "a nil closure harms nobody")
    shelf.books[3].onOpen = {}
    // Each path is relative to the object that holds the field; the container adds the rest.
    let found = try #require(refusal(of: root))
    #expect(found.path == ".onOpen")
    #expect(found.message.contains("function value"))
    #expect(found.message.contains("exclude"))
    let layout = try TypeCatalog().layout(ofInstancesOf: Book.self)
    let target = UnsafeRawPointer(Unmanaged.passUnretained(shelf.books[3]).toOpaque())
    #expect(layout.path(toSlotAt: 32, in: target) == ".onOpen")
  }

  @Test("with paths through structs, tuples, enums, optionals, arrays and dictionaries")
  func pathsOfValues() {
    let closure: () -> Void = {}
    #expect(path(closure) == ".value")
    #expect(path((1, name: closure)) == ".value.name")
    #expect(path((1, closure)) == ".value.1")
    #expect(path(Optional(closure)) == ".value")
    #expect(path(State.waiting(for: 1, then: closure)) == ".value.waiting.then")
    // Storage of a collection and boxes are objects of their own.
    #expect(path([nil, closure]) == "[1]")
    #expect(path(["a": 1 as Any, "b\"c": closure as Any]) == "[\"b\\\"c\"]")
    #expect(path([7: Optional(closure)]) == "[7]")
    #expect(path([false: [Optional(closure)]]) == "[0]")
    #expect(path(State.boxed(callback: closure)) == ".callback")
    #expect(path(closure as Any) == ".value")
    #expect(path((closure, 1, 2, 3) as Any) == ".0")
  }

  @Test("if it is code, a pointer, or belongs to the runtime")
  func kinds() {
    #expect(path(\Root.any) == ".value")
    #expect(path(\Root.any as AnyKeyPath) == ".value")
    #expect(path(UnsafeRawPointer(bitPattern: 64)!) == ".value")
    #expect(path(UnsafeMutablePointer<Int>.init(bitPattern: 64)!) == ".value")
    #expect(
      path(UnsafeBufferPointer<Int>(start: UnsafePointer(bitPattern: 64), count: 1)) == ".value")
    #expect(path(OpaquePointer(bitPattern: 64)!) == ".value")
    #expect(path(Optional<UnsafeRawPointer>.none) == nil, "nil is no pointer")
    let code: @convention(c) () -> Int = { 0 }
    #expect(path(code) == ".value")
    #expect(path(Task {}) == ".value")
    #expect(path(Buffer.create(minimumCapacity: 3) { _ in 0 }) == ".value")
  }

  private struct Constants {
    var text: StaticString = "text"
    var number: StaticBigInt = 5
  }

  @Test("if it is the address of a literal in the program")
  func literals() throws {
    #expect(path("text" as StaticString) == ".value")
    #expect(path(5 as StaticBigInt) == ".value")
    let found = try #require(refusal(of: Holder(Constants())))
    #expect(found.path == ".value.text" && found.message.contains("String"))
  }

  @Test("if reflection cannot see it")
  func invisible() throws {
    let mutex = try #require(refusal(of: WithMutex()))
    #expect(mutex.path == ".mutex" && mutex.message.contains("noncopyable"))
    #expect(refusal(of: WithAtomic())?.path == ".atomic")
    #expect(refusal(of: WithNoncopyable())?.path == ".locked")
  }

  @Test("if it is an object of the system's libraries")
  func systemObjects() {
    #expect(path(NSString(string: "x")) == ".value")
    #expect(path(NSLock()) == ".value")
    #expect(path(DispatchQueue.main) == ".value")
    #expect(path(DateFormatter()) == ".value")
    #expect(path(Locale(identifier: "de")) == ".value")
    #expect(path(Calendar(identifier: .gregorian)) == ".value")
    #expect(path(try? Regex("a")) == ".value")
    #expect(path("abc".firstMatch(of: #/b/#)) == ".value")
    #expect(path(JSONDecoder()) == ".value")
    #expect(path(AsyncStream<Int> { _ in }) == ".value")
    let (stream, continuation) = AsyncThrowingStream<Int, any Error>.makeStream()
    #expect(path(stream) == ".value" && path(continuation) == ".value")
    let none: AsyncStream<Int>.Continuation? = nil
    #expect(path(none) == nil)
  }

  @Test("if its bytes belong to someone else")
  func borrowedData() {
    let memory = UnsafeMutableRawPointer.allocate(byteCount: 100, alignment: 1)
    memory.initializeMemory(as: UInt8.self, repeating: 1, count: 100)
    let data = Data(bytesNoCopy: memory, count: 100, deallocator: .custom { _, _ in })
    #expect(path(data) == "")
    #expect(path(Data([UInt8](data))) == nil)
  }

  @Test("as a concurrent mutation if a table is just being changed")
  func tableInUse() {
    let holder = Holder([1: "a"])
    withUnsafeMutableBytes(of: &holder.value) { raw in
      let word = raw.load(as: UInt.self)
      raw.storeBytes(of: 1 << 63, as: UInt.self)
      #expect(refusal(of: holder)?.path == "concurrentMutation")
      raw.storeBytes(of: word, as: UInt.self)
    }
  }

  @Test("as a concurrent mutation if an actor is at work")
  func busyActor() async {
    actor Busy {
      var count = 1
      func refusalOfMyself() -> ContainerError? {
        do {
          try ToyContainer().discover(self)
          return nil
        } catch {
          return error
        }
      }
    }
    let error = await Busy().refusalOfMyself()
    #expect(error?.code == .concurrentMutation)
  }
}
