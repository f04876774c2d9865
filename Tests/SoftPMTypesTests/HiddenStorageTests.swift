import SoftPMBase
import Synchronization
import Testing
import TypesZoo

@testable import SoftPMTypes

private final class Item: @unchecked Sendable {
  var name: String
  var onOpen: (() -> Void)?
  init(_ name: String) { self.name = name }
}

// A ring of elements, as a deque has it.
private struct RingHeader {
  var start = 0
  var count = 0
  var capacity: Int
}
private final class Ring<Element>: ManagedBuffer<RingHeader, Element> {
  static func make(_ elements: [Element], capacity: Int, start: Int) -> Ring {
    let made = Ring.create(minimumCapacity: capacity) { _ in
      RingHeader(start: start, count: 0, capacity: capacity)
    }
    let ring = unsafeDowncast(made, to: Ring.self)
    for element in elements { ring.append(element) }
    return ring
  }

  func append(_ element: Element) {
    let place = (header.start + header.count) % header.capacity
    withUnsafeMutablePointerToElements { ($0 + place).initialize(to: element) }
    header.count += 1
  }

  func popFirst() -> Element {
    let first = withUnsafeMutablePointerToElements { ($0 + header.start).move() }
    header.start = (header.start + 1) % header.capacity
    header.count -= 1
    return first
  }

  var elements: [Element] {
    (0..<header.count).map { index in
      withUnsafeMutablePointerToElements { $0[(header.start + index) % header.capacity] }
    }
  }
}
extension Ring: PersistentLayout {
  static var hiddenStorage: [HiddenStorage] {
    [.ring(of: Element.self, start: \RingHeader.start, count: \.count, capacity: \.capacity)]
  }
}

private final class Plain: ManagedBuffer<Int, String> {}
extension Plain: PersistentLayout {
  static var hiddenStorage: [HiddenStorage] { [.elements(of: String.self, count: \Int.self)] }
}

// Mistakes in descriptions.
private final class WrongElement: ManagedBuffer<Int, String>, PersistentLayout {
  static var hiddenStorage: [HiddenStorage] { [.elements(of: Int.self, count: \Int.self)] }
}
private struct Computed {
  var raw = 0
  var count: Int { raw }
}
private final class WrongCount: ManagedBuffer<Computed, Int>, PersistentLayout {
  static var hiddenStorage: [HiddenStorage] { [.elements(of: Int.self, count: \Computed.count)] }
}

// Memory behind pointers.
private final class Matrix: PersistentLayout {
  let values: UnsafeMutablePointer<Double>
  var count: Int
  var names: UnsafeMutablePointer<Item>?
  var nameCount = 0
  let room: Int
  static var hiddenStorage: [HiddenStorage] {
    [
      .memory(\Matrix.values, count: \.count),
      .memory(\Matrix.names, count: \.nameCount, capacity: \.room),
    ]
  }
  init(_ values: [Double], _ items: [Item]) {
    self.values = .allocate(capacity: values.count)
    self.values.initialize(from: values, count: values.count)
    count = values.count
    room = items.count + 3
    guard !items.isEmpty else { return }
    let names = UnsafeMutablePointer<Item>.allocate(capacity: room)
    names.initialize(from: items, count: items.count)
    self.names = names
    nameCount = items.count
  }
  var all: [Double] { (0..<count).map { values[$0] } }
  var allItems: [Item] { (0..<nameCount).map { names![$0] } }
}
private struct Handle: PersistentLayout {
  var flags = true
  var items: UnsafeMutablePointer<Item>?
  var count = 0
  static var hiddenStorage: [HiddenStorage] { [.memory(\Handle.items, count: \.count)] }
}
private enum Choice {
  case nothing
  case handle(Handle)
  case item(Item)
}

// Noncopyable properties.
private final class Account: PersistentLayout {
  let name: String
  let state: Mutex<[String: Item]>
  private let flag = Atomic<Bool>(false)
  let hits = Atomic<Int>(3)
  let last = 9
  init(_ name: String, _ state: sending [String: Item]) {
    self.name = name
    self.state = Mutex(state)
  }
  static var hiddenStorage: [HiddenStorage] {
    [
      .mutex("state", of: [String: Item].self), .atomic("flag", of: Bool.self),
      .atomic("hits", of: Int.self),
    ]
  }
  func raise() { flag.store(true, ordering: .relaxed) }
  var isRaised: Bool { flag.load(ordering: .relaxed) }
}
private final class TooSmall: PersistentLayout {
  let state = Mutex<Int>(1)
  static var hiddenStorage: [HiddenStorage] {
    [.mutex("state", of: (Int, Int, Int, Int, Int).self)]
  }
}
private final class TooLarge: PersistentLayout {
  let other = Mutex<(Int, Int, Int, Int)>((1, 2, 3, 4))
  static var hiddenStorage: [HiddenStorage] { [.mutex("other", of: Int.self)] }
}

private func refusal(_ root: AnyObject) -> ContainerError? {
  do throws(ContainerError) {
    try ToyContainer().discover(root)
    return nil
  } catch {
    return error
  }
}

