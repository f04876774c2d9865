// Tracking by page protection; see softpm_fault.h for what holds of it.

import CSoftPMFault
import SoftPMBase

/// Sees writes by write-protecting memory and handling the fault of the first write to a granule.
///
/// Works on every kernel. A first write costs 5 to 7 µs, and system calls that write into protected
/// memory fail with EFAULT (see `prepareForSystemCall`).
package final class SignalTracker: WriteTracker, @unchecked Sendable {
  private var watches = WatchList(softpm_table_signal)
  private var collected = TrackerStatistics()
  private let reason: String

  package convenience init() throws(ContainerError) {
    try self.init(because: "asked for")
  }

  /// `reason` says why this way was chosen.
  init(because reason: String) throws(ContainerError) {
    try requireSameProcess()
    self.reason = reason
    let result = softpm_fault_install()
    guard result == 0 else {
      throw .system(-result, doing: "Installing the handler of write faults")
    }
  }

  deinit {
    stop()
  }

  package var kind: TrackerKind { .signal }

  package var explanation: String {
    let dispatcher = String(cString: softpm_fault_dispatcher())
    return "page protection and write faults, through \(dispatcher) (\(reason))"
  }

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
        let result = softpm_watch_take(watch, &dirty.storage)
        guard result == 0 else {
          softpm_watches_give_back(watches.first, &dirty.storage)
          throw .system(-result, doing: "Listing the written pages")
        }
        softpm_fault_guard(watch, &dirty.storage)
      }
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

  /// Protection costs by the mapping, not by the page: memory in huge pages gains nothing here.
  package func adviseCold(_ range: AddressRange) {}

  package func stop() {
    softpm_table_lock(watches.table)
    watches.closeAll()
    softpm_table_unlock(watches.table)
  }

  package var statistics: TrackerStatistics {
    watches.locked {
      var result = collected
      watches.eachWatch { result.faults += Int($0.pointee.faults) }
      let figures = softpm_fault_figures_now()
      result.coarsenedFaults = Int(figures.coarsened)
      result.refusedGranules = Int(figures.refused)
      result.guardedRuns = figures.guarded_runs
      result.guardedRunsMost = figures.budget
      return result
    }
  }
}
