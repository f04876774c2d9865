// Keeping cold memory in huge pages, so that a scan costs what is warm.
//
// 1. A scan looks at one entry per huge page, and at 512 per block of 2 MiB in small pages.
// 2. The first write to an armed huge page splits it: what is warm is in small pages, and reported
//    by the small page. So the page tables themselves are a tracker of two levels.
// 3. A block that has cooled is made whole again by `gatherCold`: disarmed, collapsed
//    (MADV_COLLAPSE refuses pages that carry the write-protect bit), armed. What is written between
//    the first and the last step leaves no trace in the page tables; it is found by the block's
//    digest, taken before and after. So it may go on beside writers, without anybody's lock.
// 4. A collection that comes between the two digests reports the whole block and stamps it, and so
//    does the gathering when it ends: the digests say nothing of what came before that collection.
// 5. A block with a page that was never filled or was given back does not collapse: the kernel
//    keeps the hole, and we keep our hands off it until it is written again.
// 6. `stop` waits for a block at work: its memory stays mapped until then.

import CSoftPMFault
import CSoftPMLinux
import SoftPMBase

extension KernelTracker {
  /// Asks for huge pages, whose scan costs a tenth or less.
  package func adviseCold(_ range: AddressRange) {
    watches.locked {
      guard let watch = watches.watch(holding: range) else { return }
      _ = softpm_watch_keep_stamps(watch)
    }
    _ = softpm_advise_huge_pages(range.start, range.byteCount)
  }

  package func gatherCold(atMost most: Int, unwrittenFor collections: Int) -> Int {
    guard !softpm_process_was_forked() else { return 0 }
    var gathered = 0
    var examined = 0
    while gathered < most, examined < Self.examinedMost {
      let isDone = gathering.withLock { _ in
        guard let cold = nextColdBlock(unwrittenFor: collections, &examined) else { return true }
        if collapse(cold) { gathered += 1 }
        return false
      }
      if isDone { break }
    }
    watches.locked { collected.gatheredBlocks += gathered }
    return gathered
  }

  /// A call looks at so many blocks, 8 GiB of memory, and goes on from there the next time.
  private static let examinedMost = 4_096

  /// The next block that was not written for so long and is watched as a whole, announced as the
  /// one at work.
  private func nextColdBlock(
    unwrittenFor collections: Int, _ examined: inout Int
  ) -> ColdBlock? {
    watches.locked {
      var found: ColdBlock?
      watches.eachWatch { watch in
        // Somebody else's collections of a shared region keep stamps of their own.
        guard found == nil, let stamps = watch.pointee.block_stamps,
          watch.pointee.next_in_region == nil, watch.pointee.region.pointee.watches == watch
        else { return }
        let count = watch.pointee.block_count
        let now = UInt32(truncatingIfNeeded: collected.collections) & ~(1 << 31)
        var looked = 0
        while found == nil, looked < count, examined < Self.examinedMost {
          if nextBlock >= count { nextBlock = 0 }
          let block = nextBlock
          nextBlock += 1
          looked += 1
          examined += 1
          let stamp = stamps[block]
          guard stamp != 0, Int((now &- stamp) & ~(1 << 31)) >= collections else { continue }
          stamps[block] = 0
          found = announce(block, of: watch)
        }
      }
      return found
    }
  }

  /// A block at work. Its region stays: this tracker watches it until `stop`, which waits.
  private struct ColdBlock {
    let region: UnsafeMutablePointer<softpm_region>
    let start: UInt
    /// The region's collections when it was announced.
    let collections: UInt64
  }

  /// Nil where not all of the block is watched.
  private func announce(_ block: Int, of watch: WatchList.Watch) -> ColdBlock? {
    guard let region = watch.pointee.region else { return nil }
    let origin = region.pointee.start >> UInt(softpm_block_shift)
    let start = (origin + UInt(block)) << UInt(softpm_block_shift)
    guard softpm_watch_covers(watch, start, start + UInt(Self.blockBytes)) else { return nil }
    region.pointee.block_at_work = start
    return ColdBlock(region: region, start: start, collections: region.pointee.collections)
  }

  private static let blockBytes = 1 << softpm_block_shift

  private func collapse(_ block: ColdBlock) -> Bool {
    let start = block.start
    let size = Self.blockBytes
    let before = digest(blockAt: start)
    // What was written before that digest shows here, and is left to the next collection.
    let isCold = !isWritten(start)
    var isWhole = false
    if isCold, softpm_userfaultfd_protect(kernel.userfaultfd, start, size, 0) == 0 {
      isWhole = softpm_collapse_huge_pages(start, size) == 0
      // Where arming fails the next scan finds the block written: too much, not too little.
      isWhole = softpm_userfaultfd_protect(kernel.userfaultfd, start, size, 1) == 0 && isWhole
    }
    let isUnchanged = !isCold || digest(blockAt: start) == before
    return watches.locked {
      block.region.pointee.block_at_work = 0
      if !isUnchanged || block.region.pointee.collections != block.collections {
        softpm_region_mark(block.region, start, start + UInt(size))
      }
      return isWhole
    }
  }

  /// Reads past what the compiler knows: others may write meanwhile.
  private func digest(blockAt start: UInt) -> Digest {
    Checksum.digest(
      UnsafeRawBufferPointer(
        start: UnsafeRawPointer(bitPattern: start), count: Self.blockBytes))
  }

  /// Table locked, at the beginning of a watch's collection.
  func reportBlockAtWork(in region: UnsafeMutablePointer<softpm_region>) {
    region.pointee.collections += 1
    let start = region.pointee.block_at_work
    if start != 0 { softpm_region_mark(region, start, start + UInt(Self.blockBytes)) }
  }

  private func isWritten(_ start: UInt) -> Bool {
    var region = softpm_page_region()
    let result = softpm_pagemap_peek(
      kernel.pagemap, start, start + UInt(Self.blockBytes), &region, 1)
    return result.regions != 0
  }
}
