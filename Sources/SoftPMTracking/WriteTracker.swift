// Which memory was written since one last looked.
//
// The promises that every tracker keeps:
//
// 1. A write that is complete before `collectAndRearm` is called is reported by that call or was by
//    an earlier one; a write that is not is reported by that call or by the next. So what is read
//    of the reported granules *after* the call returns is, together with what was read before, the
//    content of all watched memory.
// 2. What is newly watched counts as written.
// 3. Trackers that watch the same memory do not see each other: each is told of every write.
// 4. Nothing here allocates Swift objects after `init`, so all of it may be called in a container's
//    scope and under its lock.
// 5. Too much may be reported, never too little.

import CSoftPMFault
import SoftPMBase

/// Tells which granules of watched memory were written.
package protocol WriteTracker: AnyObject, Sendable {
  var kind: TrackerKind { get }
  /// One line: how writes are seen, and why in this way.
  var explanation: String { get }

  /// Announces memory of which parts will be watched: an arena's range, or the nursery's.
  ///
  /// The memory is private and anonymous, and stays mapped until `stop`; it may be given back with
  /// `MADV_DONTNEED` and used again. The same range may be reserved by several trackers, but two
  /// ranges never overlap otherwise. `granule` is the unit of page protection, where that is used:
  /// a multiple of the page size. The first to reserve a range decides on it.
  func reserve(_ range: AddressRange, granule: ByteCount) throws(ContainerError)

  /// Watches `range`, which lies in one reserved range, from now on. All of it counts as written.
  func watch(_ range: AddressRange) throws(ContainerError)

  /// Ends watching `range`.
  func unwatch(_ range: AddressRange)

  /// Fills `dirty` with what was written since the last call (see the promises above).
  ///
  /// When it throws, `dirty` is empty and nothing is lost: the next call reports it.
  func collectAndRearm(into dirty: DirtySet) throws(ContainerError)

  /// Counts `range` as written for this tracker alone: the chunks of a point that failed.
  func mark(_ range: AddressRange)

  /// Counts `range` as written for every tracker of this kind that watches it: what a device wrote
  /// that no page table saw.
  func markForEveryTracker(_ range: AddressRange)

  /// Advises that `range`, reserved and not filled yet, is about to be filled and then mostly left
  /// alone, as by a restore: a tracker may then ask for memory that is cheap to watch.
  func adviseCold(_ range: AddressRange)

  /// Brings up to `most` blocks of 2 MiB that were not written for so many collections back to
  /// memory that is cheap to watch; returns how many. Only what `adviseCold` named is thought of.
  ///
  /// Best called outside of all locks, such as while a point's images are made: a block takes some
  /// 0.7 ms, and writers, collections and other calls may go on meanwhile. A write that meets a
  /// block at work makes all of it count as written.
  func gatherCold(atMost most: Int, unwrittenFor collections: Int) -> Int

  /// Ends all watching. Calling it again does nothing.
  func stop()

  var statistics: TrackerStatistics { get }
}

extension WriteTracker {
  package func gatherCold(atMost most: Int, unwrittenFor collections: Int) -> Int { 0 }
}

/// The ways of seeing writes.
package enum TrackerKind: String, Sendable, CaseIterable {
  /// Asynchronous write-protection by the kernel: userfaultfd and PAGEMAP_SCAN.
  case kernel
  /// Page protection and a SIGSEGV handler.
  case signal
  /// Nothing is seen, so everything counts as written: the oracle of the tests.
  case everythingDirty
}

package struct TrackerStatistics: Sendable, Equatable {
  /// How often the tracker collected.
  package var collections = 0
  /// The bytes that its collections reported, in all.
  package var reportedBytes = 0
  /// Write faults that marked something for this tracker (`signal` only: the kernel does not say).
  package var faults = 0
  /// Write faults of the process that opened more than one granule, to save mappings.
  package var coarsenedFaults = 0
  /// Granules that the kernel would not protect again, so that they count as written.
  package var refusedGranules = 0
  /// Runs of write-protected memory in the process now, and the most that are allowed.
  package var guardedRuns = 0
  package var guardedRunsMost = 0
  /// System calls that looked for written pages (`kernel` only).
  package var scans = 0
  /// Blocks brought back to huge pages (`kernel` only).
  package var gatheredBlocks = 0

  package init() {}
}

/// Makes `buffer` ready to be written by a system call: the answer to EFAULT.
///
/// The `signal` tracker write-protects memory, and a system call that is told to write there fails
/// with EFAULT instead of causing a fault. This opens the buffer's granules and counts them as
/// written. It holds until the next persistence point, so call it, and make the system call, within
/// one `read` or `update`. Under the `kernel` tracker it is needed only for memory that a point in
/// flight has frozen.
package func prepareForSystemCall(_ buffer: UnsafeRawBufferPointer) {
  let table = softpm_table_of(softpm_table_signal)
  softpm_table_lock(table)
  let range = AddressRange(buffer)
  softpm_fault_open(range.start, range.end)
  softpm_table_unlock(table)
}
