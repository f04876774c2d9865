// The store: containers, versions and chunks on a device.
//
// Facts:
// 1. One thread at a time is the *leader*: it alone encodes barriers, takes space and writes. It
//    is whoever waits for a commit, or a queue's thread when nobody does.
// 2. The leader takes all that is queued, writes it, flushes once and announces it in order: so
//    one flush announces everything that was complete before it.
// 3. When a write or flush fails, everything queued fails with it, and the next leader opens a
//    new epoch at the last durable barrier, in fresh space, before it goes on. So does the first
//    leader after opening: opening itself writes nothing.
// 4. A version number is given out at most `numbersAhead` beyond what the medium knows to be
//    used, so a successor that skips as many never repeats one.

import Dispatch
import Glibc
import SoftPMBase

package final class ChunkStore: @unchecked Sendable {
  /// Most versions that may be numbered and not yet durable (fact 4).
  static let numbersAhead: UInt64 = 64
  /// A shorter tail is left for the next opening to replay.
  static let foldAtClose = 8

  let monitor = Monitor()
  let medium: Medium
  let isReadOnly: Bool
  let clock: @Sendable () -> Double
  let canary: StoreCanary?
  let identity: Digest
  private let process = getpid()
  /// The view that this opening has pinned, when it is a reader's.
  let readView: UInt64?
  /// The newest superblock when the store was opened.
  let openedAt: UInt64
  let queueThread = DispatchQueue(label: "softpm.store", qos: .userInitiated)

  // MARK: Guarded by the monitor
  var graph = VersionGraph()
  var queue: [Transaction] = []
  var hasLeader = false
  /// The leader calls the program's own code, which may wait for anybody.
  var leaderCallsOut = false
  var isClosed = false
  var nextVersion: UInt64 = 1
  /// Zeros are being written beyond the device's end.
  var isZeroing = false
  /// Numbers below this may be given out (fact 4).
  var numberLimit: UInt64 = 1
  var lastAnnounced: UInt64 = 0
  var tables = TableCache()
  /// The last failure in the background, and whether a caller is still to be told.
  var backgroundError: ContainerError?
  var owesBackgroundError = false
  /// Views that this process itself looks at, by superblock.
  var ownViews: [UInt64] = []
  /// The newest superblock.
  var currentView: UInt64 = 0
  /// How often something was moved: places looked up before that may be stale.
  var moves = 0

  // MARK: Owned by the leader
  var chain: Chain
  var space: FreeSpace
  var superblock: Superblock
  var checkpoint: Checkpoint
  var tail: Tail
  /// Taken, and named by nothing: free at the next fold.
  var lost: [Extent] = []
  /// Taken by the stream that leads, or whose version is queued: see `ImageStream`.
  var staged: [Extent] = []
  /// The checkpoint's free space, not read yet; until then only new blocks are given out.
  var unreadFreeSpace: TreeReference?
  let foldAfter: Int
  let reclaimReads: (most: Int, perNode: Int)
  var isFoldQueued = false
  /// The newest watermark that a superblock on the medium has, and how often it is looked after.
  var watermarkOnMedium: UInt64 = 0
  var watermarkDelay: Duration?
  var isWatermarkQueued = false
  /// Free, and perhaps still looked at by readers.
  var limbo = Limbo()
  /// The first superblock that named the checkpoint, and the one before that was such.
  var namesCheckpoint: UInt64 = 0
  var namedAt: UInt64 = 0
  /// Taken by a turn that found no space; free again when both superblocks know the next epoch.
  var abandoned: [Extent] = []
  /// Free blocks whose storage was given back: given out only when they have storage again.
  var punched = RangeSet<Int>()
  /// Zeros were written up to here, in bytes.
  var zeroEnd = 0
  /// Where the last such stretch began.
  var zeroStart = Int.max
  /// Points may take new blocks; otherwise only what is free.
  var mayGrow = true
  /// Where the first barrier of the leader's turn goes.
  var batchStart = Block(0)

  /// Where the chain of barriers stands.
  struct Chain {
    /// The last barrier written; durable unless `isBroken`.
    var sequence: UInt64
    var digest: Digest
    var next: Block
    /// A write or flush failed, or the store was just opened: nothing may follow before a new
    /// epoch is known to both superblocks.
    var isBroken = true
    /// `next` was taken out of the free space by this process.
    var isReserved = false
  }

  /// What the chain has taken since the checkpoint.
  struct Tail {
    var barriers = 0
    /// Heads and bodies of barriers, free as soon as they are folded.
    var extents: [Extent] = []
    /// Images and metadata, of versions that may live on.
    var images: [Extent] = []
    /// How many nodes the trees of its versions may have.
    var treeNodes = 0
  }

  init(_ medium: Medium, _ options: StoreFileOptions) throws(ContainerError) {
    self.medium = medium
    isReadOnly = options.readOnly
    clock = options.clock
    canary = options.canary
    let found: Recovery.Found
    if options.readOnly {
      (found, readView) = try ChunkStore.view(medium, options.canary)
    } else {
      found = try Recovery(medium, readOnly: false, canary: options.canary).run()
      readView = nil
    }
    graph = found.graph
    chain = found.chain
    space = found.space
    superblock = found.superblock
    identity = found.superblock.identity
    checkpoint = found.checkpoint
    tail = found.tail
    unreadFreeSpace = found.checkpoint.freeSpace
    foldAfter = options.foldAfter
    reclaimReads = (options.reclaimReads, options.reclaimReadsPerNode)
    nextVersion = found.nextVersion
    currentView = found.superblock.sequence
    openedAt = found.superblock.sequence
    zeroEnd = medium.device.byteCount
    guard !options.readOnly else { return }
    // What was found above the watermark is shown, so it must stay.
    try medium.flush()
  }

  deinit {
    medium.device.close()
  }

  /// Opens the store at `path`, and makes one where that was asked for.
  package static func open(
    _ path: String, _ options: StoreFileOptions = .init()
  ) throws(ContainerError) -> ChunkStore {
    let file = try StoreFile.open(path, options) { NewStore.image() }
    let device = try file.device(options)
    do throws(ContainerError) {
      let store = try open(on: device, options)
      if !options.readOnly { store.watermarkDelay = options.watermarkDelay }
      return store
    } catch {
      device.close()
      var error = error
      error.path = error.path ?? file.path
      throw error
    }
  }

  /// A store in memory, gone with its last owner.
  package static func inMemory() throws(ContainerError) -> ChunkStore {
    try open(on: MemoryDevice())
  }

  /// Opens the store on a device, and makes one on an empty device.
  package static func open(
    on device: any Device, _ options: StoreFileOptions = .init()
  ) throws(ContainerError) -> ChunkStore {
    let medium = Medium(device)
    if device.byteCount == 0 || device.isBlank, !options.readOnly, options.createIfMissing {
      let image = NewStore.image()
      let buffer = PageBuffer(blocksHolding: image)
      try medium.writeAndFlush([DeviceWrite(offset: 0, bytes: buffer.readOnly)])
    }
    return try ChunkStore(medium, options)
  }

  package var statistics: StoreStatistics {
    var statistics = medium.statistics
    statistics.lastBackgroundError = monitor.locked { backgroundError }
    return statistics
  }

  /// Monitor held: throws unless the store may be used, and changed if `changing`.
  func usable(changing: Bool) throws(ContainerError) {
    if isClosed { throw .closedStore }
    if getpid() != process { throw .forkedStore }
    if changing, isReadOnly { throw .readOnlyStore }
  }

  /// Waits for everything in flight, records where the store ends, and lets the file go.
  package func close() throws(ContainerError) {
    var failure: ContainerError?
    let isFirst = monitor.locked {
      defer { isClosed = true }
      return !isClosed
    }
    guard isFirst else { return }
    waitForZeros()
    if getpid() == process, !isReadOnly {
      do throws(ContainerError) {
        try exclusively { () throws(ContainerError) in
          if chain.isBroken { return }
          if tail.barriers >= ChunkStore.foldAtClose, tail.barriers >= foldAfter / 8 {
            // Without one the next opening replays the tail.
            try foldIfThereIsRoom()
          }
          try writeCleanSuperblock()
        }
      } catch {
        failure = error
      }
    }
    failure = failure ?? monitor.locked { owesBackgroundError ? backgroundError : nil }
    if let readView, getpid() == process { medium.device.pins?.letGo(.view(readView)) }
    medium.device.close()
    if let failure { throw failure }
  }
}

