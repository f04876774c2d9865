import SoftPMBase
import SoftPMTypes

// Members that lost the way to the root: dead, garbage in a circle, or held by somebody else.

extension Discovery {
  /// Decides on orphans that nobody certain was found to have come to refer to. Afterwards either
  /// none is left, or fewer, and more may be certain than before.
  func judge() throws(ContainerError) {
    guard membership.orphanCount > 0 else { return }
    if removeDead() { return }
    leaveLeaves()
    guard membership.orphanCount > 0 else { return }
    try judgeTogether()
  }

  /// Whether any orphan had no holder at all.
  private func removeDead() -> Bool {
    var doubtful: [MemberID] = []
    var foundDead = false
    while let orphan = orphans.popLast() {
      guard membership.isOrphan(orphan) else { continue }
      if membership.inDegree(of: orphan) == 0 {
        remove(orphan)
        foundDead = true
      } else {
        doubtful.append(orphan)
      }
    }
    orphans = doubtful
    return foundDead
  }

  /// What can hold no reference is in no circle, so its holders are enough: any member that is left
  /// in the end is reachable.
  private func leaveLeaves() {
    orphans.removeAll { orphan in
      guard membership.isOrphan(orphan) else { return true }
      let target = membership.pointer(to: orphan)
      guard membership.books[membership.chunk(of: orphan)].live == nil,
        let plan = membership.directPlan(of: orphan, at: target), plan.pointee.slots.isEmpty,
        membership.references(of: orphan).isEmpty, membership.large[orphan] == nil
      else { return false }
      membership.record(of: orphan).pointee.parent = .anybody
      membership.orphanCount -= 1
      return true
    }
  }

  /// Judges orphans with all that hang on them. References from outside of these keep; where there
  /// are none, all of it is garbage.
  private func judgeTogether() throws(ContainerError) {
    let doubtful = closure()
    var inner: [MemberID: Int] = [:]
    for member in doubtful {
      forEachStrong(of: member) { reference in
        if doubtful.contains(reference) { inner[reference, default: 0] += 1 }
      }
    }
    let held = doubtful.filter { membership.inDegree(of: $0) > inner[$0] ?? 0 }
    if held.isEmpty {
      removeTogether(doubtful)
    } else {
      try rescue(held, from: doubtful)
    }
  }

  /// A member's references to members. A list that was not read since may have some into chunks that
  /// were divided anew: their targets are gone.
  private func forEachStrong(of member: MemberID, _ body: (MemberID) -> Void) {
    membership.forEachReference(of: member) { reference in
      if !reference.isLoose, !isVoid(reference, in: member) { body(reference) }
    }
  }

  /// The orphans and what hangs on them.
  private func closure() -> Set<MemberID> {
    var found: Set<MemberID> = []
    var next = orphans.filter { membership.isOrphan($0) }
    while let member = next.popLast() {
      guard found.insert(member).inserted else { continue }
      forEachStrong(of: member) { reference in
        if membership.record(of: reference).pointee.parent == member { next.append(reference) }
      }
    }
    return found
  }

  private func removeTogether(_ members: Set<MemberID>) {
    for member in members { dropReferences(of: member) }
    for member in members { forget(member) }
  }

  /// Finds a member outside that refers to each of `held`, and makes it the parent; then all that
  /// those refer to are reachable too.
  private func rescue(
    _ held: Set<MemberID>, from doubtful: Set<MemberID>
  ) throws(ContainerError) {
    // Who was rescued before and lost that parent too, when it was read, may be once more.
    for member in doubtful { membership.clear(MemberStamps.rescued, member) }
    var rescued: [MemberID] = []
    membership.forEachMember { member in
      guard !doubtful.contains(member) else { return }
      forEachStrong(of: member) { reference in
        guard held.contains(reference) else { return }
        if setParent(of: reference, to: member, in: doubtful) { rescued.append(reference) }
      }
    }
    guard !rescued.isEmpty else { throw Membership.outOfReach }
    while let member = rescued.popLast() {
      forEachStrong(of: member) { reference in
        guard doubtful.contains(reference) else { return }
        if setParent(of: reference, to: member, in: doubtful) { rescued.append(reference) }
      }
    }
    orphans.removeAll { !membership.isOrphan($0) }
  }

  /// Hangs a doubtful member on another one, once in a judgement. Nothing hangs on what is doubtful
  /// but what is doubtful too, so no circle can come of it.
  private func setParent(
    of member: MemberID, to parent: MemberID, in doubtful: Set<MemberID>
  ) -> Bool {
    guard !membership.has(MemberStamps.rescued, member) else { return false }
    membership.set(MemberStamps.rescued, member)
    let record = membership.record(of: member)
    if record.pointee.parent == .none { membership.orphanCount -= 1 }
    record.pointee.parent = parent
    return true
  }
}
