import SoftPMBase
import SoftPMHeap
import SoftPMTypes

// Who becomes a member and who ceases to be one.

extension Membership {
  /// Finds all members from the root on, by reading all of them: where nothing is known yet, and
  /// where changes cannot be told from what is known.
  ///
  /// On an error what was found is of no use.
  func build(from root: UnsafeRawPointer) throws(ContainerError) {
    rootMember = try follow(UInt(bitPattern: root), nil, from: .root)
    try scanFresh()
  }

  /// Reads members found for the first time, and those that they lead to.
  func scanFresh() throws(ContainerError) {
    while true {
      while !awaited.isFull, let member = fresh.popLast() {
        awaited.append(member, at: pointer(to: member))
      }
      guard let member = awaited.popFirst() else { return }
      try scan(member)
    }
  }

  // MARK: Scanning

  private func scan(_ member: MemberID) throws(ContainerError) {
    gathered.removeAll()
    let target = pointer(to: member)
    if books[chunk(of: member)].kind.isLarge {
      let layout = try layout(of: member, at: target)
      if let book = openLarge(member, at: target, layout) {
        for part in book.lists.indices {
          try gather(part, of: member, at: target, layout)
          book.setList(ofPart: part, to: gathered.buffer)
        }
        return
      }
    }
    if let plan = directPlan(of: member, at: target) {
      if try scanInstance(member, plan, at: target) { return }
      if try !gather(plan.pointee, at: target, of: member) {
        try gather(try layout(of: member, at: target), at: target, of: member)
      }
    } else {
      try gather(try layout(of: member, at: target), at: target, of: member)
    }
    setReferences(of: member, to: gathered.buffer)
  }

  /// Scans a member of a slab that is no array, if its references are plain: what most are.
  @inline(__always)
  private func scanInstance(
    _ member: MemberID, _ plan: UnsafePointer<DirectPlan>, at target: UnsafeRawPointer
  ) throws(ContainerError) -> Bool {
    let slots = plan.pointee.slots
    guard plan.pointee.stride == 0, slots.count <= Self.wordsMost else { return false }
    if slots.isEmpty {
      if record(of: member).pointee.count > 0 { setReferences(of: member, to: Self.nothing) }
      return true
    }
    guard plan.pointee.read(target, into: words), plan.pointee.isPlain || isTold(words, slots)
    else { return false }
    for position in 0..<slots.count {
      let word = words[position]
      // The storage of a string refers to nothing. (Comparing by `==` is a call, across modules.)
      let isLeaf = if case .string = slots[position].kind { true } else { false }
      gathered.append(word == 0 ? .none : try follow(word, nil, from: member, isLeaf: isLeaf))
    }
    setFirstReferences(of: member, to: gathered.buffer)
    return true
  }

  /// Whether all array storage tells what it is; that in the binary does not.
  private func isTold(
    _ words: UnsafeMutablePointer<UInt>, _ slots: UnsafeBufferPointer<DirectPlan.Slot>
  ) -> Bool {
    for position in 0..<slots.count where slots[position].kind == .array {
      let word = words[position]
      guard word != 0 else { continue }
      guard arena.contains(word), let storage = UnsafeRawPointer(bitPattern: word),
        slots[position].untoldHeader == 0
          || storage.load(as: UInt.self) != slots[position].untoldHeader
      else { return false }
    }
    return true
  }

  /// Where the references of a member are, if they are plain; nil where one has to ask its layout.
  @inline(__always)
  func directPlan(
    of member: MemberID, at target: UnsafeRawPointer
  ) -> UnsafePointer<DirectPlan>? {
    let book = books + chunk(of: member)
    if book.pointee.kind.isRaw { return nil }
    // Bytes may look like a class's header, and arrays of arrays have the header of others.
    if book.pointee.hasTold, told[member] != nil { return nil }
    return catalog.directPlan(ofObjectAt: target)
  }

  func layout(
    of member: MemberID, at target: UnsafeRawPointer
  ) throws(ContainerError) -> ObjectLayout {
    if let layout = told[member] { return layout }
    return try catalog.layout(ofObjectAt: target)
  }

  /// False, and nothing gathered, where the layout has to be asked.
  private func gather(
    _ plan: DirectPlan, at target: UnsafeRawPointer, of member: MemberID
  ) throws(ContainerError) -> Bool {
    var elements = 0..<1
    if plan.stride != 0 {
      guard let count = plan.elementCount(of: target, cellBytes: cellBytes(of: member)) else {
        throw Self.caughtChanging
      }
      elements = 0..<count
    }
    return try gather(elements, plan, at: target, of: member)
  }

