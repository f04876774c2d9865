// Tracking by page protection; see softpm_fault.h for what holds of it.

import CSoftPMFault
import SoftPMBase

/// Sees writes by write-protecting memory and handling the fault of the first write to a granule.
///
/// Works on every kernel. A first write costs 5 to 7 µs, and system calls that write into protected
/// memory fail with EFAULT (see `prepareForSystemCall`).
package final class SignalTracker: WatchingTracker, @unchecked Sendable {
  package let watches = WatchList(softpm_table_signal)
  package var collected = TrackerStatistics()
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
    try reserve(range, unit: granule, granule: granule)
  }

  package func collectLocked(into dirty: DirtySet) throws(ContainerError) {
    try watches.eachWatch { (watch) throws(ContainerError) in
      let result = softpm_watch_take(watch, &dirty.storage)
      guard result == 0 else {
        softpm_watches_give_back(watches.first, &dirty.storage)
        throw .system(-result, doing: "Listing the written pages")
      }
      softpm_fault_guard(watch, &dirty.storage)
    }
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
