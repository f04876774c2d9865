// How a use is run, and what the uses are made of: ordinary types.

import Containers

final class Entry {
  var value: Int
  var next: Entry?
  init(_ value: Int) { self.value = value }
}

final class List {
  var head: Entry?
  var scratch: [Int] = []
  var note: String?

  func push(_ value: Int) {
    let entry = Entry(value)
    entry.next = head
    head = entry
  }

  var values: [Int] {
    var found: [Int] = []
    var entry = head
    while let current = entry {
      found.append(current.value)
      entry = current.next
    }
    return found
  }
}

/// Runs a use of one declaration. It is right when `body` says so.
func use(_ declaration: String, _ body: () throws -> Bool) {
  do {
    print(try body() ? "works:" : "wrong:", declaration)
  } catch {
    print("wrong:", declaration, error)
  }
}

/// The same for what suspends.
func useInTask(_ declaration: String, _ body: () async throws -> Bool) async {
  do {
    print(try await body() ? "works:" : "wrong:", declaration)
  } catch {
    print("wrong:", declaration, error)
  }
}

/// Whether `body` throws a `ContainerError` of this code.
func throwsError(_ code: ContainerError.Code, _ body: () throws -> Void) -> Bool {
  do {
    try body()
    return false
  } catch {
    return (error as? ContainerError)?.code == code
  }
}

/// True for whatever compiles.
func isSendable<T: Sendable>(_ value: T) -> Bool { true }
func isHashable<T: Hashable>(_ value: T) -> Bool { value == value }
func isText<T: CustomStringConvertible>(_ value: T) -> Bool { !value.description.isEmpty }
func isError<T: Error>(_ value: T) -> Bool { true }

/// Makes a container of a store in memory.
func makeList(_ name: String = "list") throws -> (Store, Container<List>) {
  let store = try Store.inMemory()
  return (store, try store.container(name, initial: List()))
}
