import CSoftPMFault

extension SignalTracker {
  /// Sets how many runs of write-protected memory the process may have, so that a test meets the
  /// limit with little memory; 0 sets the default. For the whole process.
  package static func setBudget(ofGuardedRuns runs: Int) {
    let table = softpm_table_of(softpm_table_signal)
    softpm_table_lock(table)
    softpm_fault_set_budget(runs)
    softpm_table_unlock(table)
  }
}
