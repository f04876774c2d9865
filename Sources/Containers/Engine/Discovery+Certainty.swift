import SoftPMBase
import SoftPMTypes

// Who is a member for certain, and what can be read of those only.

extension Discovery {
  /// Whether every step from the root to a member is there. Reads the waiting members on the way.
  func isCertain(_ member: MemberID) throws(ContainerError) -> Bool {
    let membership = membership
    path.removeAll(keepingCapacity: true)
    var current = member
    while !membership.has(MemberStamps.certain, current) {
      let record = membership.record(of: current).pointee
      guard record.isPresent, record.parent != .none else { return false }
      // It held nothing when it lost its parent, and does now.
      if record.parent == .anybody { throw Membership.outOfReach }
      path.append(current)
      if record.parent == .root { break }
      stepsLeft -= 1
      guard stepsLeft > 0 else { throw Membership.outOfReach }
      current = record.parent
    }
    for step in path.reversed() {
      let parent = membership.record(of: step).pointee.parent
      if parent != .root {
        if membership.has(MemberStamps.waiting, parent) { try readByLayout(parent) }
        guard membership.record(of: step).pointee.parent == parent else { return false }
      }
      membership.set(MemberStamps.certain, step)
    }
    // A certain member may itself wait still.
    return true
  }

  func readCertain() throws(ContainerError) {
    guard !waiting.isEmpty else { return }
    var left: [MemberID] = []
    for member in waiting
    where membership.isMember(member) && membership.has(MemberStamps.waiting, member) {
      if try isCertain(member) {
        if membership.has(MemberStamps.waiting, member) { try readByLayout(member) }
      } else {
        left.append(member)
      }
    }
    waiting = left
  }

  /// Reads a certain member by its layout; new members join at once.
  private func readByLayout(_ member: MemberID) throws(ContainerError) {
    let membership = membership
    membership.clear(MemberStamps.waiting, member)
    let target = membership.pointer(to: member)
    guard MemberMemory.isAllocated(membership.address(of: member), membership.arena) else {
      throw Membership.caughtChanging
    }
    if membership.books[membership.chunk(of: member)].live != nil {
      let layout = try membership.layout(of: member, at: target)
      guard layout.byteCount(of: target) <= membership.cellBytes(of: member) else {
        throw Membership.outOfReach
      }
    }
    if membership.large[member] != nil { return try readParts(of: member, at: target) }
    let old = UnsafeBufferPointer(membership.references(of: member))
    try membership.gatherCertain(member, old: dissolved.isEmpty ? old : Membership.nothing)
    try replaceCounted(old, of: member)
    membership.set(MemberStamps.scanned, member)
    membership.setReferences(of: member, to: membership.gathered.buffer)
  }

  /// Drops the references of an old list whose new one has been gathered, and counted where it
  /// differs from the old.
  private func replaceCounted(
    _ old: UnsafeBufferPointer<MemberID>, of member: MemberID
  ) throws(ContainerError) {
    let membership = membership
    let new = membership.gathered.buffer
    let common = dissolved.isEmpty ? min(old.count, new.count) : 0
    var sought = 0
    for (slot, reference) in old.enumerated()
    where reference != .none && !isVoid(reference, in: member) {
      if slot < common, !reference.isLoose, new[slot] == reference { continue }
      membership.drop(reference, from: member) { orphan in
        membership.record(of: orphan).pointee.parent = .sought
        sought += 1
        orphans.append(orphan)
      }
    }
    if sought > 0 { findAgain(sought, in: membership.gathered.buffer, of: member) }
  }

  /// Reads the parts of a large member that were written, or in which elements came or went.
  private func readParts(
    of member: MemberID, at target: UnsafeRawPointer
  ) throws(ContainerError) {
    let membership = membership
    guard let large = membership.large[member] else { return }
    let layout = try membership.layout(of: member, at: target)
    // Another object took the place of the one that was there.
    guard layout.isDivisible else { throw Membership.outOfReach }
    let validity = layout.validity(of: target)
    if let ranges = layout.changes(of: target, from: large.validity, to: validity) {
      for range in ranges {
        for part in membership.parts(of: range, most: large.lists.count) {
          membership.write(part, of: large, member)
        }
      }
    } else {
      large.writeAll()
      membership.markAll(of: member)
    }
    large.validity = validity
    for part in large.takeWritten() {
      let old = UnsafeBufferPointer(large.lists[part])
      if dissolved.isEmpty, membership.isAsBefore(part, at: target, layout, old) { continue }
      try membership.gatherCertain(
        part, of: member, at: target, layout, old: dissolved.isEmpty ? old : Membership.nothing)
      try replaceCounted(old, of: member)
      large.setList(ofPart: part, to: membership.gathered.buffer)
    }
    membership.set(MemberStamps.scanned, member)
  }

  func admitPending() throws(ContainerError) {
    guard !pending.isEmpty else { return }
    let all = pending
    pending = []
    let allAreCertain = membership.orphanCount == 0 && waiting.isEmpty
    // One that was taken off the books and came back has been read anew.
    for reference in all
    where membership.isMember(reference.from) && !removed.contains(reference.from) {
      if !allAreCertain {
        guard try isCertain(reference.from) else {
          pending.append(reference)
          continue
        }
      }
      let member = try membership.follow(reference.address, nil, from: reference.from)
      membership.references(of: reference.from)[reference.slot] = member
    }
  }

  /// Orphans that certain members came to refer to hang on those from now on.
  func giveParents() throws(ContainerError) {
    guard membership.orphanCount > 0 else { return }
    for (from, to) in membership.arrivals {
      guard membership.isOrphan(to), membership.isMember(from), try isCertain(from),
        membership.isOrphan(to),
        !removed.contains(from) || membership.refers(from, to: to)
      else { continue }
      membership.record(of: to).pointee.parent = from
      membership.orphanCount -= 1
    }
    orphans.removeAll { !membership.isOrphan($0) }
  }
}
