// Where Swift's objects live: arenas at addresses that come back, entered by scopes.
//
// The allocator itself is C (CSoftPMHeap), because it runs inside malloc; this module is its face.

import CSoftPMHeap
import SoftPMBase

/// Whether this process allocates its Swift objects through us.
package enum HeapSupport {
  /// Throws `.unsupportedPlatform`, with what to do about it, unless the runtime's calls of
  /// `malloc` were seen to arrive here and are told from all others.
  package static func require() throws(ContainerError) {
    let name = softpm_heap_foreign_entry().map { String(cString: $0) }
    if let error = refusal(softpm_heap_support(), foreignEntry: name) { throw error }
  }

  /// What a program is told where the heap has found that it cannot serve; nil where it can.
  static func refusal(_ support: softpm_support, foreignEntry: String?) -> ContainerError? {
    let reason: String
    switch support {
    case softpm_support_full:
      return nil
    case softpm_support_other_platform:
      reason = "Containers need 64-bit Linux with glibc. Run the program there."
    case softpm_support_no_runtime:
      reason = "The Swift runtime has no `swift_slowAlloc`. Use Swift 6.3."
    case softpm_support_not_interposed:
      reason =
        "The process's `\(foreignEntry ?? "malloc")` is not this library's. Link the library into the executable "
        + "itself, not into a plug-in, and link no other replacement of malloc."
    case softpm_support_no_address_space:
      reason = "The process may not reserve address space. Raise its limit (`ulimit -v unlimited`)."
    default:
      reason = "This Swift runtime allocates objects in a way that is not known. Use Swift 6.3."
    }
    return ContainerError(code: .unsupportedPlatform, message: reason)
  }
}

/// Runs `body` with the calling thread's objects going to no arena; scopes nest.
package func withoutScopes<Result>(_ body: () throws -> Result) rethrows -> Result {
  let previous = softpm_scope_enter_outside()
  defer { softpm_scope_leave(previous) }
  return try body()
}

/// Questions about the heap as a whole.
package enum Heap {
  /// Where the objects of no arena lie, apart from those made before start-up; empty where the
  /// process could not reserve it, and objects are then where malloc puts them.
  package static var nurseryRange: Range<UInt> {
    guard let nursery = softpm_nursery_range() else { return 0..<0 }
    let base = softpm_range_base(nursery)
    return base..<base + UInt(softpm_range_bytes(nursery))
  }

  /// The allocated cell that `address` lies in, in whatever arena; nil where there is none.
  package static func cell(containing address: UInt) -> Arena.Cell? {
    var cell = softpm_cell()
    guard softpm_cell_find(address, &cell) else { return nil }
    return Arena.Cell(start: cell.start, byteCount: cell.bytes, isRaw: cell.is_raw)
  }

  /// A word that belongs to the cell starting at `start` and lies apart from it: for a member's
  /// mark, its in-degree, an index. Zero when the cell is allocated and zero again once it is
  /// freed, before its memory can be used again. Nil where there is no cell of ours, or no memory.
  ///
  /// The first call for an arena reserves address space of half its size; memory is used where
  /// words are written.
  package static func outOfLineWord(ofCellAt start: UInt) -> UnsafeMutablePointer<UInt64>? {
    softpm_cell_word(start)
  }

  /// What `Arena.beginQuarantine()` does, for the nursery: no cell freed from now on is used
  /// again until the quarantine ends. Every thread's frees take a lock meanwhile.
  package static func beginNurseryQuarantine() {
    guard let nursery = softpm_nursery_range() else { return }
    softpm_quarantine_begin(nursery)
  }

  package static func endNurseryQuarantine() {
    guard let nursery = softpm_nursery_range() else { return }
    softpm_quarantine_end(nursery)
  }
}
