import SoftPMBase
import Synchronization

/// The device as the store uses it: the one place where operations and bytes are counted.
final class Medium: Sendable {
  let device: any Device
  private let bytesWritten = Atomic<Int>(0)
  private let zeroed = Atomic<Int>(0)
  private let bytesRead = Atomic<Int>(0)
  private let reads = Atomic<Int>(0)
  private let pointFlushes = Atomic<Int>(0)
  private let upkeepFlushes = Atomic<Int>(0)
  private let zeroFlushes = Atomic<Int>(0)

  init(_ device: any Device) {
    self.device = device
  }

  func read(
    into target: UnsafeMutableRawBufferPointer, at offset: Int, from source: ReadSource
  ) throws(ContainerError) {
    reads.add(1, ordering: .relaxed)
    bytesRead.add(target.count, ordering: .relaxed)
    try device.read(into: target, at: offset, from: source)
  }

  /// Reads whole blocks into fresh memory.
  func blocks(
    _ count: Int, at block: Block, from source: ReadSource
  ) throws(ContainerError) -> PageBuffer {
    let buffer = PageBuffer(byteCount: count * Block.byteCount, zeroed: false)
    try read(into: buffer.bytes, at: block.offset, from: source)
    return buffer
  }

  func write(_ writes: [DeviceWrite]) throws(ContainerError) {
    count(writes)
    try device.write(writes)
  }

  func flush() throws(ContainerError) {
    upkeepFlushes.add(1, ordering: .relaxed)
    try device.flush()
  }

  func writeAndFlush(_ writes: [DeviceWrite]) throws(ContainerError) {
    count(writes)
    upkeepFlushes.add(1, ordering: .relaxed)
    try device.writeAndFlush(writes)
  }

  /// The same for points: versions are announced because of this flush. Tells how long the two
  /// steps took.
  func writeAndFlushPoints(_ writes: [DeviceWrite]) throws(ContainerError) -> WriteTimes {
    count(writes)
    pointFlushes.add(1, ordering: .relaxed)
    let clock = ContinuousClock()
    let begun = clock.now
    try device.write(writes)
    let written = clock.now
    try device.flush()
    return WriteTimes(writing: written - begun, flushing: clock.now - written)
  }

  func zero(from start: Int, to end: Int) throws(ContainerError) {
    zeroed.add(end - start, ordering: .relaxed)
    zeroFlushes.add(1, ordering: .relaxed)
    try device.zero(from: start, to: end)
  }

  private func count(_ writes: [DeviceWrite]) {
    bytesWritten.add(writes.reduce(0) { $0 + $1.bytes.count }, ordering: .relaxed)
  }

  /// All flushes but those of zeros; cheap, for the leader to tell how many a turn took.
  var flushes: Int {
    pointFlushes.load(ordering: .relaxed) + upkeepFlushes.load(ordering: .relaxed)
  }

  var statistics: StoreStatistics {
    StoreStatistics(
      driver: device.driver, reason: device.reason, medium: device.medium,
      pointFlushes: pointFlushes.load(ordering: .relaxed),
      upkeepFlushes: upkeepFlushes.load(ordering: .relaxed),
      zeroFlushes: zeroFlushes.load(ordering: .relaxed),
      bytesWritten: bytesWritten.load(ordering: .relaxed),
      bytesZeroed: zeroed.load(ordering: .relaxed), reads: reads.load(ordering: .relaxed),
      bytesRead: bytesRead.load(ordering: .relaxed))
  }
}

/// How long it took to make a group of points durable.
package struct WriteTimes: Sendable {
  package var writing: Duration = .zero
  package var flushing: Duration = .zero
}

/// What a store has done since it was opened.
package struct StoreStatistics: Sendable {
  package var driver: String
  /// Why that driver was chosen, in one line; empty where there was no choice.
  package var reason: String
  /// What that driver writes to: `file`, `block device`, `persistent memory` or `memory`.
  package var medium: String
  /// Flushes that made versions durable, or failed to: one for each group of points.
  package var pointFlushes: Int
  /// Flushes of epochs, folds and superblocks.
  package var upkeepFlushes: Int
  /// Flushes of space written with zeros ahead of need, beside everything else: no point waits
  /// for them.
  package var zeroFlushes: Int
  package var bytesWritten: Int
  package var bytesZeroed: Int
  package var reads: Int
  package var bytesRead: Int
  /// What went wrong last in the background: a fold, zeros, a copy of the watermark.
  package var lastBackgroundError: ContainerError?

  /// Every flush that was asked of the device.
  package var flushes: Int { pointFlushes + upkeepFlushes + zeroFlushes }
}
