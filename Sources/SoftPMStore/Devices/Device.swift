// The seam between the store and what it is kept on.
//
// Facts that every device keeps:
// 1. A device is a row of bytes, numbered from 0. Bytes that were never written read as zero,
//    also those beyond its end; writing beyond the end makes it longer.
// 2. *Written*: when `write` returns, every later read, by any process, sees the bytes. It says
//    nothing of power loss: until a flush any subset of the 512-byte sectors may be lost, a
//    sector may be torn between two 8-byte words, the device may have grown without content,
//    and the order of writes counts for nothing, not even within one call.
// 3. *Durable*: when `flush` returns, all that had been *written* before `flush` was called
//    survives power loss. A write that is still under way when `flush` is called is not covered.
// 4. When `write` throws, any part of any of its writes may have been made. When `flush` throws,
//    whatever it was to cover is in an unknown state for ever, even if a later flush succeeds:
//    kernels mark pages clean that they failed to write.
// 5. Reading from the `.medium` goes past every cache of the operating system, so it shows what
//    a failed flush left behind and not what was meant to be there.
// 6. `write` and `flush` are called by one thread at a time, `read` by any number, and `zero` by
//    another thread for bytes beyond the end that nobody else touches meanwhile.
// 7. Bytes that were discarded read as anything until they are written again; writing them again
//    may find no space. Nobody discards what a crash could make needed.

import SoftPMBase

/// Bytes to be put at a place. The bytes must stay unchanged until `write` returns.
package struct DeviceWrite {
  package var offset: Int
  package var bytes: UnsafeRawBufferPointer

  package init(offset: Int, bytes: UnsafeRawBufferPointer) {
    self.offset = offset
    self.bytes = bytes
  }
}

/// Where a read may be served from.
package enum ReadSource: Sendable {
  /// Wherever it is fastest.
  case cache
  /// Past the caches of the operating system (fact 5).
  case medium
}

/// What a store is kept on; the facts above are its contract.
///
/// Offsets, lengths and addresses are multiples of 4 KiB wherever the store calls, so that a
/// device may move bytes without copying them.
package protocol Device: AnyObject, Sendable {
  /// `posix`, `uring`, `memory` …: for statistics and messages.
  var driver: String { get }
  /// Why this driver and not another, where there was a choice.
  var reason: String { get }
  /// What lies below: `file`, `block device`, `persistent memory` or `memory`.
  var medium: String { get }
  /// The device's length in bytes.
  var byteCount: Int { get }
  func read(
    into target: UnsafeMutableRawBufferPointer, at offset: Int, from source: ReadSource
  ) throws(ContainerError)
  func write(_ writes: [DeviceWrite]) throws(ContainerError)
  func flush() throws(ContainerError)
  /// `write`, then `flush`; a device that can do both with one system call does.
  func writeAndFlush(_ writes: [DeviceWrite]) throws(ContainerError)
  /// Makes the device longer by zeros that are written and durable, so that later flushes find
  /// space that costs least. Another thread may write elsewhere meanwhile.
  func zero(from start: Int, to end: Int) throws(ContainerError)
  /// Has storage behind every byte up to `end`, which writing cannot use up any more; throws
  /// `.noSpace` where there is none. Makes the device longer; what is new reads as zero.
  func allocate(to end: Int) throws(ContainerError)
  /// Has storage behind a range that was a hole, or throws `.noSpace`.
  func fill(from start: Int, to end: Int) throws(ContainerError)
  /// Ranges without storage, as far as the device can tell.
  var holes: RangeSet<Int> { get }
  /// The length that it has for ever, as a disk has; nil where it grows as far as there is space.
  var capacity: Int? { get }
  /// Whether nothing was ever written to a device of fixed size.
  var isBlank: Bool { get }
  /// Gives the storage of a range back to whoever the device takes it from, where that can be.
  func discard(from start: Int, to end: Int) throws(ContainerError)
  /// Makes the device shorter, where that can be.
  func truncate(to byteCount: Int) throws(ContainerError)
  /// Bytes of storage in use, holes not counted.
  var allocatedBytes: Int { get }
  /// Where openings in other processes are seen; nil where there can be none.
  var pins: (any ReaderPins)? { get }
  /// Lets the device go, with its locks. Further calls throw `.closed`.
  func close()
}

extension Device {
  package var reason: String { "" }
  package var medium: String { "memory" }

  package func zero(from start: Int, to end: Int) throws(ContainerError) {}
  package func allocate(to end: Int) throws(ContainerError) {
    if let capacity, end > capacity { throw .noSpace(capacity) }
  }
  package func fill(from start: Int, to end: Int) throws(ContainerError) {}
  package var holes: RangeSet<Int> { RangeSet() }
  package var capacity: Int? { nil }
  package var isBlank: Bool { false }
  package func discard(from start: Int, to end: Int) throws(ContainerError) {}
  package func truncate(to byteCount: Int) throws(ContainerError) {}
  package var allocatedBytes: Int { byteCount }
  package var pins: (any ReaderPins)? { nil }

  package func writeAndFlush(_ writes: [DeviceWrite]) throws(ContainerError) {
    try write(writes)
    try flush()
  }
}
