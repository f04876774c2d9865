// Finding the last whole barrier.
//
// Facts:
// 1. Of the two superblocks the newer one that leads to a whole store counts.
// 2. The chain is followed from the checkpoint, one block per barrier, until a block is not the
//    barrier expected there.
// 3. What is at or below the watermark was durable once: damage there is corruption. Above it a
//    barrier counts only if everything that it names is on the medium, whole, and the one before
//    it counts; the first that does not is the torn end.
// 4. A read-only opening beside a writer believes the watermark and shows nothing above it: what
//    has not been announced may still vanish. Where no writer is left, and what it wrote has been
//    flushed, all that is whole is shown, as to a writer: it may have been announced.
// 5. Everything is read past the page cache unless there is a writer: after a failed flush the
//    cache shows what the medium does not have.

import SoftPMBase

struct Recovery {
  struct Found {
    var graph: VersionGraph
    var chain: ChunkStore.Chain
    var space: FreeSpace
    var superblock: Superblock
    var checkpoint: Checkpoint
    var tail: ChunkStore.Tail
    var nextVersion: UInt64
  }

  /// A barrier read back, with the blocks that it occupies.
  struct Link {
    var barrier: Barrier
    var digest: Digest
    var changes: [Change]
  }

  let medium: Medium
  /// Beside a writer, who may be anywhere in its work.
  let believesWatermark: Bool
  let canary: StoreCanary?
  var source: ReadSource

  init(
    _ medium: Medium, readOnly: Bool, hasWriter: Bool = true, canary: StoreCanary? = nil
  ) {
    self.medium = medium
    believesWatermark = readOnly && hasWriter
    source = believesWatermark ? .cache : .medium
    self.canary = canary
  }

  func run() throws(ContainerError) -> Found {
    let candidates = try superblocks()
    var failure: ContainerError?
    for candidate in candidates {
      do throws(ContainerError) {
        return try follow(
          candidate, watermark: candidates.reduce(0) { max($0, $1.watermark) })
      } catch {
        failure = failure ?? error
      }
    }
    throw failure ?? .corrupt(at: 0, expected: "a superblock")
  }

  /// The valid superblocks, newest first.
  func superblocks() throws(ContainerError) -> [Superblock] {
    var valid: [Superblock] = []
    var newer: UInt32?
    var damage: ContainerError?
    for number in 0..<2 {
      let buffer = try medium.blocks(1, at: Block(UInt64(number)), from: source)
      switch Superblock.slot(buffer.readOnly, number: number) {
      case .valid(let superblock): valid.append(superblock)
      case .newer(let version): newer = max(newer ?? 0, version)
      case .damaged(let error): damage = damage ?? error
      case .foreign: break
      }
    }
    if let newer {
      throw ContainerError(
        code: .newerFormat,
        message: "The store has format \(newer); this library reads up to format "
          + "\(Superblock.formatVersion). Use a newer version of the library.")
    }
    if valid.isEmpty {
      throw damage
        ?? ContainerError(
          code: .notAStore, message: "This is not a store: it does not begin as one.")
    }
    return valid.sorted { $0.sequence > $1.sequence }
  }

  private func follow(
    _ superblock: Superblock, watermark: UInt64
  ) throws(ContainerError) -> Found {
    let place = superblock.checkpoint
    let buffer = try medium.blocks(1, at: place.block, from: source)
    guard Checksum.digest(buffer.readOnly) == place.digest else {
      throw .corrupt(at: UInt64(place.block.offset), expected: "the checkpoint")
    }
    let checkpoint = try Checkpoint(
      decoding: buffer.readOnly, at: place.block, identity: superblock.identity)
    var known = watermark
    var links = try chain(from: checkpoint, superblock, known: &known)
    let lastKnown = links.lastIndex { $0.barrier.sequence <= known }.map { $0 + 1 } ?? 0
    if believesWatermark { links.removeSubrange(lastKnown...) }
    return try replay(links, provenUpTo: lastKnown, on: checkpoint, superblock)
  }