  private func gather(
    _ elements: Range<Int>, _ plan: DirectPlan, at target: UnsafeRawPointer, of member: MemberID
  ) throws(ContainerError) -> Bool {
    guard plan.isPlain || isClear(plan, elements, target) else { return false }
    var element = target + plan.first + elements.lowerBound * plan.stride
    for _ in elements {
      for slot in plan.slots {
        let word = DirectPlan.target(of: slot, at: element)
        gathered.append(word == 0 ? .none : try follow(word, nil, from: member))
      }
      element += plan.stride
    }
    return true
  }

  /// Whether a plan tells what each reference of a certain member refers to.
  private func isClear(
    _ plan: DirectPlan, _ elements: Range<Int>, _ target: UnsafeRawPointer
  ) -> Bool {
    var element = target + plan.first + elements.lowerBound * plan.stride
    for _ in elements {
      for slot in plan.slots where slot.kind != .object {
        let word = DirectPlan.target(of: slot, at: element)
        if word == DirectPlan.unclear { return false }
        guard slot.kind == .array, word != 0 else { continue }
        // Storage in the binary does not tell its elements' type either.
        guard arena.contains(word), let storage = UnsafeRawPointer(bitPattern: word),
          slot.untoldHeader == 0 || storage.load(as: UInt.self) != slot.untoldHeader
        else { return false }
      }
      element += plan.stride
    }
    return true
  }

  /// Whether the references that start in a part of a large array are those that were there.
  func isAsBefore(
    _ part: Int, at target: UnsafeRawPointer, _ layout: ObjectLayout,
    _ old: UnsafeBufferPointer<MemberID>
  ) -> Bool {
    guard let plan = layout.directPlan?.pointee, plan.stride > 0 else { return false }
    let elements = plan.elements(of: target, startingIn: range(ofPart: part))
    guard old.count == elements.count * plan.slots.count else { return false }
    var element = target + plan.first + elements.lowerBound * plan.stride
    var position = 0
    for _ in elements {
      for slot in plan.slots {
        let word = DirectPlan.target(of: slot, at: element)
        let known = old[position]
        position += 1
        if word == 0, known == .none { continue }
        guard (word &- base) >> MemberID.unitShift == UInt(known.rawValue),
          slot.untoldHeader == 0 || isToldAsBefore(known, word, slot)
        else { return false }
      }
      element += plan.stride
    }
    return true
  }

  /// Whether array storage needs its owner to tell what it is exactly if it did before. Where its
  /// chunk was not written, it is the storage that was there.
  private func isToldAsBefore(_ known: MemberID, _ word: UInt, _ slot: DirectPlan.Slot) -> Bool {
    guard books[chunk(of: known)].isMarked else { return true }
    return told[known] == nil
      && UnsafeRawPointer(bitPattern: word)?.load(as: UInt.self) != slot.untoldHeader
  }

  static let caughtChanging = ContainerError(
    code: .concurrentMutation,
    message:
      "An array or a dictionary was being changed while a point was made. Change the graph only "
      + "inside `update`.", path: "")

  private func gather(
    _ layout: ObjectLayout, at target: UnsafeRawPointer, of member: MemberID
  ) throws(ContainerError) {
    if !layout.isSelfContained { books[chunk(of: member)].isEntangled = true }
    try layout.visitReferences(of: target) { reference throws(ContainerError) in
      try gather(reference, of: member)
    }
  }

  /// What the elements refer to that start in one part of a large member.
  func gather(
    _ part: Int, of member: MemberID, at target: UnsafeRawPointer, _ layout: ObjectLayout
  ) throws(ContainerError) {
    gathered.removeAll()
    if former.isEmpty, let plan = layout.directPlan?.pointee, plan.stride > 0 {
      let elements = plan.elements(of: target, startingIn: range(ofPart: part))
      if try gather(elements, plan, at: target, of: member) { return }
    }
    try layout.visitReferences(of: target, startingIn: range(ofPart: part)) {
      reference throws(ContainerError) in
      try gather(reference, of: member)
    }
  }

  @inline(__always)
  private func gather(_ reference: Reference, of member: MemberID) throws(ContainerError) {
    let address = UInt(bitPattern: reference.target)
    switch reference.strength {
    case .strong:
      guard MemberMemory.isAllocated(address, arena) else { throw Self.caughtChanging }
      if isAsBefore(address, reference.layout) { return }
      gathered.append(try follow(address, reference.layout, from: member))
    case .unowned, .weak, .unmanaged:
      gathered.append(
        loose.add(from: member, to: address, isUnowned: reference.strength == .unowned))
    }
  }

