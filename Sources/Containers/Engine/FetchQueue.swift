import CSoftPMHeap

/// Members that are scanned soon, and are being fetched from memory meanwhile: an object that a
/// scan has just found lies anywhere.
///
/// First in, first out, and so short that what was fetched is there still.
final class FetchQueue {
  private static let capacity = 8

  private let members = UnsafeMutablePointer<MemberID>.allocate(capacity: capacity)
  @exclusivity(unchecked) private var first = 0
  @exclusivity(unchecked) private var count = 0

  deinit {
    members.deallocate()
  }

  @inline(__always)
  var isFull: Bool { count == Self.capacity }

  @inline(__always)
  func append(_ member: MemberID, at target: UnsafeRawPointer) {
    softpm_prefetch(target)
    softpm_prefetch(target + 64)
    members[(first + count) & (Self.capacity - 1)] = member
    count += 1
  }

  @inline(__always)
  func popFirst() -> MemberID? {
    if count == 0 { return nil }
    let member = members[first]
    first = (first + 1) & (Self.capacity - 1)
    count -= 1
    return member
  }
}
