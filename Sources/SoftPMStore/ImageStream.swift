// A version whose images are written while the next ones are made: because it is too large to be
// held in memory as a whole, or because somebody waits for it.
//
// Facts:
// 1. Whoever streams is the leader from the beginning to the end, so there is one stream at a time,
//    and nothing is moved meanwhile. What it has taken is `staged` until its barrier is written:
//    free in the eyes of a checkpoint, as the blocks of all barriers after that are.
// 2. Images are *written* before their barrier is, and durable by the flush that makes the barrier
//    durable. Until then they count for nothing, like those that are written beside it.
//    A flush that failed in between may have lost them for ever, so the version fails, too.
// 3. What was taken for a version that does not come is free at the next fold.
// 4. Writes are made by a thread of the stream's own, one at a time, while its owner makes images.

import Dispatch
import Glibc
import SoftPMBase
import Synchronization

/// The images of one version on their way to the medium. Used by one thread at a time.
package final class ImageStream {
  /// An image as its maker knows it.
  package struct Image {
    package var chunk: ChunkIndex
    package var digest: Digest
    package var start: UnsafeRawPointer

    package init(chunk: ChunkIndex, digest: Digest, start: UnsafeRawPointer) {
      self.chunk = chunk
      self.digest = digest
      self.start = start
    }
  }

  private let store: ChunkStore
  private let chunkBytes: Int
  private var entries: [ChunkEntry] = []
  private var wanted: Block
  private let epoch: UInt64
  private let writer = DispatchQueue(label: "softpm.stream", qos: .userInitiated)
  private let room: DispatchSemaphore
  private let failure = Failure()
  private var isOver = false
  private let process = getpid()

  private final class Failure: Sendable {
    private let first = Mutex<ContainerError?>(nil)
    var error: ContainerError? {
      get { first.withLock { $0 } }
      set { first.withLock { $0 = newValue } }
    }
  }

  fileprivate init(_ store: ChunkStore, chunkBytes: Int, writesMost: Int) {
    self.store = store
    room = DispatchSemaphore(value: writesMost)
    self.chunkBytes = chunkBytes
    wanted = store.chain.next + 1
    epoch = store.epochNumber
  }

  // In a forked child the writer's thread is not there to be waited for, and the store is the parent's.
  deinit { if getpid() == process { cancel() } }

  /// Takes images, which lie in `memory`, and has them written. Waits while too
  /// much is under way; throws why an earlier write failed.
  package func write(
    _ images: [Image], in memory: [PageBuffer]
  ) throws(ContainerError) {
    precondition(!isOver)
    assert(store.monitor.locked { store.hasLeader }, "a stream's owner leads until it is over")
    if let error = failure.error { throw error }
    guard !images.isEmpty else { return }
    let blocks = chunkBytes / Block.byteCount
    var batch = WriteBatch()
    var position = 0
    let starts = images.map(\.start)
    batch.hold(ChunkImages(at: starts, in: memory))
    for extent in store.takeImages(images.count, of: blocks, wanted: wanted) {
      store.staged.append(extent)
      wanted = extent.end
      let count = extent.count / blocks
      batch.add(starts[position..<position + count], chunkBytes: chunkBytes, at: extent.start)
      for unit in 0..<count {
        let image = images[position + unit]
        entries.append(
          ChunkEntry(
            chunk: image.chunk, block: extent.start + unit * blocks, digest: image.digest))
      }
      position += count
    }
    if store.isBeyondEnd(batch.writes) { store.waitForZeros() }
    room.wait()
    nonisolated(unsafe) let writes = batch
    writer.async { [room, failure, medium = store.medium] in
      defer { room.signal() }
      guard failure.error == nil else { return }
      do throws(ContainerError) {
        try medium.write(writes.writes)
      } catch {
        failure.error = error
      }
    }
  }

  /// Queues the version, whose images are those that were written; `request` has none of its own.
  /// On an error there is no version, and the stream is over.
  package func commit(_ request: CommitRequest) throws(ContainerError) -> Commit {
    precondition(!isOver && request.chunks.isEmpty)
    do throws(ContainerError) {
      finishWrites()
      if let error = failure.error { throw error }
      entries.sort { $0.chunk < $1.chunk }
      return try store.enqueueStreamed(request, entries, since: epoch) { isOver = true }
    } catch {
      cancel()
      throw error
    }
  }

  /// There is no such version after all. Does nothing after `commit`.
  package func cancel() {
    guard !isOver else { return }
    isOver = true
    finishWrites()
    store.lost += store.staged
    store.staged = []
    store.endLeading()
  }

  private func finishWrites() { writer.sync {} }
}

extension ChunkStore {
  /// Begins a version of a container whose images are streamed: some of `chunks`, or all. At most
  /// `writesMost` writes of them wait or are under way.
  ///
  /// If it `waits`, waits for whoever leads now, unless that calls the program's own code, which may
  /// wait for the caller. Nil where others are at work after all.
  package func stream(
    _ chunks: [ChunkIndex], of number: ContainerNumber, waits: Bool, writesMost: Int
  ) throws(ContainerError) -> ImageStream? {
    monitor.lock()
    while waits, hasLeader, !leaderCallsOut { monitor.wait() }
    if hasLeader || !waits && !queue.isEmpty {
      monitor.unlock()
      return nil
    }
    hasLeader = true
    monitor.unlock()
    lead(keepingLead: true)
    do throws(ContainerError) {
      let container = try monitor.locked { () throws(ContainerError) in
        try usable(changing: true)
        guard let container = graph.containers[number], !container.isBeingDeleted else {
          throw .noSuchContainer("with number \(number.rawValue)")
        }
        return container
      }
      if chain.isBroken { try beginEpoch() }
      try makeRoom(for: [.trial(chunks, chunkBytes: container.chunkBytes)], isPoint: true)
      return ImageStream(self, chunkBytes: container.chunkBytes, writesMost: writesMost)
    } catch {
      endLeading()
      throw error
    }
  }

  /// The caller leads, and leads no more when this returns without an error.
  fileprivate func enqueueStreamed(
    _ request: CommitRequest, _ entries: [ChunkEntry], since epoch: UInt64, _ done: () -> Void
  ) throws(ContainerError) -> Commit {
    monitor.lock()
    defer { monitor.unlock() }
    try usable(changing: true)
    try waitForNumber(asLeader: true)
    guard !chain.isBroken, epochNumber == epoch else {
      throw ContainerError(
        code: .io, message: "Another point failed while this one was being written. Make it again.")
    }
    let commit = try enqueue(request, streamed: entries)
    done()
    hasLeader = false
    monitor.signalAll()
    if !request.waitsAtOnce { wake() }
    return commit
  }

  fileprivate var epochNumber: UInt64 { superblock.epochs[superblock.epochs.count - 1].number }

  fileprivate func endLeading() {
    let isNeeded = monitor.locked {
      hasLeader = false
      monitor.signalAll()
      return !queue.isEmpty
    }
    if isNeeded { wake() }
  }
}
