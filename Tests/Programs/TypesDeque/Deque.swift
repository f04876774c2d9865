// A deque of ManagedBuffer, samples in memory of their own, a journal behind locks: types that
// reflection cannot follow, each with the description that lets a container hold it.

import Containers
import Synchronization

struct DequeHeader {
  var start = 0
  var count = 0
  let capacity: Int
}

final class DequeStorage<Element>: ManagedBuffer<DequeHeader, Element> {
  static func make(capacity: Int) -> DequeStorage {
    let made = DequeStorage.create(minimumCapacity: capacity) { _ in
      DequeHeader(capacity: capacity)
    }
    return unsafeDowncast(made, to: DequeStorage.self)
  }

  deinit {
    for index in 0..<header.count {
      let place = (header.start + index) % header.capacity
      _ = withUnsafeMutablePointerToElements { ($0 + place).deinitialize(count: 1) }
    }
  }
}

extension DequeStorage: PersistentLayout {
  static var hiddenStorage: [HiddenStorage] {
    [.ring(of: Element.self, start: \DequeHeader.start, count: \.count, capacity: \.capacity)]
  }
}

/// A queue with two ends and value semantics.
struct Deque<Element> {
  private var storage = DequeStorage<Element>.make(capacity: 4)

  var count: Int { storage.header.count }

  subscript(index: Int) -> Element {
    let place = (storage.header.start + index) % storage.header.capacity
    return storage.withUnsafeMutablePointerToElements { $0[place] }
  }

  mutating func append(_ element: Element) {
    makeRoom()
    let place = (storage.header.start + storage.header.count) % storage.header.capacity
    storage.withUnsafeMutablePointerToElements { ($0 + place).initialize(to: element) }
    storage.header.count += 1
  }

  mutating func popFirst() -> Element? {
    guard count > 0 else { return nil }
    makeRoom()
    let start = storage.header.start
    storage.header.start = (start + 1) % storage.header.capacity
    storage.header.count -= 1
    return storage.withUnsafeMutablePointerToElements { ($0 + start).move() }
  }

  /// A storage of its own, with room for one more element.
  private mutating func makeRoom() {
    let isFull = count == storage.header.capacity
    guard isFull || !isKnownUniquelyReferenced(&storage) else { return }
    let larger = DequeStorage<Element>.make(capacity: isFull ? 2 * count : storage.header.capacity)
    larger.withUnsafeMutablePointerToElements { places in
      for index in 0..<count { (places + index).initialize(to: self[index]) }
    }
    larger.header.count = count
    storage = larger
  }
}

/// Numbers in memory that grows.
final class Samples: PersistentLayout {
  private var values = UnsafeMutablePointer<Double>.allocate(capacity: 2)
  private(set) var count = 0
  private var capacity = 2

  static var hiddenStorage: [HiddenStorage] {
    [.memory(\Samples.values, count: \.count, capacity: \.capacity)]
  }

  func append(_ value: Double) {
    if count == capacity {
      let larger = UnsafeMutablePointer<Double>.allocate(capacity: 2 * capacity)
      larger.moveInitialize(from: values, count: count)
      values.deallocate()
      values = larger
      capacity *= 2
    }
    (values + count).initialize(to: value)
    count += 1
  }

  var sum: Double { (0..<count).reduce(0) { $0 + values[$1] } }

  deinit { values.deallocate() }
}

/// Safe to share between threads.
final class Journal: PersistentLayout, Sendable {
  private let lines = Mutex<[String]>([])
  private let written = Atomic<Int>(0)

  static var hiddenStorage: [HiddenStorage] {
    [.mutex("lines", of: [String].self), .atomic("written", of: Int.self)]
  }

  func write(_ line: String) {
    lines.withLock { $0.append(line) }
    written.add(1, ordering: .relaxed)
  }

  var all: [String] { lines.withLock { $0 } }
  var count: Int { written.load(ordering: .relaxed) }
}
