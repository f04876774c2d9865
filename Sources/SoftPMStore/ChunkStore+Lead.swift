// The leader's work: taking what is queued, writing it, one flush, announcing in order.

import SoftPMBase

/// What one barrier makes durable.
final class Transaction {
  var changes: [Change]
  /// Contents to be written beside the barrier, and which blocks they need. Places in `changes`
  /// are filled in by `place`.
  let commit: Commit?
  let images: ChunkImages?
  /// Its images are written already; see `ChunkStore.staged`.
  let isStreamed: Bool
  let chunkBytes: Int
  let metadata: PageBuffer?
  /// Called with the monitor held when the outcome is known.
  let settle: (ContainerError?) -> Void
  /// The parent of the version that it makes.
  var parent: VersionID? {
    for case .versionMade(let facts, _, _) in changes { return facts.parent }
    return nil
  }
  var dropsVersions: Bool {
    changes.contains { if case .versionDropped = $0 { true } else { false } }
  }
  var outcome: Result<Int, ContainerError>?

  init(
    changes: [Change], commit: Commit? = nil, images: ChunkImages? = nil,
    isStreamed: Bool = false, chunkBytes: Int = 0, metadata: PageBuffer? = nil,
    settle: @escaping (ContainerError?) -> Void
  ) {
    self.changes = changes
    self.commit = commit
    self.images = images
    self.isStreamed = isStreamed
    self.chunkBytes = chunkBytes
    self.metadata = metadata
    self.settle = settle
  }
}

/// The writes of one leader's turn, and the buffers that they point into.
struct WriteBatch {
  var writes: [DeviceWrite] = []
  private var buffers: [PageBuffer] = []

  mutating func add(_ buffer: PageBuffer, at block: Block) {
    writes.append(DeviceWrite(offset: block.offset, bytes: buffer.readOnly))
    buffers.append(buffer)
  }

  /// Writes some of a point's images one after another; those that follow each other in memory, too,
  /// as one.
  mutating func add(
    _ starts: ArraySlice<UnsafeRawPointer>, chunkBytes: Int, at block: Block
  ) {
    var position = starts.startIndex
    var offset = block.offset
    while position < starts.endIndex {
      let start = starts[position]
      var byteCount = 0
      while position < starts.endIndex, starts[position] == start + byteCount {
        byteCount += chunkBytes
        position += 1
      }
      let bytes = UnsafeRawBufferPointer(start: start, count: byteCount)
      writes.append(DeviceWrite(offset: offset, bytes: bytes))
      offset += byteCount
    }
  }

  /// Keeps what images lie in until the batch is written.
  mutating func hold(_ images: ChunkImages) { buffers += images.memory }
}

extension ChunkStore {
  /// Blocks of a point beyond which a second request costs nothing that counts.
  private static let roomMost = 64

  /// Waits until `outcome` (read with the monitor held) is known, leading while nobody does.
  func drive(
    until outcome: () -> Result<Int, ContainerError>?
  ) throws(ContainerError) {
    monitor.lock()
    while true {
      if let outcome = outcome() {
        monitor.unlock()
        _ = try outcome.get()
        return
      }
      if hasLeader {
        monitor.wait()
      } else {
        hasLeader = true
        monitor.unlock()
        lead()
        monitor.lock()
      }
    }
  }

  /// Runs `body` as the leader, after everything queued before it.
  func exclusively<Result>(
    _ body: () throws(ContainerError) -> Result
  ) throws(ContainerError) -> Result {
    monitor.lock()
    while hasLeader { monitor.wait() }
    hasLeader = true
    monitor.unlock()
    lead(keepingLead: true)
    defer {
      monitor.locked {
        hasLeader = false
        monitor.signalAll()
      }
    }
    return try body()
  }

  /// Has the queue's thread lead, if nobody is leading when it gets there.
  func wake() {
    queueThread.async {
      let leads = self.monitor.locked {
        if self.hasLeader || self.queue.isEmpty { return false }
        self.hasLeader = true
        return true
      }
      if leads { self.lead() }
    }
  }

  /// Makes everything queued durable, or fails it. The caller has set `hasLeader`.
  func lead(keepingLead: Bool = false) {
    while true {
      let batch = monitor.locked { () -> [Transaction] in
        if queue.isEmpty, !keepingLead {
          hasLeader = false
          monitor.signalAll()
        }
        return queue
      }
      if batch.isEmpty { return }
      let before = medium.flushes
      var reached: (chain: Chain, tail: Tail)?
      var failure: ContainerError?
      var times = WriteTimes()
      do throws(ContainerError) {
        if chain.isBroken { try beginEpoch() }
        try makeRoom(for: batch)
        reached = (chain, tail)
        var writes = WriteBatch()
        batchStart = chain.next
        for transaction in batch { add(transaction, to: &writes) }
        if canary == nil {
          if isBeyondEnd(writes.writes) { waitForZeros() }
          times = try medium.writeAndFlushPoints(writes.writes)
        } else {
          try writeWrongly(writes.writes, batch)
        }
      } catch {
        failure = error
        if let reached, !chain.isBroken, canary != .goesOnAfterFailure {
          abandon(since: reached.chain, reached.tail, forWantOfSpace: error.code == .noSpace)
        }
      }
      announce(batch, failure, flushes: medium.flushes - before, times)
      foldWhenDue()
      zeroWhenDue()
      copyWatermarkWhenIdle()
    }
  }

