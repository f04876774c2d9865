/// A growing list of members in memory of its own: what a scan gathers, and used again by the next.
struct MemberList: ~Copyable {
  private(set) var start = UnsafeMutablePointer<MemberID>.allocate(capacity: 64)
  private var capacity = 64
  private(set) var count = 0

  deinit {
    start.deallocate()
  }

  var buffer: UnsafeBufferPointer<MemberID> { UnsafeBufferPointer(start: start, count: count) }

  mutating func removeAll() { count = 0 }

  @inline(__always)
  mutating func append(_ member: MemberID) {
    if count == capacity { grow() }
    start[count] = member
    count += 1
  }

  @inline(__always)
  mutating func popLast() -> MemberID? {
    if count == 0 { return nil }
    count -= 1
    return start[count]
  }

  private mutating func grow() {
    let new = UnsafeMutablePointer<MemberID>.allocate(capacity: capacity * 2)
    new.update(from: start, count: count)
    start.deallocate()
    start = new
    capacity *= 2
  }
}
