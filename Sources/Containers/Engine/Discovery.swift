import CSoftPMHeap
import SoftPMBase
import SoftPMHeap
import SoftPMTracking
import SoftPMTypes

/// Brings a membership up to date with what was written since the last point.
///
/// Looks at written members and at nothing else: at those whose references are plain pointers right
/// away, by reading words and believing none of them, because such a member may have left the
/// graph since and be in another thread's hands. All others are read only when it is certain that
/// they are members still: every step from the root to them has been seen to be there.
///
/// 1. Old references go and new ones come as differences of lists; in-degrees follow.
/// 2. Nothing that was no member is touched before a certain member refers to it.
/// 3. A member that lost the reference from its parent is an orphan. Another certain member that
///    came to refer to it is its new parent. Otherwise it is dead if nothing refers to it, and
///    else judged with all that hang on it (`Discovery+Orphans`).
/// 4. Whatever is too hard to tell is an error; the caller then builds the membership anew.
final class Discovery {
  let membership: Membership
  private let dirty: DirtySet
  @exclusivity(unchecked) private(set) var scannedCount = 0

  /// Members without a parent, some of whom have found one since.
  @exclusivity(unchecked) var orphans: [MemberID] = []
  /// References to what was no member, in members that may not be certain.
  @exclusivity(unchecked) var pending: [(from: MemberID, slot: Int, address: UInt)] = []
  /// Written members that need their layout to be read.
  @exclusivity(unchecked) var waiting: [MemberID] = []
  /// Chunks that were divided anew: all of their old members are gone.
  @exclusivity(unchecked) private(set) var dissolved: Set<Int> = []
  /// Members taken off the books; their numbers may have been given out again since.
  @exclusivity(unchecked) var removed: Set<MemberID> = []
  @exclusivity(unchecked) var path: [MemberID] = []
  /// Steps from members towards the root that may still be taken before it is cheaper to build anew.
  @exclusivity(unchecked) var stepsLeft = 0

  init(_ membership: Membership, dirty: DirtySet) {
    self.membership = membership
    self.dirty = dirty
  }

  /// On an error the membership is of no use any more.
  func run() throws(ContainerError) {
    membership.beginRound()
    membership.notesArrivals = true
    membership.retold.removeAll()
    defer {
      membership.notesArrivals = false
      membership.arrivals.removeAll()
    }
    stepsLeft = 4 * membership.memberCount + 10_000
    dissolveChanged()
    try readWritten()
    repeat {
      try settle()
      try judge()
    } while membership.orphanCount > 0 || !waiting.isEmpty || !pending.isEmpty
  }

  /// Alternates between what depends on each other until nothing moves.
  private func settle() throws(ContainerError) {
    var before = -1
    var after = 0
    while before != after {
      before = waiting.count + pending.count + membership.orphanCount
      try readCertain()
      try admitPending()
      try membership.scanFresh()
      for member in membership.retold { wait(member) }
      membership.retold.removeAll()
      try giveParents()
      after = waiting.count + pending.count + membership.orphanCount
    }
  }

  /// References into a chunk divided anew, from before that, count no more.
  @inline(__always)
  func isVoid(_ reference: MemberID, in member: MemberID) -> Bool {
    !dissolved.isEmpty && !reference.isLoose && dissolved.contains(membership.chunk(of: reference))
      && !membership.has(MemberStamps.scanned, member)
  }

  func remove(_ member: MemberID) {
    dropReferences(of: member)
    forget(member)
  }

  func dropReferences(of member: MemberID) {
    membership.forEachReference(of: member) { reference in
      guard !isVoid(reference, in: member) else { return }
      membership.drop(reference, from: member) { orphans.append($0) }
    }
  }

  func forget(_ member: MemberID) {
    membership.forget(member)
    removed.insert(member)
  }
}

// MARK: - Chunks divided anew

extension Discovery {
  /// Forgets the members of written chunks whose cells are other ones than before. They were freed
  /// one and all, or the chunk could not have been divided anew.
  private func dissolveChanged() {
    let membership = membership
    let arena = membership.arena
    let end = arena.base + UInt(membership.bookCount) << membership.chunkShift
    dirty.forEachChunk(
      from: arena.base, to: end, chunkBytes: arena.chunkSize.rawValue
    ) { chunk in
      let index = Int(chunk.rawValue)
      guard index < membership.bookCount, membership.books[index].kind != .none,
        !membership.books[index].matches(arena.shape(of: chunk))
      else { return }
      let isPart = membership.books[index].kind == .continuation
      dissolve(isPart ? Int(membership.books[index].run) : index)
    }
  }

