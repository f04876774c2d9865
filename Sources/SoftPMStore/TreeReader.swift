import SoftPMBase

/// Reads trees, checking every node against the digest in the reference to it.
struct TreeReader {
  let medium: Medium
  let identity: Digest
  var source = ReadSource.cache
  /// Nodes that a fold has made and not written yet.
  var fresh: [Block: TreeNode] = [:]

  func node(_ reference: TreeReference) throws(ContainerError) -> TreeNode {
    if let known = fresh[reference.block] { return known }
    var sources: [ReadSource] = [source]
    if source == .cache { sources.append(.medium) }
    for source in sources {
      let buffer = try medium.blocks(1, at: reference.block, from: source)
      if Checksum.digest(buffer.readOnly) == reference.digest {
        return try TreeNode(
          decoding: buffer.readOnly, at: reference.block, identity: identity)
      }
    }
    throw .corrupt(at: UInt64(reference.block.offset), expected: "a tree node of that digest")
  }

  /// A node that must be of this level, where one is expected: so no walk goes in circles.
  func node(
    _ reference: TreeReference, level expected: Int?
  ) throws(ContainerError) -> TreeNode {
    let node = try node(reference)
    if let expected, node.level != expected {
      throw .corrupt(
        at: UInt64(reference.block.offset), expected: "a tree node of level \(expected)")
    }
    return node
  }

  /// The value of a key, reading one node per level.
  func value(of key: UInt64, in root: TreeReference?) throws(ContainerError) -> [UInt8]? {
    var next = root
    while let reference = next {
      switch try node(reference).content {
      case .leaf(let leaves):
        return leaves.first { $0.key == key }?.value
      case .inner(let children, _):
        next = children.last { $0.key <= key }?.reference
      }
    }
    return nil
  }

  /// Whether the node at `block` is part of the tree: looked for where its first key leads.
  func contains(
    _ block: Block, firstKey key: UInt64, in root: TreeReference?
  ) throws(ContainerError) -> Bool {
    var next = root
    while let reference = next {
      if reference.block == block { return true }
      switch try node(reference).content {
      case .leaf: return false
      case .inner(let children, _):
        next = (children.last { $0.key <= key } ?? children.first)?.reference
      }
    }
    return false
  }

  /// Every entry in order of keys; `visit` is told of every node too, and may decline one. With
  /// `bornAfter`, nodes that are older are not even read, nor those that end before `first`.
  func walk(
    _ root: TreeReference?, bornAfter: UInt64? = nil, from first: UInt64 = 0,
    visit: (TreeReference, TreeNode) throws(ContainerError) -> Bool = {
      _, _ throws(ContainerError) in true
    },
    _ body: (UInt64, [UInt8]) throws(ContainerError) -> Void
  ) throws(ContainerError) {
    guard let root, bornAfter.map({ root.birth > $0 }) ?? true else { return }
    try walk(root, level: nil, bornAfter, first, visit, body)
  }

  private func walk(
    _ reference: TreeReference, level expected: Int?, _ bornAfter: UInt64?, _ first: UInt64,
    _ visit: (TreeReference, TreeNode) throws(ContainerError) -> Bool,
    _ body: (UInt64, [UInt8]) throws(ContainerError) -> Void
  ) throws(ContainerError) {
    let node = try node(reference, level: expected)
    guard try visit(reference, node) else { return }
    switch node.content {
    case .leaf(let leaves):
      for leaf in leaves where leaf.key >= first { try body(leaf.key, leaf.value) }
    case .inner(let children, let level):
      for (index, child) in children.enumerated() {
        if index + 1 < children.count, children[index + 1].key <= first { continue }
        if let bornAfter, child.reference.birth <= bornAfter { continue }
        try walk(child.reference, level: level - 1, bornAfter, first, visit, body)
      }
    }
  }
}
