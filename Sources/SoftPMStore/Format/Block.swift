import SoftPMBase

/// The unit in which a store's space is given out: 4 KiB, whatever the chunk size.
///
/// It is the largest size that both disks (their physical sectors) and O_DIRECT accept
/// everywhere, and no chunk is smaller.
package struct Block: Hashable, Comparable, Sendable {
  package static let byteCount = 4096

  package let rawValue: UInt64

  package init(_ rawValue: UInt64) {
    self.rawValue = rawValue
  }

  package var offset: Int { Int(rawValue) * Block.byteCount }

  package static func < (left: Block, right: Block) -> Bool { left.rawValue < right.rawValue }

  package static func + (block: Block, count: Int) -> Block {
    Block(block.rawValue + UInt64(count))
  }

  /// How many blocks hold so many bytes.
  package static func count(holding byteCount: Int) -> Int {
    (byteCount + Block.byteCount - 1) / Block.byteCount
  }

  /// No store is larger: 2⁵¹ blocks are 8 EiB, and offsets stay within `Int`.
  package static let most = UInt64(1) << 50
}

/// A run of blocks.
package struct Extent: Hashable, Sendable {
  package var start: Block
  package var count: Int

  package init(start: Block, count: Int) {
    self.start = start
    self.count = count
  }

  package var end: Block { start + count }
  package var byteCount: Int { count * Block.byteCount }
}

extension ByteReader {
  /// A block number below `end`, the first block that cannot exist.
  mutating func block(below end: UInt64 = Block.most) throws(ContainerError) -> Block {
    let start = offset
    let value = try integer(UInt64.self)
    guard value < end else { throw invalid("a block below \(end)", found: "\(value)", at: start) }
    return Block(value)
  }
}
