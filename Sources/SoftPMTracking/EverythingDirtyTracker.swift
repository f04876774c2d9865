// The oracle: everything watched counts as written at every collection.

import CSoftPMFault
import SoftPMBase

/// Sees nothing and reports everything.
///
/// It cannot miss a write, so what is stored under another tracker must equal what is stored under
/// this one.
package final class EverythingDirtyTracker: WriteTracker, @unchecked Sendable {
  private var watches = WatchList(softpm_table_plain)
  private var collected = TrackerStatistics()

  package init() throws(ContainerError) {
    try requireSameProcess()
  }

  deinit {
    stop()
  }

  package var kind: TrackerKind { .everythingDirty }
  package var explanation: String { "everything counts as written (asked for)" }

  package func reserve(_ range: AddressRange, granule: ByteCount) throws(ContainerError) {
    try requireSameProcess()
    try requireAligned(range, granule: granule)
    softpm_table_lock(watches.table)
    defer { softpm_table_unlock(watches.table) }
    try watches.open(range, granule: granule)
  }

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
      try watches.eachWatch { (watch) throws(ContainerError) in
        let result = softpm_watch_list(watch, &dirty.storage)
        guard result == 0 else {
          dirty.removeAll()
          throw .system(-result, doing: "Listing the watched pages")
        }
      }
      collected.collections += 1
      collected.reportedBytes += dirty.byteCount
    }
  }

  package func mark(_ range: AddressRange) {}
  package func markForEveryTracker(_ range: AddressRange) {}
  package func adviseCold(_ range: AddressRange) {}

  package func stop() {
    softpm_table_lock(watches.table)
    watches.closeAll()
    softpm_table_unlock(watches.table)
  }

  package var statistics: TrackerStatistics {
    watches.locked { collected }
  }
}