  /// Reads barriers from the checkpoint on, up to the first that is not what it should be.
  private func chain(
    from checkpoint: Checkpoint, _ superblock: Superblock, known: inout UInt64
  ) throws(ContainerError) -> [Link] {
    var links: [Link] = []
    var sequence = checkpoint.barrier + 1
    var block = checkpoint.nextBarrier
    var previous = checkpoint.barrierDigest
    var heads = HeadReader(medium: medium, source: source)
    while true {
      let epoch = superblock.epochs.last { $0.firstBarrier <= sequence }
      if let epoch, epoch.firstBarrier == sequence { block = epoch.start }
      let link: Link
      do throws(ContainerError) {
        link = try read(block, &heads, identity: superblock.identity) {
          barrier throws(ContainerError) in
          guard barrier.sequence == sequence, barrier.previous == previous,
            barrier.epoch == epoch?.number
          else {
            throw .corrupt(at: UInt64(block.offset), expected: "barrier \(sequence)")
          }
        }
      } catch  where error.code == .corrupt {
        if sequence <= known { throw error }
        return links
      }
      known = max(known, link.barrier.watermark)
      links.append(link)
      sequence += 1
      block = link.barrier.next
      previous = link.digest
    }
  }

  /// `check` sees the head before its body is read: an old barrier may lie where the next one goes.
  private func read(
    _ block: Block, _ heads: inout HeadReader, identity: Digest,
    _ check: (Barrier) throws(ContainerError) -> Void
  ) throws(ContainerError) -> Link {
    let head = try heads.head(at: block)
    var reader = ByteReader(head, of: "barrier", at: UInt64(block.offset))
    let barrier = try Barrier(
      decoding: &reader, head, at: block, identity: identity,
      unchecked: canary == .barrierUnchecked)
    try check(barrier)
    let digest = Checksum.digest(head)
    guard let outside = barrier.outside else {
      let origin = reader.offset
      var body = ByteReader(try reader.take(barrier.bodyBytes), of: "barrier", at: origin)
      let changes = try Change.decode(&body)
      try body.finish()
      try reader.zeros(reader.remaining)
      return Link(barrier: barrier, digest: digest, changes: changes)
    }
    try reader.zeros(reader.remaining)
    guard outside.block.offset + barrier.bodyBytes <= medium.device.byteCount else {
      throw .corrupt(at: UInt64(block.offset), expected: "a body within the store")
    }
    let buffer = try medium.blocks(
      Block.count(holding: barrier.bodyBytes), at: outside.block, from: source)
    let bytes = UnsafeRawBufferPointer(rebasing: buffer.readOnly[..<barrier.bodyBytes])
    guard Checksum.digest(bytes) == outside.digest else {
      throw .corrupt(at: UInt64(outside.block.offset), expected: "a barrier's body")
    }
    var body = ByteReader(bytes, of: "barrier body", at: UInt64(outside.block.offset))
    let changes = try Change.decode(&body)
    try body.finish()
    return Link(barrier: barrier, digest: digest, changes: changes)
  }
}

/// Reads the heads of the chain, and what lies behind one with it once the chain turns out to
/// go on nearby: after an unclean end a chain of small points is then read in a few requests.
private struct HeadReader {
  let medium: Medium
  let source: ReadSource
  private var window = PageBuffer(byteCount: 0)
  private var start = Block(0)
  private var count = 0

  /// 128 KiB: with O_DIRECT about twice the time of one block.
  private static let windowBlocks = 32

  init(medium: Medium, source: ReadSource) {
    self.medium = medium
    self.source = source
  }

  /// The bytes stay until the next call.
  mutating func head(at block: Block) throws(ContainerError) -> UnsafeRawBufferPointer {
    if block < start || block >= start + count {
      let isNear = count > 0 && block >= start && block < start + 2 * HeadReader.windowBlocks
      let inStore = (medium.device.byteCount - block.offset) / Block.byteCount
      count = isNear ? max(1, min(HeadReader.windowBlocks, inStore)) : 1
      start = block
      window = try medium.blocks(count, at: block, from: source)
    }
    let offset = block.offset - start.offset
    return UnsafeRawBufferPointer(rebasing: window.readOnly[offset..<offset + Block.byteCount])
  }
}
