// A linked list.

import Containers

final class LinkedList: Subject {
  final class Node {
    var value: Int
    var next: Node?
    init(_ value: Int, _ next: Node?) {
      self.value = value
      self.next = next
    }
    // A long list ends node by node, not by a recursion as deep as it is long.
    deinit {
      var rest = next.take()
      while isKnownUniquelyReferenced(&rest), let node = rest { rest = node.next.take() }
    }
  }
  var head: Node?

  func build(_ count: Int) {
    for value in 0..<count { head = Node(value * 7, head) }
  }
  func change() {
    head?.next?.value = -1
    head = Node(42, head?.next)
  }
  var contents: Contents {
    var contents = Contents()
    var node = head
    while let here = node {
      contents.add(here.value)
      node = here.next
    }
    return contents
  }

  func persist(to path: String) throws {
    // effort begin: list by-hand persist
    var bytes: [UInt8] = []
    var node = head
    while let here = node {
      withUnsafeBytes(of: here.value.littleEndian) { bytes += $0 }
      node = here.next
    }
    try replaceFile(path, with: bytes)
    // effort end
  }

  func restore(from path: String) throws {
    // effort begin: list by-hand restore
    let bytes = try readFile(path)
    guard bytes.count.isMultiple(of: 8) else { throw FileFailure("\(path) is cut short") }
    head = nil
    for place in stride(from: bytes.count - 8, through: 0, by: -8) {
      let value = bytes.withUnsafeBytes {
        Int(littleEndian: $0.loadUnaligned(fromByteOffset: place, as: Int.self))
      }
      head = Node(value, head)
    }
    // effort end
  }

  static func withContainer(_ work: (LinkedList) -> Void) throws {
    var list = LinkedList()
    // effort begin: list containers restore
    let id = try pCRestore("list", &list) ?? pCAlloc("list", list)
    // effort end
    for _ in 0..<2 {
      work(list)
      // effort begin: list containers persist
      try pPointSync(id)
      // effort end
    }
  }
}
