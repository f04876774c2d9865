// The rules of order, checked on every write as it is submitted: they find a bug of ordering
// without any crash, on the run where it happens.
//
// 1. No protected block (one that a kept version needs) is overwritten.
// 2. A superblock is submitted only while nothing of the other slot is undurable, and only when
//    the checkpoint that it names is durable.
// 3. A watermark, in a superblock or a barrier, never exceeds the newest durable barrier.

import SoftPMBase
import SoftPMStore

struct StoreDiscipline {
  var protected: Set<UInt64> = []
  private(set) var violations: [String] = []
  /// Blocks written and not yet durable; after a failed flush for ever, until written again.
  private var undurable: Set<UInt64> = []
  private var doomed: Set<UInt64> = []
  private var pendingBarriers: [(sequence: UInt64, block: UInt64)] = []
  private var newestDurable: UInt64 = 0
  private let identity: Digest?

  init(_ content: [UInt8]) {
    identity = StoreDiscipline.superblock(content, slot: 0)?.identity
    for slot in 0..<2 {
      if let superblock = StoreDiscipline.superblock(content, slot: slot) {
        newestDurable = max(newestDurable, superblock.watermark)
      }
    }
  }

  private static func superblock(_ bytes: [UInt8], slot: Int) -> Superblock? {
    guard bytes.count >= (slot + 1) * Block.byteCount else { return nil }
    return bytes.withUnsafeBytes { raw in
      let block = raw[slot * Block.byteCount..<(slot + 1) * Block.byteCount]
      if case .valid(let superblock) = Superblock.slot(
        UnsafeRawBufferPointer(rebasing: block), number: slot)
      {
        return superblock
      }
      return nil
    }
  }

  mutating func submitted(_ bytes: [UInt8], at offset: Int) {
    let first = UInt64(offset / Block.byteCount)
    let blocks = first..<first + UInt64((bytes.count + Block.byteCount - 1) / Block.byteCount)
    for block in blocks where protected.contains(block) {
      violations.append("block \(block), which a kept version needs, is overwritten")
    }
    if first < 2, bytes.count == Block.byteCount { superblockSubmitted(bytes, slot: first) }
    // A short write of a barrier may be all of it that is not zero.
    let padding = [UInt8](repeating: 0, count: max(0, Block.byteCount - bytes.count))
    if !bytes.isEmpty { barrierSubmitted(bytes + padding, at: Block(first)) }
    undurable.formUnion(blocks)
    doomed.subtract(blocks)
  }

  private mutating func superblockSubmitted(_ bytes: [UInt8], slot: UInt64) {
    if undurable.contains(1 - slot) || doomed.contains(1 - slot) {
      violations.append("superblock \(slot) is written while the other one is not durable")
    }
    let place = [UInt8](repeating: 0, count: Int(slot) * Block.byteCount) + bytes
    guard let superblock = StoreDiscipline.superblock(place, slot: Int(slot)) else { return }
    let checkpoint = superblock.checkpoint.block.rawValue
    if undurable.contains(checkpoint) || doomed.contains(checkpoint) {
      violations.append("superblock \(slot) names a checkpoint that is not durable")
    }
    if superblock.watermark > newestDurable {
      violations.append("superblock \(slot) says that barrier \(superblock.watermark) is durable")
    }
  }

  private func barrier(_ bytes: [UInt8], at block: Block) -> Barrier? {
    guard let identity, bytes.prefix(8).elementsEqual("SPMbarri".utf8) else { return nil }
    return bytes.withUnsafeBytes { raw -> Barrier? in
      let head = UnsafeRawBufferPointer(rebasing: raw[..<Block.byteCount])
      var reader = ByteReader(head, of: "barrier")
      return try? Barrier(decoding: &reader, head, at: block, identity: identity)
    }
  }

  private mutating func barrierSubmitted(_ bytes: [UInt8], at block: Block) {
    guard let barrier = barrier(bytes, at: block) else { return }
    if barrier.watermark > newestDurable {
      violations.append(
        "barrier \(barrier.sequence) says that barrier \(barrier.watermark) is durable")
    }
    pendingBarriers.append((barrier.sequence, block.rawValue))
  }

  /// A new process knows only what it reads from the medium, and judges by that.
  mutating func reopened(_ medium: [UInt8]) {
    doomed = []
    for start in stride(from: 0, to: medium.count, by: Block.byteCount) {
      // A short write may have left half a block at the end; what is beyond reads as zero.
      let bytes = medium[start..<min(start + Block.byteCount, medium.count)]
      let padding = [UInt8](repeating: 0, count: Block.byteCount - bytes.count)
      note(bytes + padding, at: Block(UInt64(start / Block.byteCount)))
    }
  }

  /// A barrier that is on the medium becomes durable with the next flush.
  private mutating func note(_ bytes: [UInt8], at block: Block) {
    guard let barrier = barrier(bytes, at: block) else { return }
    pendingBarriers.append((barrier.sequence, block.rawValue))
  }

  mutating func flushed() {
    undurable = []
    newestDurable = max(newestDurable, pendingBarriers.map(\.sequence).max() ?? 0)
    pendingBarriers = []
  }

  /// What reached the medium all the same may be found there, and a later flush covers it.
  mutating func flushFailed(dropped: Set<UInt64>) {
    doomed.formUnion(undurable.intersection(dropped))
    undurable.subtract(dropped)
    pendingBarriers.removeAll { dropped.contains($0.block) }
  }
}
