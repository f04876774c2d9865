// The bytes of a stored version, as a reader without the program gets at them.
//
// 1. Every access is checked against the cell that it reads from. What does not fit throws
//    `.corrupt`, whatever the bytes are.
// 2. Bytes are never used as an address of this process, and nothing here looks for a type of it.

import SoftPMBase

/// Bytes that somebody keeps alive: a chunk's image, or a value taken out of one.
package final class StoredBytes: @unchecked Sendable {
  private let memory: UnsafeMutableRawBufferPointer

  package init(count: Int, _ fill: (UnsafeMutableRawBufferPointer) -> Void) {
    memory = .allocate(byteCount: count, alignment: 4096)
    fill(memory)
  }

  deinit { memory.deallocate() }

  package var raw: UnsafeRawBufferPointer { UnsafeRawBufferPointer(memory) }
}

/// A member's cell, or a value out of one.
package struct StoredCell: Sendable {
  package let bytes: StoredBytes
  /// Where in `bytes` it starts.
  package let start: Int
  package let count: Int
  /// The cell's home address, also for a value taken out of it.
  package let home: ArenaAddress
  /// The bytes of a Data: no object.
  package let isRaw: Bool

  package init(bytes: StoredBytes, start: Int, count: Int, home: ArenaAddress, isRaw: Bool) {
    precondition(start >= 0 && count >= 0 && start + count <= bytes.raw.count)
    self.bytes = bytes
    self.start = start
    self.count = count
    self.home = home
    self.isRaw = isRaw
  }

  package func damaged(_ expected: String, at offset: Int) -> ContainerError {
    .corrupt(
      at: nil, expected: "\(expected) at byte \(offset) of the object at \(home)", found: nil)
  }

  /// `count` bytes from `offset` on, which must lie in the cell.
  package func slice(_ offset: Int, _ count: Int) throws(ContainerError) -> UnsafeRawBufferPointer {
    guard offset >= 0, count >= 0, offset <= self.count, count <= self.count - offset else {
      throw damaged("\(count) bytes within the cell", at: offset)
    }
    return UnsafeRawBufferPointer(rebasing: bytes.raw[start + offset..<start + offset + count])
  }

  func integer<Number: FixedWidthInteger>(
    _ offset: Int, as type: Number.Type = Number.self
  ) throws(ContainerError) -> Number {
    let raw = try slice(offset, MemoryLayout<Number>.size)
    return Number(littleEndian: raw.loadUnaligned(as: Number.self))
  }

  /// An integer that counts something, so that it is never negative nor close to overflow.
  func count(_ offset: Int) throws(ContainerError) -> Int {
    let number = try integer(offset, as: Int64.self)
    guard number >= 0, number < 1 << 48 else { throw damaged("a count", at: offset) }
    return Int(number)
  }
}

/// A version's members, by home address.
package protocol StoredMemory: AnyObject {
  /// Where the arena begins.
  var home: ArenaAddress { get }
  /// The member's cell; throws `.corrupt` where no member starts.
  func cell(at home: ArenaAddress) throws(ContainerError) -> StoredCell
}

extension StoredMemory {
  func isCode(_ word: UInt64) -> Bool {
    word >= home.rawValue && word - home.rawValue < UInt64(WellKnown.reservedBytes)
  }

  func isCode(_ word: UInt64, _ code: WellKnown) -> Bool { word == UInt64(code.word(home)) }
}