  /// What `gather` finds in a member that is certain, without setting its list. What stands where
  /// it stood in `old` is not counted again.
  func gatherCertain(
    _ member: MemberID, old: UnsafeBufferPointer<MemberID>
  ) throws(ContainerError) {
    gathered.removeAll()
    former = old
    defer { former = Self.nothing }
    let target = pointer(to: member)
    try gather(try layout(of: member, at: target), at: target, of: member)
  }

  /// The same for what starts in one part of a large member.
  func gatherCertain(
    _ part: Int, of member: MemberID, at target: UnsafeRawPointer, _ layout: ObjectLayout,
    old: UnsafeBufferPointer<MemberID>
  ) throws(ContainerError) {
    former = old
    defer { former = Self.nothing }
    try gather(part, of: member, at: target, layout)
  }

  /// Whether the reference that comes next is the one that stood there; gathers it if so.
  @inline(__always)
  private func isAsBefore(_ address: UInt, _ layout: ObjectLayout?) -> Bool {
    let slot = gathered.count
    guard slot < former.count else { return false }
    let before = former[slot]
    guard before != .none, !before.isLoose, find(address, layout) == before else { return false }
    if layout != nil || !told.isEmpty { retell(before, layout) }
    gathered.append(before)
    return true
  }

  // MARK: Joining

  /// Counts a reference from a certain member, whose target becomes one if it is none.
  @inline(__always)
  func follow(
    _ address: UInt, _ told: ObjectLayout?, from member: MemberID, isLeaf: Bool = false
  ) throws(ContainerError) -> MemberID {
    let known: MemberID
    let record: UnsafeMutablePointer<CellRecord>
    if let own = ownCell(at: address, isRaw: told?.isRaw ?? false) {
      known = own
      record = self.record(of: own)
      if !record.pointee.isPresent {
        return try admit(own, at: address, told, from: member, isLeaf: isLeaf)
      }
    } else {
      guard let other = find(address, told) else {
        return try admit(address, told, from: member)
      }
      known = other
      record = self.record(of: other)
    }
    addHolder(of: known, record)
    if notesArrivals { arrivals.append((member, known)) }
    if told != nil || !self.told.isEmpty { retell(known, told) }
    if record.pointee.parent == .none {
      record.pointee.parent = member
      orphanCount -= 1
    }
    return known
  }

  /// Where a cell holds another object now, it may be of another layout.
  @inline(never)
  func retell(_ member: MemberID, _ layout: ObjectLayout?) {
    if let layout, !layout.isNamedByHeader {
      guard told[member] !== layout else { return }
      told[member] = layout
      books[chunk(of: member)].hasTold = true
      // How much of it is in use is its owner's to say.
      if layout.isRaw { retold.append(member) }
    } else if told[member] != nil {
      told[member] = nil
    }
  }

  @inline(never)
  private func admit(
    _ address: UInt, _ told: ObjectLayout?, from parent: MemberID
  ) throws(ContainerError) -> MemberID {
    let isRaw = told?.isRaw ?? false
    if arena.contains(address) {
      let chunk = (address - base) >> chunkShift
      if chunk >= UInt(bookCount) || books[Int(chunk)].kind == .none {
        _ = openBook(ofChunk: chunk)
      }
      if let own = ownCell(at: address, isRaw: isRaw) {
        return try admit(own, at: address, told, from: parent)
      }
    }
    let member = try adopt(address, told, isRaw: isRaw)
    return try admit(member, at: address, told, from: parent)
  }

  /// Makes a member of what has such a home.
  private func admit(
    _ member: MemberID, at address: UInt, _ told: ObjectLayout?, from parent: MemberID,
    isLeaf: Bool = false
  ) throws(ContainerError) -> MemberID {
    guard UInt(member.rawValue) << MemberID.unitShift < MemberID.reach else {
      throw Self.outOfReach
    }
    record(of: member).pointee = CellRecord(parent: parent, start: 0, count: 0, inDegree: 1)
    memberCount += 1
    let chunk = chunk(of: member)
    books[chunk].memberCount += 1
    mark(chunk)
    if let told, !told.isNamedByHeader {
      self.told[member] = told
      books[chunk].hasTold = true
    }
    // It may have been a member before, and wait to be read as such: that is over.
    replaceStamps(with: MemberStamps.certain | MemberStamps.scanned, member)
    if !loose.isEmpty { markReferrers(to: address) }
    if !isLeaf || books[chunk].kind.isLarge { fresh.append(member) }
    return member
  }