  private func dissolve(_ head: Int) {
    let membership = membership
    for part in head..<head + max(1, Int(membership.books[head].run)) { dissolved.insert(part) }
    let first = UInt(head) << (membership.chunkShift - MemberID.unitShift)
    for cell in 0..<Int(membership.books[head].cellCount) {
      guard let record = membership.books[head].records?[cell], record.isPresent else {
        continue
      }
      let offset = membership.lead + cell * Int(membership.books[head].cellBytes)
      remove(MemberID(UInt32(first + UInt(offset) >> MemberID.unitShift)))
    }
    membership.closeBook(ofChunk: head)
  }
}

// MARK: - What was written

extension Discovery {
  private func readWritten() throws(ContainerError) {
    let arena = membership.arena
    let nursery = Heap.nurseryRange
    for index in 0..<dirty.runCount {
      let run = dirty.run(at: index)
      if index + 1 < dirty.runCount { fetch(dirty.run(at: index + 1)) }
      if arena.contains(run.start) {
        try readArena(run.start - arena.base, run.end - arena.base)
      } else if nursery.contains(run.start) {
        try readNursery(run)
      }
    }
    for member in membership.foreign.untracked {
      membership.markAll(of: member)
      membership.large[member]?.writeAll()
      wait(member)
    }
  }

  /// Has a written page, and what is known of its members, fetched from memory while another one is
  /// looked at: scattered writes lie anywhere.
  private func fetch(_ run: AddressRange) {
    let offset = run.start &- membership.base
    let chunk = Int(offset >> membership.chunkShift)
    guard chunk < membership.bookCount, run.byteCount <= Self.fetchedMost else { return }
    fetchLines(UnsafeRawPointer(bitPattern: run.start), run.byteCount)
    let book = membership.books + chunk
    guard let records = book.pointee.records, !book.pointee.kind.isLarge else { return }
    let within = max(0, Int(offset & membership.chunkMask) - membership.lead)
    let first = book.pointee.cell(atOffset: within)
    let count = run.byteCount / Int(book.pointee.cellBytes) + 1
    fetchLines(records + first, count * MemoryLayout<CellRecord>.stride)
    guard let references = book.pointee.references else { return }
    // Cells of one size mostly hold as many references each, in order.
    let each = Int(book.pointee.referencesUsed) / Int(book.pointee.cellCount) + 1
    fetchLines(references + first * each, count * each * MemoryLayout<MemberID>.stride)
  }

  private static let fetchedMost = 16 << 10

  @inline(__always)
  private func fetchLines(_ start: UnsafeRawPointer?, _ byteCount: Int) {
    guard let start else { return }
    for offset in stride(from: 0, to: byteCount, by: 64) { softpm_prefetch(start + offset) }
  }

  private func readArena(_ start: UInt, _ end: UInt) throws(ContainerError) {
    let chunkBytes = membership.chunkMask + 1
    var from = start
    while from < end {
      let chunk = Int(from >> membership.chunkShift)
      guard chunk < membership.bookCount else { return }
      let chunkStart = UInt(chunk) << membership.chunkShift
      let to = min(end, chunkStart + chunkBytes)
      try readChunk(chunk, Int(from - chunkStart), Int(to - chunkStart))
      from = to
    }
  }

  /// The members that have bytes in a part of a chunk, which the caller names by offsets.
  private func readChunk(_ chunk: Int, _ from: Int, _ to: Int) throws(ContainerError) {
    let book = membership.books[chunk]
    if book.kind == .continuation || book.kind.isLarge { return try readLarge(chunk) }
    guard book.memberCount > 0, let records = book.records else { return }
    let lead = membership.lead
    guard to > lead else { return }
    let first = book.cell(atOffset: max(0, from - lead))
    let last = min(Int(book.cellCount) - 1, book.cell(atOffset: to - 1 - lead))
    guard first <= last else { return }
    let base = UInt(chunk) << membership.chunkShift
    membership.mark(chunk)
    // Nobody but their headers tells what the members are, and nobody refers to them loosely.
    let isPlain =
      !book.hasTold && !book.kind.isRaw && dissolved.isEmpty && membership.loose.isEmpty
    let stamps = membership.stamps(of: membership.books + chunk)
    var plans = (header: UInt(0), plan: UnsafePointer<DirectPlan>?.none)
    for cell in first...last where records[cell].isPresent {
      if let live = book.live, live[cell] != 0 { continue }
      let offset = base + UInt(lead + cell * Int(book.cellBytes))
      let member = MemberID(UInt32(offset >> MemberID.unitShift))
      if isPlain, stamps[cell] & (MemberStamps.scanned | MemberStamps.waiting) == 0 {
        let target = UnsafeRawPointer(bitPattern: membership.base + offset).unsafelyUnwrapped
        let header = target.load(as: UInt.self)
        if header != plans.header {
          plans = (header, membership.catalog.directPlan(ofObjectAt: target))
        }
        if let plan = plans.plan, isUnchanged(target, plan, records[cell], chunk) {
          scannedCount += 1
          stamps[cell] |= MemberStamps.scanned
          continue
        }
      }
      try read(member)
    }
  }