@Suite("A type that describes its hidden storage")
struct HiddenStorageTests {
  @Test("has its elements found, stored and restored, wherever they begin")
  func ring() throws {
    for start in 0..<5 {
      let items = (0..<4).map { Item("item \($0), with a long name") }
      let ring = Ring.make(items, capacity: 5, start: start)
      let container = ToyContainer()
      try container.discover(Holder((ring, items[2])))
      let back: Holder<(Ring<Item>, Item)> = try ToyContainer.restore(
        try container.stored(), isUntrusted: true)
      let (restored, third) = back.value
      #expect(restored.elements.map(\.name) == items.map(\.name))
      #expect(restored.elements[2] === third)
      // Ordinary Swift from here on.
      #expect(restored.popFirst().name == items[0].name)
      restored.append(Item("new"))
      restored.append(Item("newer"))
      #expect(restored.elements.map(\.name).suffix(2) == ["new", "newer"])
    }
    let empty = try ToyContainer.roundTrip(Ring<Int>.make([], capacity: 3, start: 2))
    empty.append(1)
    #expect(empty.elements == [1])
    let text = try ToyContainer.roundTrip(Ring.make(["a", "b"], capacity: 2, start: 1))
    #expect(text.elements == ["a", "b"])
  }

  @Test("may have its count for a header")
  func counted() throws {
    let made = Plain.create(minimumCapacity: 3) { _ in 2 }
    made.withUnsafeMutablePointerToElements {
      $0.initialize(to: "a string of more than fifteen bytes")
      ($0 + 1).initialize(to: "b")
    }
    let back = try ToyContainer.roundTrip(unsafeDowncast(made, to: Plain.self))
    let elements = back.withUnsafeMutablePointerToElements { [$0[0], $0[1]] }
    #expect(elements == ["a string of more than fifteen bytes", "b"] && back.header == 2)
  }

  @Test("stores no byte of places that hold no element")
  func spareCapacity() throws {
    func image(_ ring: Ring<Int>) throws -> [UInt8] {
      let container = ToyContainer()
      try container.discover(ring)
      return try container.image()
    }
    let ring = Ring.make([1, 2, 3], capacity: 8, start: 7)
    let other = Ring.make([1, 2, 3], capacity: 8, start: 7)
    other.withUnsafeMutablePointerToElements { ($0 + 4).initialize(to: 0x5555_5555) }
    #expect(try image(ring) == image(other))
  }

  @Test("has paths to its elements by their index")
  func paths() throws {
    let items = (0..<4).map { Item("\($0)") }
    let ring = Ring.make([nil, items[0], nil, items[1]], capacity: 5, start: 3)
    #expect(refusal(ring) == nil)
    let layout = try TypeCatalog().layout(ofInstancesOf: Ring<(() -> Void)?>.self)
    let closures: [(() -> Void)?] = [nil, nil, {}]
    let closureRing = Ring.make(closures, capacity: 4, start: 2)
    #expect(refusal(closureRing)?.path == "[2]")
    let target = UnsafeRawPointer(Unmanaged.passUnretained(closureRing).toOpaque())
    #expect(layout.path(toSlotAt: 16, in: target) == ".header.start")
    let memory = Matrix([1], items)
    items[3].onOpen = {}
    #expect(refusal(memory)?.path == ".onOpen")
  }

  @Test("has its memory found, stored and restored")
  func memory() throws {
    let items = (0..<3).map { Item("item \($0), with a long name") }
    let container = ToyContainer()
    let holder = Holder((Matrix([1.5, 2.5], items), items[1], Matrix([], [])))
    try container.discover(holder)
    let back: Holder<(Matrix, Item, Matrix)> = try ToyContainer.restore(
      try container.stored(), isUntrusted: true)
    #expect(back.value.0.all == [1.5, 2.5])
    #expect(back.value.0.allItems.map(\.name) == items.map(\.name))
    #expect(back.value.0.allItems[1] === back.value.1)
    #expect(back.value.2.all == [] && back.value.2.names == nil)
    withExtendedLifetime(holder) {}
  }

  @Test("may be a struct, within an enum within an array")
  func structs() throws {
    let item = Item("an item that has a long name")
    let memory = UnsafeMutablePointer<Item>.allocate(capacity: 1)
    memory.initialize(to: item)
    let root = Holder<[Choice]>([
      .nothing, .handle(Handle(items: memory, count: 1)), .item(item), .handle(Handle()),
    ])
    let back = try ToyContainer.roundTrip(root).value
    guard case .handle(let handle) = back[1], case .item(let same) = back[2],
      case .handle(let empty) = back[3]
    else {
      Issue.record("other cases")
      return
    }
    #expect(handle.count == 1 && handle.flags && handle.items?.pointee === same)
    #expect(empty.items == nil && same.name == item.name)
  }

