import SoftPMBase
import SoftPMHeap

/// Whether there is anything at an address that a member refers to.
///
/// There always is, but in the middle of an accessor: code that is not optimised changes a
/// dictionary's value in place with nothing to show for it, and what the entry's bytes refer to
/// meanwhile may have been freed. To read that would be to believe in bytes of nobody.
enum MemberMemory {
  /// False for a freed cell of the arena or of the nursery; true for memory that others look after.
  @inline(__always)
  static func isAllocated(_ address: UInt, _ arena: Arena?) -> Bool {
    guard arena?.contains(address) ?? false || Heap.nurseryRange.contains(address) else {
      return true
    }
    return Heap.cell(containing: address) != nil
  }
}
