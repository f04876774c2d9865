// Small types for indices, addresses and sizes, so that none is mistaken for another.

/// The place of a chunk in its container's arena: chunk `i` starts `i × chunkSize` bytes after
/// the arena's base. The same number names the chunk in the store.
package struct ChunkIndex: Hashable, Comparable, Sendable {
  package let rawValue: UInt32

  package init(_ rawValue: UInt32) {
    self.rawValue = rawValue
  }

  package static func < (left: ChunkIndex, right: ChunkIndex) -> Bool {
    left.rawValue < right.rawValue
  }
}

extension ChunkIndex: CustomStringConvertible {
  package var description: String { "chunk \(rawValue)" }
}

/// A number of bytes. Never an index, never a count of anything else.
package struct ByteCount: Hashable, Comparable, Sendable {
  package let rawValue: Int

  package init(_ rawValue: Int) {
    self.rawValue = rawValue
  }

  package static let zero = ByteCount(0)
  package static func kibibytes(_ count: Int) -> ByteCount { ByteCount(count << 10) }
  package static func mebibytes(_ count: Int) -> ByteCount { ByteCount(count << 20) }
  package static func gibibytes(_ count: Int) -> ByteCount { ByteCount(count << 30) }

  package static func < (left: ByteCount, right: ByteCount) -> Bool {
    left.rawValue < right.rawValue
  }
  package static func + (left: ByteCount, right: ByteCount) -> ByteCount {
    ByteCount(left.rawValue + right.rawValue)
  }
  package static func - (left: ByteCount, right: ByteCount) -> ByteCount {
    ByteCount(left.rawValue - right.rawValue)
  }
  package static func * (left: ByteCount, right: Int) -> ByteCount {
    ByteCount(left.rawValue * right)
  }
  package static func += (left: inout ByteCount, right: ByteCount) {
    left = left + right
  }

  /// The least multiple of `unit`, a power of two, that holds this many bytes.
  package func roundedUp(to unit: ByteCount) -> ByteCount {
    precondition(unit.rawValue > 0 && unit.rawValue & (unit.rawValue - 1) == 0)
    return ByteCount((rawValue + unit.rawValue - 1) & ~(unit.rawValue - 1))
  }
}

extension ByteCount: CustomStringConvertible {
  /// The largest binary unit that divides the count: `16 KiB`, `1 MiB`, `17 B`.
  package var description: String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB"]
    var value = rawValue
    var unit = 0
    while unit + 1 < units.count, value != 0, value % 1024 == 0 {
      value /= 1024
      unit += 1
    }
    return "\(value) \(units[unit])"
  }
}

/// A *home address*: the place of a member as the store records it.
///
/// At home it is the address in memory. Where a container had to be restored at another base
/// the two differ by a constant, and only home addresses are ever stored.
package struct ArenaAddress: Hashable, Comparable, Sendable {
  package let rawValue: UInt64

  package init(_ rawValue: UInt64) {
    self.rawValue = rawValue
  }

  package static func < (left: ArenaAddress, right: ArenaAddress) -> Bool {
    left.rawValue < right.rawValue
  }
}

extension ArenaAddress: CustomStringConvertible {
  package var description: String { "0x" + String(rawValue, radix: 16) }
}
