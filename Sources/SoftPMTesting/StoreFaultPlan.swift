import SoftPMBase

/// Which operation of a device fails, how, and whether the device recovers from it.
package struct StoreFaultPlan: Sendable {
  package enum Kind: String, CaseIterable, Sendable {
    /// EIO: nothing of the write is made.
    case inputOutput
    /// ENOSPC: nothing of the write is made.
    case noSpace
    /// Half of the write is made, then an error.
    case short
    /// The flush fails; where the operation is a write, the next flush does.
    case flush
  }

  package var kind: Kind
  /// Counted from 0 over writes and flushes.
  package var at: Int
  package var forEver: Bool
  package private(set) var operations = 0
  private var hasFired = false

  package init(_ kind: Kind, at operation: Int, forEver: Bool) {
    self.kind = kind
    at = operation
    self.forEver = forEver
  }

  package struct Fault {
    let kind: Kind

    var error: ContainerError {
      kind == .noSpace
        ? ContainerError(code: .noSpace, message: "No space left (injected).")
        : ContainerError(code: .io, message: "Input/output error (injected).")
    }

    func bytesKept(of count: Int) -> Int { kind == .short ? count / 2 : 0 }
  }

  mutating func nextOperation(isFlush: Bool) -> Fault? {
    defer { operations += 1 }
    guard operations >= at, forEver || !hasFired else { return nil }
    if kind == .flush, !isFlush { return nil }
    hasFired = true
    return Fault(kind: kind)
  }
}
