import SoftPMBase
import SoftPMHeap
import SoftPMTypes

/// The members of a container as of its last point: who they are, who refers to whom.
///
/// What a point needs in order to look at changes only. It is the graph without the objects, so
/// that a question about an object that may have died, or be in another thread's hands, is
/// answered without touching it.
///
/// 1. A member's in-degree is the number of references to it in the lists of members, plus one for
///    the root's box.
/// 2. A member's list holds its references as they were when it was last scanned, in the order
///    in which its layout visits them. Strong ones are numbers of members; others are tagged.
/// 3. A member's parent is a member whose list has it. Parents lead to the root without a circle,
///    so that a member is reachable as long as each step of that way is there. What holds no
///    references may have `anybody` for a parent: nothing hangs on it.
/// 4. One thread at a time uses it: the one that makes a point.
final class Membership {
  let arena: Arena
  let catalog: TypeCatalog
  let homes: ForeignHomes
  let base: UInt
  let chunkShift: UInt
  let chunkMask: UInt
  let lead: Int

  /// By chunk.
  @exclusivity(unchecked) private(set) var books: UnsafeMutablePointer<ChunkBook>
  @exclusivity(unchecked) private(set) var bookCount = 0
  private var bookCapacity = 64

  /// The root's box.
  var rootMember = MemberID.none
  @exclusivity(unchecked) var memberCount = 0
  /// Bytes of members outside the arena.
  var foreignBytes = 0
  /// Layouts of members whose own header does not tell.
  @exclusivity(unchecked) var told: [MemberID: ObjectLayout] = [:]
  /// Raw members whose owner was scanned: they may have another extent than before.
  @exclusivity(unchecked) var retold: [MemberID] = []
  /// In-degrees and lists that do not fit a record.
  @exclusivity(unchecked) var manyHolders: [MemberID: Int] = [:]
  @exclusivity(unchecked) var manyReferences: [MemberID: UnsafeMutableBufferPointer<MemberID>] = [:]
  /// Arrays and tables that take chunks of their own.
  @exclusivity(unchecked) var large: [MemberID: LargeBook] = [:]
  let loose = LooseReferences()
  let foreign = ForeignMembers()
  /// Members that wait to be scanned for the first time.
  @exclusivity(unchecked) var fresh = MemberList()
  /// Those of them whose memory is on its way.
  let awaited = FetchQueue()
  /// What the references of the member being scanned lead to.
  let words = UnsafeMutablePointer<UInt>.allocate(capacity: wordsMost)
  static let wordsMost = 64
  /// Chunks whose images are to be made, each once.
  @exclusivity(unchecked) private(set) var marked: [ChunkIndex] = []
  /// Which discovery it is: stamps of another one count for nothing.
  @exclusivity(unchecked) var round: UInt64 = 1
  /// Members without a parent: unreachable, or reachable by a way not found yet.
  @exclusivity(unchecked) var orphanCount = 0
  /// References from certain members to members known before, in pairs of who refers and to whom;
  /// kept while `notesArrivals`.
  @exclusivity(unchecked) var arrivals: [(from: MemberID, to: MemberID)] = []
  @exclusivity(unchecked) var notesArrivals = false
  /// The list being gathered by a scan.
  @exclusivity(unchecked) var gathered = MemberList()
  /// The list that it is to replace, where what stands in the same place need not be counted.
  @exclusivity(unchecked) var former = UnsafeBufferPointer<MemberID>(start: nil, count: 0)
  static var nothing: UnsafeBufferPointer<MemberID> { UnsafeBufferPointer(start: nil, count: 0) }

  init(arena: Arena, catalog: TypeCatalog, homes: ForeignHomes) {
    self.arena = arena
    self.catalog = catalog
    self.homes = homes
    base = arena.base
    chunkShift = UInt(arena.chunkSize.rawValue.trailingZeroBitCount)
    chunkMask = UInt(arena.chunkSize.rawValue - 1)
    lead = ChunkHeader.byteCount(chunkSize: arena.chunkSize.rawValue)
    books = .allocate(capacity: bookCapacity)
    books.initialize(repeating: ChunkBook(), count: bookCapacity)
    loose.refers = { [unowned self] member, entry in
      isMember(member)
        && (large[member] != nil
          || references(of: member).contains { $0.isLoose && $0.looseEntry == entry })
    }
  }

