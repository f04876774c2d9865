// What the three trackers share: watches in the table of their kind, and how they are changed.

import CSoftPMFault
import SoftPMBase

/// A tracker whose books are a list of watches; how it sees writes is its own.
package protocol WatchingTracker: WriteTracker {
  /// Used under the lock of its table.
  var watches: WatchList { get }
  /// Changed under the same lock.
  var collected: TrackerStatistics { get set }
  /// Fills `dirty` from the watches, which are locked; puts back what it took where it throws.
  func collectLocked(into dirty: DirtySet) throws(ContainerError)
}

extension WatchingTracker {
  package func watch(_ range: AddressRange) throws(ContainerError) {
    try requireSameProcess()
    try watches.locked { () throws(ContainerError) in _ = try watches.add(range) }
  }

  package func unwatch(_ range: AddressRange) {
    watches.locked { watches.remove(range) }
  }

  package func collectAndRearm(into dirty: DirtySet) throws(ContainerError) {
    try requireSameProcess()
    dirty.removeAll()
    try watches.locked { () throws(ContainerError) in
      try collectLocked(into: dirty)
      collected.collections += 1
      collected.reportedBytes += dirty.byteCount
    }
  }

  package func mark(_ range: AddressRange) {
    watches.locked { watches.mark(range) }
  }

  package func markForEveryTracker(_ range: AddressRange) {
    watches.locked { watches.markForEveryTracker(range) }
  }

  /// Page protection costs by the mapping, and the oracle sees nothing: memory in huge pages gains
  /// something only where page tables are scanned.
  package func adviseCold(_ range: AddressRange) {}

  package func stop() {
    watches.locked { watches.closeAll() }
  }

  package var statistics: TrackerStatistics { watches.locked { collected } }

  /// Announces the range to the table, after `prepare`, which runs under its lock.
  func reserve(
    _ range: AddressRange, unit: ByteCount, granule: ByteCount,
    _ prepare: () throws(ContainerError) -> Void = {}
  ) throws(ContainerError) {
    try requireSameProcess()
    try requireAligned(range, granule: granule)
    softpm_table_lock(watches.table)
    defer { softpm_table_unlock(watches.table) }
    try prepare()
    try watches.open(range, granule: unit)
  }
}
