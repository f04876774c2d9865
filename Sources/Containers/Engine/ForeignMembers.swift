import SoftPMHeap

/// The members that lie outside the container's arena, by where they lie.
///
/// Those of the nursery are found by the page that was written; for all others nobody tells of
/// writes, so they are looked at in each point.
final class ForeignMembers {
  /// Home by page of the nursery; on each page that a cell of theirs touches.
  @exclusivity(unchecked) private var byPage: [UInt: [MemberID]] = [:]
  @exclusivity(unchecked) private(set) var untracked: Set<MemberID> = []
  @exclusivity(unchecked) private(set) var count = 0
  /// Pages that hold members since the tracker was last told.
  private(set) var newPages: [UInt] = []

  static let pageShift: UInt = 12

  func add(_ member: MemberID, at address: UInt, byteCount: Int, isImmutable: Bool) {
    count += 1
    if isImmutable { return }
    guard Heap.nurseryRange.contains(address) else {
      untracked.insert(member)
      return
    }
    for page in Self.pages(address, byteCount) {
      if byPage[page, default: []].isEmpty { newPages.append(page) }
      byPage[page, default: []].append(member)
    }
  }

  func remove(_ member: MemberID, at address: UInt, byteCount: Int) {
    count -= 1
    if untracked.remove(member) != nil { return }
    for page in Self.pages(address, byteCount) {
      byPage[page]?.removeAll { $0 == member }
      if byPage[page]?.isEmpty ?? false { byPage[page] = nil }
    }
  }

  func onPage(_ page: UInt) -> [MemberID] { byPage[page] ?? [] }
  func isUsed(_ page: UInt) -> Bool { byPage[page] != nil }

  func takeNewPages() -> [UInt] {
    defer { newPages.removeAll() }
    return newPages
  }

  private static func pages(_ address: UInt, _ byteCount: Int) -> ClosedRange<UInt> {
    address >> pageShift...(address + UInt(max(byteCount, 1)) - 1) >> pageShift
  }
}