  deinit {
    for index in 0..<bookCapacity { books[index].free() }
    books.deallocate()
    words.deallocate()
    for list in manyReferences.values { list.deallocate() }
  }

  // MARK: Books

  /// The book of a chunk that may have none yet.
  func book(ofChunk index: UInt) -> UnsafeMutablePointer<ChunkBook> {
    if index >= UInt(bookCapacity) { growBooks(toHold: Int(index)) }
    bookCount = max(bookCount, Int(index) + 1)
    return books + Int(index)
  }

  private func growBooks(toHold index: Int) {
    let capacity = max(bookCapacity * 2, index + 1)
    let new = UnsafeMutablePointer<ChunkBook>.allocate(capacity: capacity)
    new.moveInitialize(from: books, count: bookCapacity)
    (new + bookCapacity).initialize(repeating: ChunkBook(), count: capacity - bookCapacity)
    books.deallocate()
    books = new
    bookCapacity = capacity
  }

  /// Opens the book of the chunk that an address lies in, or of the large run that it begins.
  func openBook(ofChunk index: UInt) -> UnsafeMutablePointer<ChunkBook> {
    let place = book(ofChunk: index)
    if place.pointee.kind == .none,
      let opened = ChunkBook(
        arena.shape(of: ChunkIndex(UInt32(index))), chunkSize: arena.chunkSize.rawValue)
    {
      place.pointee.free()
      let wasMarked = place.pointee.isMarked
      place.pointee = opened
      place.pointee.isMarked = wasMarked
      for part in 1..<max(UInt(opened.run), 1) {
        let next = book(ofChunk: index + part)
        next.pointee.kind = .continuation
        next.pointee.run = UInt32(index)
      }
    }
    // `book(ofChunk:)` may have moved them all.
    return books + Int(index)
  }

  @inline(__always)
  func chunk(of member: MemberID) -> Int {
    Int((UInt(member.rawValue) << MemberID.unitShift) >> chunkShift)
  }

  @inline(__always)
  func cell(of member: MemberID, in book: UnsafeMutablePointer<ChunkBook>) -> Int {
    let offset = (UInt(member.rawValue) << MemberID.unitShift) & chunkMask
    return book.pointee.cell(atOffset: Int(offset) - lead)
  }

  @inline(__always)
  func record(of member: MemberID) -> UnsafeMutablePointer<CellRecord> {
    let book = books + chunk(of: member)
    return book.pointee.records.unsafelyUnwrapped + cell(of: member, in: book)
  }

  func isMember(_ member: MemberID) -> Bool {
    let chunk = chunk(of: member)
    guard chunk < bookCount, books[chunk].records != nil else { return false }
    // Where the chunk was divided anew meanwhile, an old number may lie within a cell.
    let cell = cell(of: member, in: books + chunk)
    let offset = Int((UInt(member.rawValue) << MemberID.unitShift) & chunkMask) - lead
    guard cell * Int(books[chunk].cellBytes) == offset else { return false }
    return record(of: member).pointee.isPresent
  }

  func isOrphan(_ member: MemberID) -> Bool {
    isMember(member) && record(of: member).pointee.parent == .none
  }

  func forEachMember(_ body: (MemberID) -> Void) {
    for chunk in 0..<bookCount {
      guard books[chunk].memberCount > 0, let records = books[chunk].records else { continue }
      let first = UInt(chunk) << chunkShift
      for cell in 0..<Int(books[chunk].cellCount) where records[cell].isPresent {
        let offset = first + UInt(lead + cell * Int(books[chunk].cellBytes))
        body(MemberID(UInt32(offset >> MemberID.unitShift)))
      }
    }
  }

