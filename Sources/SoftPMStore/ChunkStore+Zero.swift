// Space written with zeros ahead of need: a flush of 16 KiB takes 97 µs there, and twice as long
// where the file has to grow.

import Dispatch
import SoftPMBase

extension ChunkStore {
  /// Zeros kept beyond the frontier: an eighth of the store, between these.
  private static let zerosLeast = 1 << 20
  private static let zerosMost = 32 << 20

  /// Starts the background step when less than half of the zeros are left. Leader only.
  func zeroWhenDue() {
    // A block device has nothing to gain from zeros: its blocks are all there.
    guard medium.device.capacity == nil else { return }
    let frontier = space.frontier.offset
    let margin = min(max(frontier / 8, ChunkStore.zerosLeast), ChunkStore.zerosMost)
    // What points leave alone lies behind what they use (`ChunkStore+Room`).
    let reserved = reservedBlocks * Block.byteCount
    let ahead = reserved + margin
    let start = max(zeroEnd, frontier)
    guard start - frontier < reserved + margin / 2 else { return }
    let begins = monitor.locked {
      if isZeroing || isClosed { return false }
      isZeroing = true
      return true
    }
    guard begins else { return }
    let end = (frontier + ahead + Block.byteCount - 1) & ~(Block.byteCount - 1)
    zeroStart = start
    zeroEnd = end
    // Not on the store's own queue: the leader, which may run there, may wait for this.
    DispatchQueue.global(qos: .utility).async {
      // Failing is no harm: points that need the space will tell.
      self.inBackground(mustBeTold: false) { () throws(ContainerError) in
        try self.medium.zero(from: start, to: end)
      }
      self.monitor.locked {
        self.isZeroing = false
        self.monitor.signalAll()
      }
    }
  }

  /// Before anybody writes beyond the device's end, zeros under way there must be done.
  func waitForZeros() {
    monitor.locked {
      while isZeroing { monitor.wait() }
    }
  }

  /// Whether writes go where zeros may be on their way.
  func isBeyondEnd(_ writes: [DeviceWrite]) -> Bool {
    let end = min(medium.device.byteCount, zeroStart)
    return writes.contains { $0.offset + $0.bytes.count > end }
  }
}
