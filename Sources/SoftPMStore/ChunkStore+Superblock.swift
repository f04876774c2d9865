// Superblocks and epochs: the leader's seldom work.

import Dispatch
import SoftPMBase

extension ChunkStore {
  /// Superblocks have room for more; what is beyond is for folds that find no space.
  private static let epochsKept = 64

  /// Starts an epoch, and folds where there have been many since the last fold: a program that is
  /// killed after each of its points would otherwise fill the superblock with them.
  func beginEpoch() throws(ContainerError) {
    try startEpoch()
    if superblock.epochs.count > ChunkStore.epochsKept { try foldIfThereIsRoom() }
  }

  /// Begins a stretch of the chain that nothing written before can be mistaken for.
  ///
  /// Both slots must know the epoch before its first barrier is written: were one slot lost
  /// later, the other would still lead past the barriers of the failed writer.
  func startEpoch() throws(ContainerError) {
    var next = superblock
    // Epochs that got no barrier are replaced by the new one.
    next.epochs.removeAll { $0.firstBarrier > chain.sequence }
    guard next.epochs.count < Superblock.epochsMost else {
      throw ContainerError(
        code: .io,
        message:
          "The store was interrupted \(next.epochs.count) times, and never found the space to tidy "
          + "up since. Back it up to a larger disk, and go on with the copy.")
    }
    let start = space.take(1).start
    if chain.isReserved { lost.append(Extent(start: chain.next, count: 1)) }
    chain.next = start
    chain.isReserved = true
    next.epochs.append(
      Epoch(
        number: superblock.epochs[superblock.epochs.count - 1].number + 1,
        firstBarrier: chain.sequence + 1, start: start))
    next.watermark = chain.sequence
    next.isClean = false
    next.nextVersion = monitor.locked { nextVersion }
    for _ in 0..<2 { try writeAndFlush(&next) }
    chain.isBroken = false
    for extent in abandoned { space.give(extent) }
    abandoned = []
    monitor.locked { numberLimit = next.nextVersion + ChunkStore.numbersAhead }
  }

  /// Begins the epoch that the first commit would otherwise have to begin.
  ///
  /// Opening alone does not: a store that turns out to be of no use to the program that opened it
  /// stays as it was, byte for byte.
  package func startWriting() throws(ContainerError) {
    try monitor.locked { () throws(ContainerError) in try usable(changing: true) }
    try exclusively { () throws(ContainerError) in
      if chain.isBroken { try beginEpoch() }
    }
  }

  /// Records that everything is durable and no version number is in use beyond the last.
  func writeCleanSuperblock() throws(ContainerError) {
    var next = superblock
    next.watermark = chain.sequence
    next.isClean = true
    next.nextVersion = monitor.locked { nextVersion }
    try writeAndFlush(&next)
  }

  /// Lets readers in other processes see the newest version; durable when it returns.
  package func copyWatermark() throws(ContainerError) {
    try exclusively { () throws(ContainerError) in
      if chain.isBroken || chain.sequence == watermarkOnMedium { return }
      if monitor.locked({ isClosed }) { return }
      var next = superblock
      next.watermark = chain.sequence
      next.nextVersion = monitor.locked { nextVersion }
      do throws(ContainerError) {
        try writeAndFlush(&next)
      } catch {
        chain.isBroken = true
        throw error
      }
      monitor.locked {
        numberLimit = max(numberLimit, next.nextVersion + ChunkStore.numbersAhead)
      }
    }
  }

  /// A barrier tells of the one before it, so while points come readers are one version behind;
  /// when they stop, a superblock is told. Leader only.
  ///
  /// It costs points nothing: a store that is not idle only looks again later.
  func copyWatermarkWhenIdle() {
    guard let delay = watermarkDelay, !isWatermarkQueued else { return }
    isWatermarkQueued = true
    let seen = chain.sequence
    let nanoseconds = Int(delay.components.attoseconds / 1_000_000_000)
    let time =
      DispatchTime.now() + .seconds(Int(delay.components.seconds))
      + .nanoseconds(nanoseconds)
    queueThread.asyncAfter(deadline: time) { [weak self] in
      guard let self else { return }
      let isIdle = self.monitor.locked { !self.hasLeader && self.queue.isEmpty }
      self.inBackground(mustBeTold: false) { () throws(ContainerError) in
        var isDue = false
        try self.exclusively { () throws(ContainerError) in
          self.isWatermarkQueued = false
          if self.monitor.locked({ self.isClosed }) { return }
          isDue = isIdle && self.chain.sequence == seen
          if !isDue, self.chain.sequence != self.watermarkOnMedium { self.copyWatermarkWhenIdle() }
        }
        if isDue { try self.copyWatermark() }
      }
    }
  }

  /// Runs upkeep that nobody waits for, and remembers why it failed.
  func inBackground(
    mustBeTold: Bool, _ body: () throws(ContainerError) -> Void
  ) {
    do throws(ContainerError) {
      try body()
    } catch {
      monitor.locked {
        backgroundError = error
        owesBackgroundError = owesBackgroundError || mustBeTold
      }
    }
  }

  /// Has one superblock, and in a second call the other, name a checkpoint that is durable.
  func writeSuperblock(checkpoint: BlockReference) throws(ContainerError) {
    var next = superblock
    next.checkpoint = checkpoint
    next.watermark = chain.sequence
    next.nextVersion = monitor.locked { nextVersion }
    // Epochs that ended before the checkpoint are over.
    next.epochs = Array(next.epochs.suffix(1))
    try writeAndFlush(&next)
    monitor.locked { numberLimit = max(numberLimit, next.nextVersion + ChunkStore.numbersAhead) }
  }

  /// Writes the slot that is not the last proven one; only then is that the last proven one.
  private func writeAndFlush(_ next: inout Superblock) throws(ContainerError) {
    next.sequence = superblock.sequence + 1
    if canary == .singleSuperblock { next.sequence += next.sequence & 1 }
    let buffer = PageBuffer(blocksHolding: next.encoded())
    let slot = Superblock.slot(ofSequence: next.sequence)
    var writes = WriteBatch()
    writes.add(buffer, at: Block(UInt64(slot)))
    let mark = PageBuffer(blocksHolding: WriterMark.encoded())
    if next.isClean == false { writes.add(mark, at: WriterMark.block) }
    try medium.writeAndFlush(writes.writes)
    superblock = next
    watermarkOnMedium = next.watermark
    monitor.locked { currentView = superblock.sequence }
  }
}
