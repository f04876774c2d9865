// A binary tree.

import Containers

final class Tree: Subject {
  final class Node {
    let key: Int
    var label: String
    var left, right: Node?
    init(_ key: Int, _ label: String) {
      self.key = key
      self.label = label
    }
  }
  var root: Node?

  func insert(_ key: Int, _ label: String) {
    guard var node = root else {
      root = Node(key, label)
      return
    }
    while node.key != key {
      if key < node.key {
        guard let left = node.left else {
          node.left = Node(key, label)
          return
        }
        node = left
      } else {
        guard let right = node.right else {
          node.right = Node(key, label)
          return
        }
        node = right
      }
    }
    node.label = label
  }

  func build(_ count: Int) {
    for number in 0..<count { insert(number &* 7919 % count, "label of \(number)") }
  }
  func change() {
    insert(100_001, "one more")
    insert(17, "another label")
  }
  var contents: Contents {
    var contents = Contents()
    func visit(_ node: Node?) {
      guard let node else { return contents.add(-2) }
      contents.add(node.key)
      contents.add(node.label)
      visit(node.left)
      visit(node.right)
    }
    visit(root)
    return contents
  }

  func persist(to path: String) throws {
    // effort begin: tree by-hand persist
    var bytes: [UInt8] = []
    func add(_ number: Int) { withUnsafeBytes(of: number.littleEndian) { bytes += $0 } }
    func visit(_ node: Node) {
      add(node.key)
      add(node.label.utf8.count)
      bytes += node.label.utf8
      bytes.append((node.left == nil ? 0 : 1) + (node.right == nil ? 0 : 2))
      if let left = node.left { visit(left) }
      if let right = node.right { visit(right) }
    }
    if let root { visit(root) }
    try replaceFile(path, with: bytes)
    // effort end
  }

  func restore(from path: String) throws {
    // effort begin: tree by-hand restore
    let bytes = try readFile(path)
    var place = 0
    func take(_ count: Int) throws -> ArraySlice<UInt8> {
      guard count >= 0, count <= bytes.count - place else {
        throw FileFailure("\(path) is cut short")
      }
      defer { place += count }
      return bytes[place..<place + count]
    }
    func number() throws -> Int {
      try take(8).withUnsafeBytes { Int(littleEndian: $0.loadUnaligned(as: Int.self)) }
    }
    func makeNode() throws -> Node {
      let key = try number()
      guard let label = String(validating: try take(try number()), as: UTF8.self) else {
        throw FileFailure("\(path) holds no UTF-8")
      }
      let node = Node(key, label)
      let children = try take(1).first ?? 0
      if children & 1 != 0 { node.left = try makeNode() }
      if children & 2 != 0 { node.right = try makeNode() }
      return node
    }
    root = bytes.isEmpty ? nil : try makeNode()
    // effort end
  }

  static func withContainer(_ work: (Tree) -> Void) throws {
    var tree = Tree()
    // effort begin: tree containers restore
    let id = try pCRestore("tree", &tree) ?? pCAlloc("tree", tree)
    // effort end
    for _ in 0..<2 {
      work(tree)
      // effort begin: tree containers persist
      try pPointSync(id)
      // effort end
    }
  }
}
