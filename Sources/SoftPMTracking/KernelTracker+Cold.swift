// Keeping cold memory in huge pages, so that a scan costs what is warm.
//
// 1. A scan looks at one entry per huge page, and at 512 per block of 2 MiB in small pages.
// 2. The first write to an armed huge page splits it: what is warm is in small pages, and reported
//    by the small page. So the page tables themselves are a tracker of two levels.
// 3. A block that has cooled is made whole again by `gatherCold`: disarmed, collapsed
//    (MADV_COLLAPSE refuses pages that carry the write-protect bit), armed. What is written to a
//    block between the first and the last step is not seen, hence the condition on its callers.
// 4. A block with a page that was never filled or was given back does not collapse: the kernel
//    keeps the hole, and we keep our hands off it until it is written again.

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
    return watches.locked {
      var gathered = 0
      watches.eachWatch { watch in
        // Somebody else's writes to a shared region are under a lock of its own.
        guard watch.pointee.block_stamps != nil, watch.pointee.next_in_region == nil,
          watch.pointee.region.pointee.watches == watch
        else { return }
        gathered += gather(watch, atMost: most - gathered, unwrittenFor: collections)
      }
      collected.gatheredBlocks += gathered
      return gathered
    }
  }

  private func gather(
    _ watch: WatchList.Watch, atMost most: Int, unwrittenFor collections: Int
  ) -> Int {
    let count = watch.pointee.block_count
    let stamps = watch.pointee.block_stamps!
    let now = UInt32(truncatingIfNeeded: collected.collections) & ~(1 << 31)
    var gathered = 0
    var examined = 0
    while gathered < most, examined < min(count, Self.examinedMost) {
      if nextBlock >= count { nextBlock = 0 }
      let block = nextBlock
      nextBlock += 1
      examined += 1
      let stamp = stamps[block]
      guard stamp != 0, Int((now &- stamp) & ~(1 << 31)) >= collections else { continue }
      stamps[block] = 0
      if collapse(block, of: watch) { gathered += 1 }
    }
    return gathered
  }

  /// A call looks at so many blocks, 8 GiB of memory, and goes on from there the next time.
  private static let examinedMost = 4_096

  private func collapse(_ block: Int, of watch: WatchList.Watch) -> Bool {
    let size = 1 << softpm_block_shift
    let origin = watch.pointee.region.pointee.start >> UInt(softpm_block_shift)
    let start = (origin + UInt(block)) << UInt(softpm_block_shift)
    guard softpm_watch_covers(watch, start, start + UInt(size)) else { return false }
    // Pages written since the collection are known only by the bit that is about to go.
    guard !isWritten(start, byteCount: size) else { return false }
    guard softpm_userfaultfd_protect(kernel.userfaultfd, start, size, 0) == 0 else { return false }
    let result = softpm_collapse_huge_pages(start, size)
    if softpm_userfaultfd_protect(kernel.userfaultfd, start, size, 1) != 0 {
      // Not armed, so the next scan finds it written: too much is reported, not too little.
      return false
    }
    return result == 0
  }

  private func isWritten(_ start: UInt, byteCount: Int) -> Bool {
    let result = softpm_pagemap_peek(
      kernel.pagemap, start, start + UInt(byteCount), kernel.buffer, 1)
    return result.regions != 0
  }
}