  @Test("shares memory again where it shared it")
  func sharedMemory() throws {
    let memory = UnsafeMutablePointer<Item>.allocate(capacity: 1)
    memory.initialize(to: Item("shared, and of a long name"))
    let handle = Handle(items: memory, count: 1)
    let container = ToyContainer()
    let root = Holder((handle, handle))
    try container.discover(root)
    let stored = try container.stored()
    let back: Holder<(Handle, Handle)> = try ToyContainer.restore(stored)
    #expect(back.value.0.items == back.value.1.items)
    #expect(back.value.0.items?.pointee.name == "shared, and of a long name")
    #expect(throws: ContainerError.self) {
      let _: Holder<(Handle, Handle)> = try ToyContainer.restore(stored, isUntrusted: true)
    }
  }

  @Test("has mutexes and atomics restored free, with their values")
  func locks() throws {
    let item = Item("guarded, and of a long name")
    let account = Account("account", ["a": item])
    account.raise()
    account.hits.store(77, ordering: .relaxed)
    let container = ToyContainer()
    try container.discover(account)
    let stored = try container.stored()
    let back: Account = try ToyContainer.restore(stored, isUntrusted: true)
    #expect(back.state.withLock { $0["a"]?.name } == "guarded, and of a long name")
    #expect(back.isRaised && back.hits.load(ordering: .relaxed) == 77 && back.last == 9)
    back.state.withLock { $0["b"] = Item("b") }
    #expect(back.state.withLock { $0.count } == 2)
    let path = account.state.withLock { _ in refusal(account) }
    #expect(path?.code == .concurrentMutation && path?.path == ".state")
    item.onOpen = {}
    #expect(refusal(account)?.path == ".onOpen")
  }

  @Test("is refused where the description cannot be true")
  func mistakes() throws {
    #expect(refusal(WrongElement.create(minimumCapacity: 1) { _ in 0 })?.code == .unsupportedType)
    let computed = refusal(WrongCount.create(minimumCapacity: 1) { _ in Computed() })
    #expect(computed?.message.contains("stored properties") == true, "\(computed as Any)")
    #expect(refusal(TooSmall())?.path == ".state")
    #expect(refusal(TooSmall())?.message.contains("Mutex<") == true)
    #expect(refusal(TooLarge())?.path == ".other")
    let ring = Ring.make([1], capacity: 4, start: 0)
    ring.header.count = 5
    #expect(refusal(ring)?.code == .concurrentMutation)
    ring.header.count = -1
    #expect(refusal(ring)?.code == .concurrentMutation)
    ring.header.count = 1
  }

  @Test("is refused with counts that nobody wrote")
  func hostileCounts() throws {
    let container = ToyContainer()
    let ring = Ring.make([Item("a"), Item("b")], capacity: 3, start: 2)
    try container.discover(Holder((ring, Matrix([1, 2], [Item("c")]))))
    let stored = try container.stored()
    func expectRefusal(_ offset: Int, _ value: Int) {
      var changed = stored
      changed.bytes.withUnsafeMutableBytes {
        $0.storeBytes(of: value, toByteOffset: offset, as: Int.self)
      }
      do throws(ContainerError) {
        let _: Holder<(Ring<Item>, Matrix)> = try ToyContainer.restore(changed, isUntrusted: true)
        Issue.record("\(value) at \(offset) was accepted")
      } catch {
        #expect(error.code == .corrupt, "\(value) at \(offset): \(error)")
      }
    }
    func cell(_ name: String) throws -> ToyContainer.Member {
      try #require(
        container.members.first { $0.layout.typeName.hasPrefix("SoftPMTypesTests.\(name)") })
    }
    let ringCell = try cell("Ring<")
    let matrixCell = try cell("Matrix")
    let hostile = [-1, Int.min, 4, 1 << 20, Int.max, Int.max / 8 + 1, 1 << 60]
    for value in hostile {
      for field in [0, 8, 16] { expectRefusal(ringCell.offset + 16 + field, value) }
    }
    // 24: the number of values; 40: of names; 48: of places for names.
    for value in [-1, Int.min, 1 << 20, Int.max, 1 << 60] {
      for field in [24, 40, 48] { expectRefusal(matrixCell.offset + field, value) }
    }
  }

  @Test("is another type to a store when it is described otherwise, or not at all")
  func otherDescription() throws {
    func change(_ name: String, _ body: (inout TypeRecord) -> Void) throws -> ContainerError? {
      var table = TypeTable()
      _ = try table.index(of: TypeCatalog().layout(ofInstancesOf: Ring<Int>.self))
      _ = try table.index(of: TypeCatalog().layout(ofInstancesOf: Matrix.self))
      var records = table.records
      let index = try #require(
        records.firstIndex { $0.name.contains(name) && $0.kind == .instance })
      body(&records[index])
      var changed = TypeTable()
      changed.adopt(records)
      do throws(ContainerError) {
        _ = try changed.resolved(in: TypeCatalog())
        return nil
      } catch {
        return error
      }
    }
    #expect(try change("Ring") { _ in } == nil)
    let other = try change("Ring") { $0.fields[$0.fields.count - 1].name = "elements, count at 0" }
    #expect(other?.code == .typeChanged && other?.message.contains("elements") == true)
    let none = try change("Matrix") { $0.fields.removeLast() }
    #expect(none?.code == .typeChanged && none?.message.contains("memory of names") == true)
  }
}
