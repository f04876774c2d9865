// The oracle: everything watched counts as written at every collection.

import CSoftPMFault
import SoftPMBase

/// Sees nothing and reports everything.
///
/// It cannot miss a write, so what is stored under another tracker must equal what is stored under
/// this one.
package final class EverythingDirtyTracker: WatchingTracker, @unchecked Sendable {
  package let watches = WatchList(softpm_table_plain)
  package var collected = TrackerStatistics()

  package init() throws(ContainerError) {
    try requireSameProcess()
  }

  deinit {
    stop()
  }

  package var kind: TrackerKind { .everythingDirty }
  package var explanation: String { "everything counts as written (asked for)" }

  package func reserve(_ range: AddressRange, granule: ByteCount) throws(ContainerError) {
    try reserve(range, unit: granule, granule: granule)
  }

  package func collectLocked(into dirty: DirtySet) throws(ContainerError) {
    try watches.eachWatch { (watch) throws(ContainerError) in
      let result = softpm_watch_list(watch, &dirty.storage)
      guard result == 0 else {
        dirty.removeAll()
        throw .system(-result, doing: "Listing the watched pages")
      }
    }
  }

  package func mark(_ range: AddressRange) {}
  package func markForEveryTracker(_ range: AddressRange) {}
}
