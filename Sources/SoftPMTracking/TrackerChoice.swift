import SoftPMBase

/// Which tracker a container uses.
package enum TrackerChoice: Sendable, Equatable {
  /// The kernel's where it works, else page protection; `explanation` says why.
  case automatic
  case kernel
  case signal
  /// For tests: sees nothing and reports everything.
  case everythingDirty

  package func make() throws(ContainerError) -> any WriteTracker {
    switch self {
    case .automatic:
      switch KernelInterface.probed {
      case .success: try KernelTracker()
      case .failure(let unavailable): try SignalTracker(because: unavailable.reason)
      }
    case .kernel: try KernelTracker()
    case .signal: try SignalTracker()
    case .everythingDirty: try EverythingDirtyTracker()
    }
  }

  /// Why the kernel's tracker cannot be had here; nil where it can.
  package static var kernelRefusal: String? {
    switch KernelInterface.probed {
    case .success: nil
    case .failure(let unavailable): unavailable.reason
    }
  }

  /// One line on what `automatic` takes here, and why, for `softpm info`.
  package static var explanation: String {
    switch KernelInterface.probed {
    case .success: "kernel: userfaultfd and PAGEMAP_SCAN work here"
    case .failure(let unavailable): "signal: \(unavailable.reason)"
    }
  }
}
