import CSoftPMHeap

/// A violated invariant: a mistake in the heap itself, or memory of its that somebody overwrote.
package struct HeapViolation: Error, CustomStringConvertible {
  package let description: String
}

extension Arena {
  /// Checks everything that can be known of the arena: states of cells, counts, lists and maps.
  ///
  /// Walks every chunk under the arena's lock; other threads may allocate and free meanwhile.
  package func checkInvariants() throws(HeapViolation) {
    guard let problem = softpm_range_check(range) else { return }
    throw HeapViolation(description: "In the arena at \(home): \(String(cString: problem)).")
  }
}

extension Heap {
  /// Checks the nursery in the same way.
  package static func checkNurseryInvariants() throws(HeapViolation) {
    guard let nursery = softpm_nursery_range(), let problem = softpm_range_check(nursery) else {
      return
    }
    throw HeapViolation(description: "In the nursery: \(String(cString: problem)).")
  }

  /// Whether this build fills freed cells, guards their ends, and traps on what it finds.
  package static var isChecking: Bool { softpm_heap_is_checking() }
}