  /// `isUnchanged` of a member of a slab that is no array: what most are.
  @inline(__always)
  private func isUnchanged(
    _ target: UnsafeRawPointer, _ plan: UnsafePointer<DirectPlan>, _ record: CellRecord,
    _ chunk: Int
  ) -> Bool {
    guard plan.pointee.stride == 0, plan.pointee.slots.count == Int(record.count),
      record.count < CellRecord.many
    else { return false }
    guard record.count > 0 else { return true }
    let book = membership.books + chunk
    let list =
      book.pointee.references.unsafelyUnwrapped
      + Int(record.start) * Int(book.pointee.unit)
    return plan.pointee.refers(target, as: MemberID.numbers(list), from: membership.base)
  }

  /// A written chunk of a large run.
  private func readLarge(_ chunk: Int) throws(ContainerError) {
    let book = membership.books[chunk]
    let head = book.kind == .continuation ? Int(book.run) : chunk
    guard membership.books[head].memberCount > 0 else { return }
    if let live = membership.books[head].live, live[0] != 0 { return }
    let offset = UInt(head) << membership.chunkShift + UInt(membership.lead)
    let member = MemberID(UInt32(offset >> MemberID.unitShift))
    guard let large = membership.large[member] else {
      membership.mark(head)
      return try read(member)
    }
    membership.write(chunk - head, of: large, member)
    if !membership.loose.isEmpty { membership.markReferrers(to: membership.address(of: member)) }
    wait(member)
  }

  private func readNursery(_ run: AddressRange) throws(ContainerError) {
    let shift = ForeignMembers.pageShift
    for page in run.start >> shift..<(run.end + 1 << shift - 1) >> shift {
      for member in membership.foreign.onPage(page) where membership.isMember(member) {
        membership.mark(membership.chunk(of: member))
        let address = membership.address(of: member)
        // What was freed has no bytes to read; whoever referred to it was written too.
        guard let cell = Heap.cell(containing: address), cell.start == address else { continue }
        if let large = membership.large[member] {
          noteWritten(large, member, from: Int(bitPattern: page << shift &- address))
        } else {
          try read(member)
        }
      }
    }
  }

  /// A page of a large member that lies in the nursery.
  private func noteWritten(_ large: LargeBook, _ member: MemberID, from offset: Int) {
    let page = 1 << Int(ForeignMembers.pageShift)
    let range = max(0, offset)..<max(1, offset + page)
    for part in membership.parts(of: range, most: large.lists.count) {
      membership.write(part, of: large, member)
    }
    if !membership.loose.isEmpty { membership.markReferrers(to: membership.address(of: member)) }
    wait(member)
  }

  @inline(__always)
  private func read(_ member: MemberID) throws(ContainerError) {
    let membership = membership
    if membership.has(MemberStamps.scanned | MemberStamps.waiting, member) { return }
    scannedCount += 1
    let target = membership.pointer(to: member)
    if !membership.loose.isEmpty {
      membership.markReferrers(to: UInt(bitPattern: target))
    }
    guard let plan = membership.directPlan(of: member, at: target) else { return wait(member) }
    if isUnchanged(member, target, plan.pointee) {
      return membership.set(MemberStamps.scanned, member)
    }
    readList(member, target, plan.pointee)
  }

  func wait(_ member: MemberID) {
    guard !membership.has(MemberStamps.waiting, member) else { return }
    membership.set(MemberStamps.waiting, member)
    waiting.append(member)
  }