/// The content of a store that holds nothing yet.
package enum NewStore {
  static let checkpoint = Block(3)
  static let firstBarrier = Block(4)
  /// A new file's size: what follows the records are zeros, ready to be written over.
  static let byteCount = 256 << 10

  package static func image() -> [UInt8] {
    let identity = Digest(low: .random(in: 1 ... .max), high: .random(in: 1 ... .max))
    return image(identity: identity)
  }

  package static func image(
    identity: Digest, byteCount: Int = NewStore.byteCount
  ) -> [UInt8] {
    let checkpointBytes = Checkpoint(
      identity: identity, nextBarrier: firstBarrier, frontier: firstBarrier
    ).encoded(at: checkpoint)
    let reference = BlockReference(
      block: checkpoint, digest: checkpointBytes.withUnsafeBytes { Checksum.digest($0) })
    var superblock = Superblock(
      identity: identity, sequence: 2, watermark: 0, nextVersion: 1, isClean: true,
      checkpoint: reference, epochs: [Epoch(number: 1, firstBarrier: 1, start: firstBarrier)])
    var image = superblock.encoded()
    superblock.sequence = 1
    image += superblock.encoded()
    image += [UInt8](repeating: 0, count: Block.byteCount)
    image += checkpointBytes
    image += [UInt8](repeating: 0, count: byteCount - image.count)
    return image
  }
}