  /// Goes back to where the chain was before a failed turn. What was taken stays taken: nobody
  /// knows what is on the medium there.
  private func abandon(since chainBefore: Chain, _ tailBefore: Tail, forWantOfSpace: Bool) {
    var taken = tail.extents[tailBefore.extents.count...] + tail.images[tailBefore.images.count...]
    taken.append(Extent(start: chain.next, count: 1))
    // Where a write failed the next one had better go elsewhere; where there was no space, there
    // is no elsewhere.
    if forWantOfSpace { abandoned += taken } else { lost += taken }
    tail = tailBefore
    chain = chainBefore
    chain.isBroken = true
    chain.isReserved = false
  }

  /// Gives a transaction its places and its barrier.
  private func add(_ transaction: Transaction, to batch: inout WriteBatch) {
    var wanted = chain.next + 1
    place(transaction, wanted: &wanted, in: &batch)
    let body = Change.encode(transaction.changes)
    var outside: BlockReference?
    if body.count > Barrier.inlineBytesMost {
      let buffer = PageBuffer(blocksHolding: body)
      let extent = space.take(buffer.byteCount / Block.byteCount, wanted: wanted)
      wanted = extent.end
      batch.add(buffer, at: extent.start)
      tail.extents.append(extent)
      outside = BlockReference(
        block: extent.start, digest: body.withUnsafeBytes { Checksum.digest($0) })
    }
    // The next point is probably as large as this one.
    let room = min(
      transaction.imageCount * transaction.chunkBytes / Block.byteCount, ChunkStore.roomMost)
    let next = space.take(withRoomFor: room, wanted: wanted)
    let barrier = Barrier(
      identity: superblock.identity, block: chain.next,
      epoch: superblock.epochs[superblock.epochs.count - 1].number, sequence: chain.sequence + 1,
      previous: chain.digest, watermark: superblock.watermark, next: next,
      bodyBytes: body.count, outside: outside)
    let head = PageBuffer(blocksHolding: barrier.encoded(body: body))
    batch.add(head, at: chain.next)
    tail.extents.append(Extent(start: chain.next, count: 1))
    tail.barriers += 1
    chain = Chain(
      sequence: barrier.sequence, digest: Checksum.digest(head.readOnly), next: next,
      isBroken: false, isReserved: true)
  }

  private func place(
    _ transaction: Transaction, wanted: inout Block, in batch: inout WriteBatch
  ) {
    guard let index = transaction.changes.lastIndex(where: \.isVersion),
      case .versionMade(var facts, let removed, var chunks) = transaction.changes[index]
    else { return }
    if transaction.isStreamed {
      tail.images += staged
      staged = []
    } else if let images = transaction.images, !chunks.isEmpty {
      let blocks = transaction.chunkBytes / Block.byteCount
      var position = 0
      batch.hold(images)
      for extent in takeImages(chunks.count, of: blocks, wanted: wanted) {
        wanted = extent.end
        batch.add(
          images.starts[position..<position + extent.count / blocks],
          chunkBytes: transaction.chunkBytes, at: extent.start)
        for unit in 0..<extent.count / blocks {
          chunks[position].block = extent.start + unit * blocks
          position += 1
        }
        tail.images.append(extent)
      }
    }
    if let metadata = transaction.metadata, case .blocks(var place, let byteCount) = facts.metadata
    {
      let extent = space.take(metadata.byteCount / Block.byteCount, wanted: wanted)
      wanted = extent.end
      place.block = extent.start
      facts.metadata = .blocks(place, byteCount: byteCount)
      batch.add(metadata, at: extent.start)
      tail.images.append(extent)
    }
    transaction.changes[index] = .versionMade(facts, removed: removed, chunks: chunks)
    monitor.locked {
      guard let node = graph.versions[facts.id] else { return }
      node.facts.metadata = facts.metadata
      node.chunks = chunks
    }
  }

  /// Writes a batch as a planted bug would have it.
  private func writeWrongly(
    _ writes: [DeviceWrite], _ batch: [Transaction]
  ) throws(ContainerError) {
    switch canary {
    case .announcedBeforeFlush:
      try medium.write(writes)
    case .announcedPastNeighbour where batch.count > 1:
      let heads = writes.filter { $0.offset == batchStart.offset }
      _ = try medium.writeAndFlushPoints(writes.filter { $0.offset != batchStart.offset })
      try medium.write(heads)
    default:
      _ = try medium.writeAndFlushPoints(writes)
    }
  }

  private func announce(
    _ batch: [Transaction], _ failure: ContainerError?, flushes: Int, _ times: WriteTimes
  ) {
    let calls = monitor.locked { () -> [@Sendable () -> Void] in
      var settled = batch
      if failure == nil {
        queue.removeFirst(batch.count)
        superblock.watermark = chain.sequence
      } else {
        // Later points in flight fail with the one that failed.
        settled = queue
        queue = []
        if settled.contains(where: \.isStreamed) {
          lost += staged
          staged = []
        }
      }
      var calls: [@Sendable () -> Void] = []
      for transaction in settled {
        transaction.settle(failure)
        let result: Result<Int, ContainerError> =
          if let failure { .failure(failure) } else { .success(flushes) }
        transaction.outcome = result
        calls += transaction.commit?.finish(result, times) ?? []
      }
      if failure == nil { numberLimit = newestDurable + ChunkStore.numbersAhead + 1 }
      monitor.signalAll()
      return calls
    }
    for call in calls { call() }
  }

  /// The largest number that the medium knows to be used. Monitor held.
  private var newestDurable: UInt64 {
    max(superblock.nextVersion - 1, lastAnnounced)
  }
}

extension Change {
  var isVersion: Bool { if case .versionMade = self { true } else { false } }
}
