import CSoftPMHeap
import SoftPMBase

extension Arena {
  /// One allocation's place.
  package struct Cell: Hashable, Sendable {
    package var start: UInt
    package var byteCount: Int
    /// Whether it came by the aligned path, or is a home for bytes without an object's header.
    package var isRaw: Bool

    package init(start: UInt, byteCount: Int, isRaw: Bool) {
      self.start = start
      self.byteCount = byteCount
      self.isRaw = isRaw
    }
  }

  /// The allocated cell of this arena that `address` lies in; nil where there is none.
  ///
  /// Takes no lock, so it is exact for an address whose cell nobody frees meanwhile.
  package func cell(containing address: UInt) -> Cell? {
    contains(address) ? Heap.cell(containing: address) : nil
  }

  /// Takes a cell that nobody allocated: the home of a foreign member's image.
  ///
  /// Its memory is neither written nor read here.
  package func reserveCell(byteCount: Int, isRaw: Bool) throws(ContainerError) -> UInt {
    precondition(byteCount > 0, "a cell has at least one byte")
    var result = softpm_ok
    let start = softpm_cell_reserve(range, byteCount, isRaw, &result)
    guard start != 0 else { throw failure(result) }
    return start
  }

  /// Gives back a cell, whoever allocated it.
  package func releaseCell(_ start: UInt) {
    precondition(contains(start), "the cell is another arena's")
    softpm_cell_release(start)
  }

  /// Cells freed from now on keep their place, unused, until `endQuarantine()`; calls nest.
  package func beginQuarantine() {
    softpm_quarantine_begin(range)
  }

  package func endQuarantine() {
    softpm_quarantine_end(range)
  }

  func failure(_ result: softpm_result) -> ContainerError {
    if result == softpm_closed {
      return ContainerError(
        code: .closed, message: "The container has been closed. Open it again.")
    }
    return ContainerError(
      code: .addressSpaceExhausted,
      message: "The container's address space of \(addressSpace) is used up. Make a container "
        + "with a larger one and move the root to it, or delete objects.")
  }
}