  func home(of member: MemberID) -> ArenaAddress {
    ArenaAddress(arena.home.rawValue + UInt64(member.rawValue) << UInt64(MemberID.unitShift))
  }

  func member(atHome start: UInt) -> MemberID {
    MemberID(UInt32((start - base) >> MemberID.unitShift))
  }

  /// Where a member's bytes are now.
  @inline(__always)
  func address(of member: MemberID) -> UInt {
    let book = books + chunk(of: member)
    if let live = book.pointee.live {
      let elsewhere = live[cell(of: member, in: book)]
      if elsewhere != 0 { return elsewhere }
    }
    return base + UInt(member.rawValue) << MemberID.unitShift
  }

  func pointer(to member: MemberID) -> UnsafeRawPointer {
    UnsafeRawPointer(bitPattern: address(of: member)).unsafelyUnwrapped
  }

  /// Bytes of a member's home cell.
  func cellBytes(of member: MemberID) -> Int {
    let book = books[chunk(of: member)]
    return book.kind.isLarge
      ? (Int(book.run) << Int(chunkShift)) - lead : Int(book.cellBytes)
  }

  // MARK: Who lies where

  /// The member whose home is the cell that begins at an address of the arena, whether it is one
  /// or not; nil where no cell of a known chunk begins there, or somebody else's home is.
  @inline(__always)
  func ownCell(at address: UInt, isRaw: Bool) -> MemberID? {
    let offset = address &- base
    guard offset < UInt(arena.addressSpace.rawValue) else { return nil }
    let chunk = Int(offset >> chunkShift)
    guard chunk < bookCount else { return nil }
    let book = books + chunk
    guard book.pointee.records != nil, book.pointee.kind.isRaw == isRaw else { return nil }
    let within = Int(offset & chunkMask) - lead
    guard within >= 0 else { return nil }
    let cell = book.pointee.cell(atOffset: within)
    guard cell < Int(book.pointee.cellCount), cell * Int(book.pointee.cellBytes) == within,
      book.pointee.live == nil || book.pointee.live.unsafelyUnwrapped[cell] == 0
    else { return nil }
    return MemberID(UInt32(offset >> MemberID.unitShift))
  }

  /// The member at an address; nil where there is none.
  @inline(__always)
  func find(_ address: UInt, _ told: ObjectLayout?) -> MemberID? {
    if let own = ownCell(at: address, isRaw: told?.isRaw ?? false) {
      return record(of: own).pointee.isPresent ? own : nil
    }
    return findElsewhere(address, told)
  }

  @inline(never)
  private func findElsewhere(_ address: UInt, _ told: ObjectLayout?) -> MemberID? {
    guard foreign.count > 0, let home = homes.home(of: MemberKey(address, told)) else { return nil }
    let member = member(atHome: home.start)
    return isMember(member) && self.address(of: member) == address ? member : nil
  }

  // MARK: In-degrees

  @inline(__always)
  func addHolder(of member: MemberID) { addHolder(of: member, record(of: member)) }

  @inline(__always)
  func addHolder(of member: MemberID, _ record: UnsafeMutablePointer<CellRecord>) {
    if record.pointee.inDegree < CellRecord.many - 1 {
      record.pointee.inDegree += 1
    } else {
      let degree = inDegree(of: member) + 1
      record.pointee.inDegree = CellRecord.many
      manyHolders[member] = degree
    }
    mark(chunk(of: member))
  }

  /// Takes one holder away. The count may become zero; it is no member then.
  @inline(__always)
  func dropHolder(of member: MemberID) {
    let record = record(of: member)
    if record.pointee.inDegree < CellRecord.many {
      record.pointee.inDegree -= 1
    } else {
      let degree = inDegree(of: member) - 1
      if degree < Int(CellRecord.many) {
        manyHolders[member] = nil
        record.pointee.inDegree = UInt8(degree)
      } else {
        manyHolders[member] = degree
      }
    }
    mark(chunk(of: member))
  }

