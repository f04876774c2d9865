import SoftPMBase

/// Makes new trees out of old ones, writing what changed and sharing the rest.
///
/// New nodes are collected with the places that they take; nothing is written here. Nodes that a
/// tree no longer has are collected too: whoever owned the old tree decides when they are free.
struct TreeEditor {
  struct Edit {
    var key: UInt64
    /// Nil removes the key.
    var value: [UInt8]?
  }

  private(set) var reader: TreeReader
  private(set) var written: [(block: Block, buffer: PageBuffer)] = []
  private(set) var replaced: [TreeReference] = []

  init(_ reader: TreeReader) {
    self.reader = reader
  }

  /// The tree with `edits`, which are sorted by key, made; births are `birth`.
  mutating func edited(
    _ root: TreeReference?, _ edits: [Edit], birth: UInt64, _ space: inout FreeSpace
  ) throws(ContainerError) -> TreeReference? {
    guard !edits.isEmpty else { return root }
    var nodes: [TreeNode.Child]
    if let root {
      nodes = try edit(root, edits[...], birth, &space)
    } else {
      nodes = leaves(edits.compactMap(TreeEditor.leaf), birth, &space)
    }
    var level = 1
    if nodes.count > 1, let first = nodes.first {
      level = try reader.node(first.reference).level + 1
    }
    while nodes.count > 1 {
      nodes = inner(nodes, level: level, birth, &space)
      level += 1
    }
    return nodes.first?.reference
  }

  private static func leaf(_ edit: Edit) -> TreeNode.Leaf? {
    edit.value.map { TreeNode.Leaf(key: edit.key, value: $0) }
  }

  private mutating func edit(
    _ reference: TreeReference, _ edits: ArraySlice<Edit>, _ birth: UInt64,
    _ space: inout FreeSpace
  ) throws(ContainerError) -> [TreeNode.Child] {
    let old = try reader.node(reference)
    replaced.append(reference)
    switch old.content {
    case .leaf(let leaves):
      return self.leaves(TreeEditor.merged(leaves, edits), birth, &space)
    case .inner(let children, let level):
      var result: [TreeNode.Child] = []
      var rest = edits
      for (index, child) in children.enumerated() {
        let end = index + 1 < children.count ? children[index + 1].key : nil
        let mine = rest.prefix { edit in end.map { edit.key < $0 } ?? true }
        rest = rest.dropFirst(mine.count)
        if mine.isEmpty {
          result.append(child)
        } else {
          result += try edit(child.reference, mine, birth, &space)
        }
      }
      return inner(result, level: level, birth, &space)
    }
  }

  private static func merged(
    _ leaves: [TreeNode.Leaf], _ edits: ArraySlice<Edit>
  ) -> [TreeNode.Leaf] {
    var result: [TreeNode.Leaf] = []
    result.reserveCapacity(leaves.count + edits.count)
    var index = 0
    for edit in edits {
      while index < leaves.count, leaves[index].key < edit.key {
        result.append(leaves[index])
        index += 1
      }
      if index < leaves.count, leaves[index].key == edit.key { index += 1 }
      if let leaf = leaf(edit) { result.append(leaf) }
    }
    result += leaves[index...]
    return result
  }

  /// As few leaves as hold the entries; full ones, since most tables grow at their end.
  private mutating func leaves(
    _ entries: [TreeNode.Leaf], _ birth: UInt64, _ space: inout FreeSpace
  ) -> [TreeNode.Child] {
    var result: [TreeNode.Child] = []
    var part: [TreeNode.Leaf] = []
    var bytes = 0
    for entry in entries {
      if bytes + entry.byteCount > TreeNode.roomBytes {
        result.append(write(TreeNode(content: .leaf(part), birth: birth), part[0].key, &space))
        part = []
        bytes = 0
      }
      part.append(entry)
      bytes += entry.byteCount
    }
    if let first = part.first {
      result.append(write(TreeNode(content: .leaf(part), birth: birth), first.key, &space))
    }
    return result
  }

  private mutating func inner(
    _ children: [TreeNode.Child], level: Int, _ birth: UInt64, _ space: inout FreeSpace
  ) -> [TreeNode.Child] {
    let most = TreeNode.roomBytes / TreeNode.innerEntryBytes
    return stride(from: 0, to: children.count, by: most).map { start in
      let part = Array(children[start..<min(start + most, children.count)])
      return write(
        TreeNode(content: .inner(part, level: level), birth: birth), part[0].key, &space)
    }
  }

  /// A node in another's place, with the other's birth.
  mutating func replace(
    _ old: TreeReference, by node: TreeNode, _ space: inout FreeSpace
  ) -> TreeReference {
    replaced.append(old)
    return write(node, node.firstKey, &space).reference
  }

  /// A record that is no node but goes with them.
  mutating func add(_ buffer: PageBuffer, at block: Block) { written.append((block, buffer)) }

  private mutating func write(
    _ node: TreeNode, _ key: UInt64, _ space: inout FreeSpace
  ) -> TreeNode.Child {
    let block = space.take(1).start
    let buffer = PageBuffer(blocksHolding: node.encoded(at: block, identity: reader.identity))
    written.append((block, buffer))
    reader.fresh[block] = node
    return TreeNode.Child(
      key: key,
      reference: TreeReference(
        block: block, digest: Checksum.digest(buffer.readOnly), birth: node.birth))
  }
}
