// A node of a tree: the store's only way of keeping tables that outgrow a barrier.
//
//     OFFSET SIZE MEANING                                  DEFENDS AGAINST
//          0    8 magic "SPMtreen"                         reading another record as one
//          8    8 XXH3-64 of bytes 16..<4096, seeded with  tears, rot, misdirected reads
//                 the block's own number                   and writes
//         16   16 identity of the store                    blocks left over from another store
//         32    8 the block's own number                   misdirected writes
//         40    2 level: 0 for a leaf                      cycles: a child's level is one less
//         42    2 number of entries
//         44    4 zero
//         48    8 birth: the version it was written for
//         56      entries, keys rising; then zeros
//
// A leaf's entry: key 8, length 2, value. An inner entry: first key 8, then a reference to the
// child: block 8, digest 16, birth 8. Nodes are never changed: an edit writes new ones from the
// leaf to the root, and all that did not change is shared.

import SoftPMBase

struct TreeNode {
  static let magic: [UInt8] = Array("SPMtreen".utf8)
  static let headBytes = 56
  static let roomBytes = Block.byteCount - headBytes
  static let innerEntryBytes = 40
  /// With more than a hundred children per node, 2⁶⁴ keys need fewer levels.
  static let levelsMost = 12
  static let valueBytesMost = 3900

  struct Leaf {
    var key: UInt64
    var value: [UInt8]
    var byteCount: Int { 10 + value.count }
  }
  struct Child {
    var key: UInt64
    var reference: TreeReference
  }
  enum Content {
    case leaf([Leaf])
    case inner([Child], level: Int)
  }

  var content: Content
  var birth: UInt64

  var level: Int { if case .inner(_, let level) = content { level } else { 0 } }

  func encoded(at block: Block, identity: Digest) -> [UInt8] {
    var writer = ByteWriter(capacity: Block.byteCount)
    writer.append(TreeNode.magic)
    writer.integer(UInt64(0))
    writer.digest(identity)
    writer.integer(block.rawValue)
    writer.integer(UInt16(level))
    switch content {
    case .leaf(let leaves):
      writer.integer(UInt16(leaves.count))
      writer.zeros(4)
      writer.integer(birth)
      for leaf in leaves {
        writer.integer(leaf.key)
        writer.integer(UInt16(leaf.value.count))
        writer.append(leaf.value)
      }
    case .inner(let children, _):
      writer.integer(UInt16(children.count))
      writer.zeros(4)
      writer.integer(birth)
      for child in children {
        writer.integer(child.key)
        writer.tree(child.reference)
      }
    }
    precondition(writer.count <= Block.byteCount)
    writer.pad(to: Block.byteCount)
    writer.seal(from: 16, checksumAt: 8, seed: block.rawValue)
    return writer.bytes
  }

  init(content: Content, birth: UInt64) {
    self.content = content
    self.birth = birth
  }

  init(
    decoding bytes: UnsafeRawBufferPointer, at block: Block, identity: Digest
  ) throws(ContainerError) {
    var reader = ByteReader(bytes, of: "tree node", at: UInt64(block.offset))
    try reader.opening(
      magic: TreeNode.magic, in: bytes, seed: block.rawValue, identity: identity)
    guard try reader.block() == block else { throw reader.invalid("the node's own place") }
    let level = Int(try reader.integer(UInt16.self))
    guard level < TreeNode.levelsMost else { throw reader.invalid("a level", found: "\(level)") }
    let count = Int(try reader.integer(UInt16.self))
    try reader.zeros(4)
    birth = try reader.integer()
    var last: UInt64?
    func rising(_ key: UInt64) throws(ContainerError) {
      if let last, last >= key { throw reader.invalid("rising keys") }
      last = key
    }
    if level == 0 {
      var leaves: [Leaf] = []
      for _ in 0..<count {
        let key = try reader.integer(UInt64.self)
        try rising(key)
        let length = Int(try reader.integer(UInt16.self))
        leaves.append(Leaf(key: key, value: [UInt8](try reader.take(length))))
      }
      content = .leaf(leaves)
    } else {
      var children: [Child] = []
      for _ in 0..<count {
        let key = try reader.integer(UInt64.self)
        try rising(key)
        guard let reference = try reader.tree() else { throw reader.invalid("a child") }
        children.append(Child(key: key, reference: reference))
      }
      guard !children.isEmpty else { throw reader.invalid("at least one child") }
      content = .inner(children, level: level)
    }
    try reader.zeros(reader.remaining)
  }
}
