import SoftPMBase

/// Who refers weakly, unowned or unmanaged to which address.
///
/// The image of such a reference depends on whether its target is a member, which can change while
/// the referring page stays clean. So whoever becomes a member, ceases to be one, or may be another
/// object than before, has the images of these made again.
///
/// Lists of referrers may name members that do not refer there any more, or are none: the harm is an
/// image made in vain. They are cleaned when half of them must be stale.
final class LooseReferences {
  private struct Entry {
    var address: UInt
    var references = 0
    var unowned = 0
    var referrers: [MemberID] = []
  }

  @exclusivity(unchecked) private var entries: [Entry] = []
  @exclusivity(unchecked) private var free: [Int] = []
  @exclusivity(unchecked) private var byAddress: [UInt: Int] = [:]
  /// Whether a member's list has an entry.
  @exclusivity(unchecked) var refers: (MemberID, Int) -> Bool = { _, _ in true }

  var isEmpty: Bool { byAddress.isEmpty }

  /// The tagged reference that stands for one from `member` to `address` in its list.
  func add(from member: MemberID, to address: UInt, isUnowned: Bool) -> MemberID {
    let entry: Int
    if let known = byAddress[address] {
      entry = known
    } else if let reused = free.popLast() {
      entry = reused
      entries[entry] = Entry(address: address)
      byAddress[address] = entry
    } else {
      entry = entries.count
      entries.append(Entry(address: address))
      byAddress[address] = entry
    }
    entries[entry].references += 1
    if isUnowned { entries[entry].unowned += 1 }
    if entries[entry].referrers.last != member { entries[entry].referrers.append(member) }
    if entries[entry].referrers.count > 2 * entries[entry].references + 8 { clean(entry) }
    return .loose(entry, isUnowned: isUnowned)
  }

  /// The last was added just now, and is not in its list yet.
  private func clean(_ entry: Int) {
    let last = entries[entry].referrers.removeLast()
    var kept = Set(entries[entry].referrers).filter { refers($0, entry) }
    kept.remove(last)
    entries[entry].referrers = Array(kept) + [last]
  }

  func remove(_ reference: MemberID) {
    let entry = reference.looseEntry
    entries[entry].references -= 1
    if reference.isUnowned { entries[entry].unowned -= 1 }
    guard entries[entry].references == 0 else { return }
    byAddress[entries[entry].address] = nil
    entries[entry] = Entry(address: 0)
    free.append(entry)
  }

  func address(of reference: MemberID) -> UInt { entries[reference.looseEntry].address }

  /// Unowned references from members to what lies at an address.
  func unownedCount(to address: UInt) -> Int {
    byAddress.isEmpty ? 0 : byAddress[address].map { entries[$0].unowned } ?? 0
  }

  func referrers(to address: UInt) -> [MemberID] {
    byAddress.isEmpty ? [] : byAddress[address].map { entries[$0].referrers } ?? []
  }
}
