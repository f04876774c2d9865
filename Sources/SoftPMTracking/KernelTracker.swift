// Tracking by the kernel: userfaultfd write-protection in asynchronous mode, and PAGEMAP_SCAN.
//
// 1. A page is *armed* when its page-table entry carries the write-protect bit; the first write
//    clears the bit, in the kernel, without a signal. A page without the bit counts as written, so
//    memory that was never armed, or was given back and filled again, counts as written for nothing.
// 2. A scan reports the written pages of a range and arms them, page table by page table under that
//    table's lock: no write falls between the two.
// 3. The bit is the page's, not the tracker's. What a scan finds goes into `pending` of every watch
//    on the region, and a collection reports its own watch's `pending`.
// 4. Only watched pages are scanned, so pages of the nursery that nobody watches stay unarmed and
//    cost nothing. Watched pages a few pages apart are scanned in one call, and what lies between
//    is armed with them.
// 5. A range is registered as a whole: registering pieces would split its mapping.

import CSoftPMFault
import CSoftPMLinux
import SoftPMBase
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Sees writes through the kernel's asynchronous write-protection (Linux 6.7), page by page.
///
/// A first write costs 0.8 µs, system calls may write into watched memory, mappings are never
/// split, and no privilege is needed.
package final class KernelTracker: WatchingTracker, @unchecked Sendable {
  let kernel: KernelInterface
  package let watches = WatchList(softpm_table_kernel)
  package var collected = TrackerStatistics()
  /// Where the search for cold blocks goes on; under the table's lock.
  var nextBlock = 0
  /// By where a region starts; under the table's lock.
  var hot: [UInt: HotPages] = [:]
  /// Held while a block is at work; before the table's lock.
  let gathering = Mutex(())

  private let leavesHotPages: Bool

  /// If it `leavesHotPages`, pages that are written between any two collections are mostly
  /// reported without being armed (`HotPages`). To measure the mechanism itself, that is turned off.
  package init(leavesHotPages: Bool = true) throws(ContainerError) {
    self.leavesHotPages = leavesHotPages
    try requireSameProcess()
    switch KernelInterface.probed {
    case .success(let kernel):
      self.kernel = kernel
    case .failure(let unavailable):
      throw ContainerError(
        code: .unsupportedPlatform,
        message: "The kernel's write tracking cannot be used: \(unavailable.reason). "
          + "Choose automatic or signal tracking.")
    }
  }

  deinit {
    stop()
  }

  package var kind: TrackerKind { .kernel }

  package var explanation: String {
    "asynchronous write-protection by the kernel (userfaultfd and PAGEMAP_SCAN)"
  }

  package func reserve(_ range: AddressRange, granule: ByteCount) throws(ContainerError) {
    try reserve(range, unit: ByteCount(pageBytes), granule: granule) {
      () throws(ContainerError) in try register(range)
    }
  }

  private func register(_ range: AddressRange) throws(ContainerError) {
    let result = softpm_userfaultfd_register(kernel.userfaultfd, range.start, range.byteCount)
    guard result == 0 else {
      throw .system(-result, doing: "Registering \(range) for write tracking by the kernel")
    }
  }

  package func collectLocked(into dirty: DirtySet) throws(ContainerError) {
    do throws(ContainerError) {
      try watches.eachWatch { (watch) throws(ContainerError) in
        try scan(watch)
        let result = softpm_watch_take(watch, &dirty.storage)
        guard result == 0 else {
          throw .system(-result, doing: "Listing the written pages")
        }
      }
    } catch {
      softpm_watches_give_back(watches.first, &dirty.storage)
      throw error
    }
  }

  package func stop() {
    // In a fork the descriptor is the parent's: unregistering would end the parent's tracking. And
    // who gathered when it forked is not there to be waited for.
    let isOurs = !softpm_process_was_forked()
    if isOurs { gathering.withLock { _ in stop(isOurs: true) } } else { stop(isOurs: false) }
  }

  private func stop(isOurs: Bool) {
    softpm_table_lock(watches.table)
    watches.eachWatch { watch in
      let region = watch.pointee.region.pointee
      guard isOurs, region.users == 1 else { return }
      _ = softpm_userfaultfd_unregister(
        kernel.userfaultfd, region.start, Int(region.end - region.start))
    }
    watches.closeAll()
    softpm_table_unlock(watches.table)
  }
}

extension KernelTracker {
  /// The number of the collection that is being made, never 0.
  var stamp: UInt32 { UInt32(truncatingIfNeeded: collected.collections + 1) | 1 << 31 }

  /// Watched pages at most this far apart are scanned in one system call: a call costs as much as
  /// the walk over some hundred pages, and a page armed for nothing 0.8 µs when it is written.
  private static let gapPages = 16

  /// Puts what was written in the watched pages into `pending` of every watch on the region.
  private func scan(_ watch: WatchList.Watch) throws(ContainerError) {
    reportBlockAtWork(in: watch.pointee.region)
    let region = watch.pointee.region.pointee
    // What several watch is armed and reported for all of them.
    let isOurs = region.users == 1
    var hot = HotPages?.none
    if isOurs, leavesHotPages {
      hot = self.hot.removeValue(forKey: region.start) ?? HotPages(regionStart: region.start)
    }
    defer { self.hot[region.start] = hot }
    var from = 0
    var to = 0
    while softpm_watch_span(watch, to, Self.gapPages, &from, &to) {
      let span = AddressRange(
        start: region.start + UInt(from) << UInt(region.shift),
        end: min(region.start + UInt(to) << UInt(region.shift), region.end))
      if var known = hot, known.left > 0 {
        defer { hot = known }
        try scanLeavingHot(span, of: watch.pointee.region, &known)
      } else {
        try scan(span, of: watch.pointee.region, &hot)
      }
    }
    hot?.endCollection()
  }

  /// Reports what was written in a span, and arms it.
  func scan(
    _ span: AddressRange, of region: UnsafeMutablePointer<softpm_region>, _ hot: inout HotPages?
  ) throws(ContainerError) {
    var position = span.start
    var mayRegister = true
    while position < span.end {
      let result = softpm_pagemap_collect(
        kernel.pagemap, position, span.end, kernel.buffer, KernelInterface.bufferCapacity)
      collected.scans += 1
      if result.regions < 0 {
        // Somebody mapped the memory anew, which loses its registration. What is registered now
        // was never armed, so the scan that follows reports all of it.
        guard mayRegister, -result.regions == Int64(EPERM) else {
          softpm_region_mark(region, position, span.end)
          throw .system(Int32(-result.regions), doing: "Looking for written pages in \(span)")
        }
        mayRegister = false
        try register(span)
        continue
      }
      for index in 0..<Int(result.regions) {
        let found = kernel.buffer[index]
        softpm_region_mark(region, UInt(found.start), UInt(found.end))
        softpm_region_stamp(region, UInt(found.start), UInt(found.end), stamp)
        hot?.note(UInt(found.start), UInt(found.end))
      }
      let reached = UInt(result.walked_to)
      guard reached > position else {
        softpm_region_mark(region, position, span.end)
        return
      }
      position = reached
    }
  }
}