  static let outOfReach = ContainerError(
    code: .addressSpaceExhausted, message: "The container's members lie too far apart.", path: "")

  /// A home for a member outside the arena, or in a cell of the arena that cannot be one.
  private func adopt(
    _ address: UInt, _ told: ObjectLayout?, isRaw: Bool
  ) throws(ContainerError) -> MemberID {
    guard let target = UnsafeRawPointer(bitPattern: address) else {
      misuse("a reference to address zero")
    }
    let layout: ObjectLayout
    if let told { layout = told } else { layout = try catalog.layout(ofObjectAt: target) }
    let needed = layout.byteCount(of: target)
    let home = try homes.home(
      for: MemberKey(address, told), at: address, byteCount: needed, isRaw: isRaw, in: arena)
    let member = member(atHome: home.start)
    let index = (home.start - base) >> chunkShift
    try closeEmptied(from: index)
    let book = openBook(ofChunk: index)
    guard book.pointee.records != nil else { throw Self.outOfReach }
    if book.pointee.live == nil {
      let live = UnsafeMutablePointer<UInt>.allocate(capacity: Int(book.pointee.cellCount))
      live.initialize(repeating: 0, count: Int(book.pointee.cellCount))
      book.pointee.live = live
    }
    book.pointee.live.unsafelyUnwrapped[cell(of: member, in: book)] = address
    foreignBytes += cellBytes(of: member)
    foreign.add(
      member, at: address, byteCount: cellBytes(of: member), isImmutable: layout.isLiteral)
    return member
  }

  /// Forgets how the chunks of a home were divided before. Nobody wrote there, for homes are written
  /// in images only, so no discovery could notice that they were divided anew.
  private func closeEmptied(from first: UInt) throws(ContainerError) {
    var count: UInt = 1
    if case .large(let chunkCount, _) = arena.shape(of: ChunkIndex(UInt32(first))) {
      count = UInt(chunkCount)
    }
    for chunk in first..<first + count where chunk < UInt(bookCount) {
      let book = books[Int(chunk)]
      guard book.kind != .none, !book.matches(arena.shape(of: ChunkIndex(UInt32(chunk)))) else {
        continue
      }
      let head = book.kind == .continuation ? Int(book.run) : Int(chunk)
      // All that it held has been freed, and its members are found to be gone later on.
      guard books[head].memberCount == 0 else { throw Self.outOfReach }
      closeBook(ofChunk: head)
    }
  }

  /// Has the images made again that tell whether what lies at an address is a member.
  func markReferrers(to address: UInt) {
    guard !loose.isEmpty else { return }
    for referrer in loose.referrers(to: address) where isMember(referrer) {
      markAll(of: referrer)
    }
  }

  // MARK: Leaving

  /// Takes back what one reference of a list stands for. Its target may be left without a parent
  /// or a holder; `visit` is told.
  @inline(__always)
  func drop(_ reference: MemberID, from member: MemberID, _ visit: (MemberID) -> Void) {
    if reference.isLoose { return loose.remove(reference) }
    dropHolder(of: reference)
    let record = record(of: reference)
    let parent = record.pointee.parent
    guard parent == member || parent == .anybody && record.pointee.inDegree == 0 else { return }
    record.pointee.parent = .none
    orphanCount += 1
    visit(reference)
  }

  /// Takes a member off the books, whose references have been dropped.
  func forget(_ member: MemberID) {
    let index = chunk(of: member)
    mark(index)
    if !large.isEmpty { large[member] = nil }
    let record = record(of: member)
    if record.pointee.parent == .none { orphanCount -= 1 }
    if record.pointee.count == CellRecord.many {
      manyReferences.removeValue(forKey: member)?.deallocate()
    }
    if record.pointee.inDegree == CellRecord.many { manyHolders[member] = nil }
    let address = address(of: member)
    let layout = told.isEmpty ? nil : told.removeValue(forKey: member)
    record.pointee = .absent
    memberCount -= 1
    books[index].memberCount -= 1
    markReferrers(to: address)
    guard let live = books[index].live else { return }
    let cell = cell(of: member, in: books + index)
    guard live[cell] != 0 else { return }
    live[cell] = 0
    foreignBytes -= cellBytes(of: member)
    foreign.remove(member, at: address, byteCount: cellBytes(of: member))
    homes.remove(MemberKey(address, layout), from: arena)
  }
}