  func inDegree(of member: MemberID) -> Int {
    let degree = record(of: member).pointee.inDegree
    return degree < CellRecord.many ? Int(degree) : manyHolders[member] ?? Int(degree)
  }

  // MARK: Lists

  /// A member's list. Valid until a list in the same chunk is set.
  @inline(__always)
  func references(of member: MemberID) -> UnsafeMutableBufferPointer<MemberID> {
    let book = books + chunk(of: member)
    let record = book.pointee.records.unsafelyUnwrapped + cell(of: member, in: book)
    let count = record.pointee.count
    if count == 0 { return UnsafeMutableBufferPointer(start: nil, count: 0) }
    if count == CellRecord.many {
      return manyReferences[member] ?? UnsafeMutableBufferPointer(start: nil, count: 0)
    }
    let start = Int(record.pointee.start) * Int(book.pointee.unit)
    return UnsafeMutableBufferPointer(
      start: book.pointee.references.unsafelyUnwrapped + start, count: Int(count))
  }

  /// `setReferences` of a member of a slab that has none yet.
  @inline(__always)
  func setFirstReferences(of member: MemberID, to list: UnsafeBufferPointer<MemberID>) {
    let book = books + chunk(of: member)
    let record = book.pointee.records.unsafelyUnwrapped + cell(of: member, in: book)
    guard record.pointee.count == 0, list.count < Int(CellRecord.many), !book.pointee.kind.isLarge
    else { return setReferences(of: member, to: list) }
    let start = book.pointee.takeRoom(for: list.count)
    let place =
      book.pointee.references.unsafelyUnwrapped + Int(start) * Int(book.pointee.unit)
    for position in 0..<list.count { place[position] = list[position] }
    record.pointee.start = start
    record.pointee.count = UInt8(list.count)
  }

  func setReferences(of member: MemberID, to list: UnsafeBufferPointer<MemberID>) {
    let old = references(of: member)
    if old.count == list.count {
      if let start = old.baseAddress, let new = list.baseAddress {
        start.update(from: new, count: list.count)
      }
      return
    }
    let book = books + chunk(of: member)
    let record = book.pointee.records.unsafelyUnwrapped + cell(of: member, in: book)
    if record.pointee.count == CellRecord.many {
      manyReferences.removeValue(forKey: member)?.deallocate()
    }
    record.pointee.count = 0
    guard let new = list.baseAddress, !list.isEmpty else { return }
    if book.pointee.kind.isLarge || list.count >= Int(CellRecord.many) {
      let copy = UnsafeMutableBufferPointer<MemberID>.allocate(capacity: list.count)
      _ = copy.initialize(from: list)
      manyReferences[member] = copy
      record.pointee.count = CellRecord.many
      return
    }
    let start = book.pointee.takeRoom(for: list.count)
    (book.pointee.references.unsafelyUnwrapped + Int(start) * Int(book.pointee.unit))
      .update(from: new, count: list.count)
    record.pointee.start = start
    record.pointee.count = UInt8(list.count)
  }

  // MARK: Images to make

  @inline(__always)
  func mark(_ chunk: Int) {
    if !books[chunk].isMarked { noteMark(chunk) }
  }

  @inline(never)
  private func noteMark(_ chunk: Int) {
    books[chunk].isMarked = true
    marked.append(ChunkIndex(UInt32(chunk)))
  }

  /// The marked chunks, which are marked no more.
  func takeMarked() -> [ChunkIndex] {
    defer { marked.removeAll() }
    for chunk in marked { books[Int(chunk.rawValue)].isMarked = false }
    return marked
  }
}

extension Membership {
  /// Forgets what a chunk, or the large run that it heads, was divided into. It has no member left.
  func closeBook(ofChunk head: Int) {
    let parts = head..<head + max(1, Int(books[head].run))
    for part in parts {
      mark(part)
      books[part].free()
      books[part] = ChunkBook()
      books[part].isMarked = true
    }
  }
}