  /// Whether a member refers to the members that it referred to before: most do.
  @inline(__always)
  private func isUnchanged(
    _ member: MemberID, _ target: UnsafeRawPointer, _ plan: DirectPlan
  ) -> Bool {
    let membership = membership
    let list = membership.references(of: member)
    var count = 1
    if plan.stride != 0 {
      guard let found = plan.elementCount(of: target, cellBytes: membership.cellBytes(of: member))
      else { return false }
      count = found
    }
    guard dissolved.isEmpty, list.count == count * plan.slots.count else { return false }
    var element = target + plan.first
    var position = 0
    for _ in 0..<count {
      for slot in plan.slots {
        let word = DirectPlan.target(of: slot, at: element)
        guard isStill(word, list[position], slot) else { return false }
        position += 1
      }
      element += plan.stride
    }
    return true
  }

  @inline(__always)
  private func isStill(_ word: UInt, _ known: MemberID, _ slot: DirectPlan.Slot) -> Bool {
    if word == 0 { return known == .none }
    // Wrapping around, an address below the arena is no number of a member.
    if (word &- membership.base) >> MemberID.unitShift == UInt(known.rawValue) {
      return slot.untoldHeader == 0 || tells(word, slot)
    }
    return known != .none && !known.isLoose && membership.address(of: known) == word
      && slot.kind != .array
  }

  /// Whether array storage in the arena, or what is there now, names its elements' type.
  private func tells(_ word: UInt, _ slot: DirectPlan.Slot) -> Bool {
    UnsafeRawPointer(bitPattern: word)?.load(as: UInt.self) != slot.untoldHeader
  }

  /// Gathers what the member refers to now, without touching any of it, and compares.
  private func readList(_ member: MemberID, _ target: UnsafeRawPointer, _ plan: DirectPlan) {
    var count = 1
    if plan.stride != 0 {
      // Memory that is no such array any more: its member is dead, which its old list will show.
      guard let found = plan.elementCount(of: target, cellBytes: membership.cellBytes(of: member))
      else { return }
      count = found
    }
    membership.gathered.removeAll()
    var unknown: [(slot: Int, address: UInt)] = []
    var element = target + plan.first
    for _ in 0..<count {
      for slot in plan.slots {
        let word = DirectPlan.target(of: slot, at: element)
        if word == 0 {
          membership.gathered.append(.none)
        } else if word == DirectPlan.unclear {
          return wait(member)
        } else if let known = membership.find(word, nil) {
          guard slot.kind != .array || membership.arena.contains(word) && tells(word, slot) else {
            return wait(member)
          }
          membership.gathered.append(known)
        } else {
          // An array's storage may need its owner to tell what it is.
          guard slot.kind != .array else { return wait(member) }
          unknown.append((membership.gathered.count, word))
          membership.gathered.append(.none)
        }
      }
      element += plan.stride
    }
    replaceList(of: member)
    for (slot, address) in unknown { pending.append((member, slot, address)) }
  }

  /// Puts what was gathered in the place of a member's list. In-degrees of what was gathered have
  /// not been counted.
  private func replaceList(of member: MemberID) {
    let membership = membership
    let old = membership.references(of: member)
    let new = membership.gathered.buffer
    let common = min(old.count, new.count)
    var sought = 0
    func leave(_ reference: MemberID) {
      guard reference != .none, !isVoid(reference, in: member) else { return }
      membership.drop(reference, from: member) { orphan in
        membership.record(of: orphan).pointee.parent = .sought
        sought += 1
        orphans.append(orphan)
      }
    }
    func come(_ reference: MemberID) {
      guard reference != .none else { return }
      membership.addHolder(of: reference)
      if !membership.told.isEmpty { membership.retell(reference, nil) }
      membership.arrivals.append((member, reference))
    }
    let isEvery = !dissolved.isEmpty
    for slot in 0..<common where isEvery || old[slot] != new[slot] { come(new[slot]) }
    for slot in common..<new.count { come(new[slot]) }
    for slot in 0..<common where isEvery || old[slot] != new[slot] { leave(old[slot]) }
    for slot in common..<old.count { leave(old[slot]) }
    if sought > 0 { findAgain(sought, in: new, of: member) }
    membership.set(MemberStamps.scanned, member)
    membership.setReferences(of: member, to: new)
  }

  /// What a member still refers to by another of its references keeps it for a parent.
  func findAgain(
    _ sought: Int, in list: UnsafeBufferPointer<MemberID>, of member: MemberID
  ) {
    for reference in list where reference != .none && !reference.isLoose {
      let record = membership.record(of: reference)
      guard record.pointee.parent == .sought else { continue }
      record.pointee.parent = member
      membership.orphanCount -= 1
    }
    for orphan in orphans.suffix(sought) {
      let record = membership.record(of: orphan)
      if record.pointee.parent == .sought { record.pointee.parent = .none }
    }
  }
}
