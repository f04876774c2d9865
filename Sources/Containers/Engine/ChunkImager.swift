import SoftPMBase
import SoftPMHeap
import SoftPMStore
import SoftPMTypes

/// Makes the images of chunks, from live memory or from copies of it.
///
/// 1. Images start as zeros and receive live fields only: no padding, no spare capacity, no
///    address of this process reaches the store.
/// 2. An image depends on the members and their contents alone, so an unchanged chunk has an
///    unchanged digest and is not written again.
/// 3. The membership does not change while images are made: a container's points are made one at
///    a time.
final class ChunkImager: ImageContext {
  /// The chunks that differ from what the store has.
  @exclusivity(unchecked) private(set) var changed: [(chunk: ChunkIndex, digest: Digest)] = []
  /// All that were imaged.
  @exclusivity(unchecked) private(set) var imaged: Set<ChunkIndex> = []
  /// One after another, in the order of `changed`.
  @exclusivity(unchecked) private(set) var images: PageBuffer
  @exclusivity(unchecked) var types: TypeTable

  private let membership: Membership
  private let catalog: TypeCatalog
  private let chunkSize: Int
  @exclusivity(unchecked) private var known: (ChunkIndex) -> Digest?
  @exclusivity(unchecked) private var used = 0
  /// Changed images that were made under the lock; `put(earlyBelow:)` puts them in their places.
  private var early: (changed: ArraySlice<(chunk: ChunkIndex, digest: Digest)>, images: PageBuffer)?

  var home: ArenaAddress { membership.arena.home }

  /// `known` is what the store, or whoever asks for a comparison, has of a chunk. There is room
  /// for `chunkCount` images.
  init(
    _ membership: Membership, types: TypeTable, chunkCount: Int,
    known: @escaping (ChunkIndex) -> Digest?
  ) {
    self.membership = membership
    catalog = membership.catalog
    self.types = types
    self.known = known
    chunkSize = membership.arena.chunkSize.rawValue
    // The type table may follow.
    images = PageBuffer(byteCount: (chunkCount + 4) * chunkSize, zeroed: false)
  }

  /// How many chunks the image of a chunk's members takes; 0 where it has none, or belongs to a
  /// run that begins elsewhere.
  static func extent(of chunk: ChunkIndex, in membership: Membership) -> Int {
    guard Int(chunk.rawValue) < membership.bookCount else { return 0 }
    let book = membership.books[Int(chunk.rawValue)]
    guard book.memberCount > 0, book.kind != .continuation else { return 0 }
    return book.kind.isLarge ? Int(book.run) : 1
  }

  /// Images a chunk or large run whose bytes are at `copy`, or in their places where that is nil.
  func make(_ chunk: ChunkIndex, from copy: UnsafeRawPointer?) throws(ContainerError) {
    let index = Int(chunk.rawValue)
    let book = membership.books[index]
    guard let header = ChunkHeader(book, chunkSize: chunkSize), let records = book.records else {
      misuse("\(chunk) has members and no shape")
    }
    let extent = header.chunkCount * chunkSize
    makeRoom(for: extent)
    let image = UnsafeMutableRawBufferPointer(rebasing: images.bytes[used..<used + extent])
    guard let start = image.baseAddress else { misuse("an image of no bytes") }
    image.initializeMemory(as: UInt8.self, repeating: 0)
    header.write(into: image)
    let first = UInt(index) << membership.chunkShift
    let capacity =
      book.kind.isLarge ? extent - membership.lead : Int(book.cellBytes)
    for cell in 0..<Int(book.cellCount) where records[cell].isPresent {
      let offset = membership.lead + cell * Int(book.cellBytes)
      let member = MemberID(UInt32((first + UInt(offset)) >> MemberID.unitShift))
      ChunkHeader.mark(memberAt: offset, in: image, chunkSize: chunkSize)
      let source = copy.map { $0 + offset } ?? membership.pointer(to: member)
      try write(
        member, records[cell], hasTold: book.hasTold, at: source, into: start + offset,
        capacity: capacity)
    }
    for part in 0..<header.chunkCount {
      note(ChunkIndex(chunk.rawValue + UInt32(part)), partAt: part * chunkSize, of: image)
    }
  }

  /// Images one chunk of a large run whose member has parts.
  func makePart(_ chunk: ChunkIndex) throws(ContainerError) {
    let index = Int(chunk.rawValue)
    let head =
      membership.books[index].kind == .continuation ? Int(membership.books[index].run) : index
    let book = membership.books[head]
    guard let header = ChunkHeader(book, chunkSize: chunkSize), let record = book.records?[0] else {
      misuse("\(chunk) has members and no shape")
    }
    makeRoom(for: chunkSize)
    let image = UnsafeMutableRawBufferPointer(rebasing: images.bytes[used..<used + chunkSize])
    guard var start = image.baseAddress else { misuse("an image of no bytes") }
    image.initializeMemory(as: UInt8.self, repeating: 0)
    let offset = UInt(head) << membership.chunkShift + UInt(membership.lead)
    let member = MemberID(UInt32(offset >> MemberID.unitShift))
    if index == head {
      header.write(into: image)
      ChunkHeader.mark(memberAt: membership.lead, in: image, chunkSize: chunkSize)
      start += membership.lead
    }
    let target = membership.pointer(to: member)
    try membership.layout(of: member, at: target).writeImage(
      of: target, part: membership.range(ofPart: index - head), into: start,
      capacity: membership.cellBytes(of: member),
      strong: UInt32(
        record.inDegree < CellRecord.many
          ? Int(record.inDegree) : membership.inDegree(of: member)),
      unowned: UInt32(membership.loose.unownedCount(to: UInt(bitPattern: target))),
      members: membership.numbers(ofPart: index - head, of: member), self)
    note(chunk, partAt: 0, of: image)
  }

  @inline(__always)
  private func write(
    _ member: MemberID, _ record: CellRecord, hasTold: Bool, at source: UnsafeRawPointer,
    into image: UnsafeMutableRawPointer, capacity: Int
  ) throws(ContainerError) {
    let strong =
      record.inDegree < CellRecord.many ? Int(record.inDegree) : membership.inDegree(of: member)
    let unowned =
      membership.loose.isEmpty
      ? 0 : membership.loose.unownedCount(to: membership.address(of: member))
    if hasTold, let layout = membership.told[member] {
      return try layout.writeImage(
        of: source, into: image, capacity: capacity, strong: UInt32(strong),
        unowned: UInt32(unowned), self)
    }
    let members = membership.references(of: member)
    let layout = try catalog.unmanagedLayout(ofObjectAt: source)
    try layout.borrowed { layout throws(ContainerError) in
      let isWritten = try layout.writeDirectImage(
        of: source, into: image, capacity: capacity, strong: UInt32(strong),
        unowned: UInt32(unowned), members: MemberID.numbers(members), self)
      if isWritten { return }
      try layout.writeImage(
        of: source, into: image, capacity: capacity, strong: UInt32(strong),
        unowned: UInt32(unowned), self)
    }
  }

  /// Keeps an image that differs from the known one; the next takes the place of one that does not.
  private func note(
    _ chunk: ChunkIndex, partAt offset: Int, of image: UnsafeMutableRawBufferPointer
  ) {
    let part = UnsafeRawBufferPointer(rebasing: image[offset..<offset + chunkSize])
    let digest = Checksum.digest(part)
    imaged.insert(chunk)
    guard known(chunk) != digest else { return }
    changed.append((chunk, digest))
    let target = images.bytes.baseAddress.unsafelyUnwrapped + used
    if UnsafeRawPointer(target) != part.baseAddress {
      target.copyMemory(from: part.baseAddress.unsafelyUnwrapped, byteCount: chunkSize)
    }
    used += chunkSize
  }

  private func makeRoom(for byteCount: Int) {
    guard used + byteCount > images.byteCount else { return }
    let larger = PageBuffer(byteCount: (used + byteCount) * 3 / 2, zeroed: false)
    larger.bytes.copyMemory(from: UnsafeRawBufferPointer(rebasing: images.bytes[..<used]))
    images = larger
  }

  /// All images are made. What is known may change then, without being copied for us to keep.
  func end() { known = { _ in nil } }

  /// Images the type table, in chunks above those of the arena.
  func makeTypeTable(_ bytes: [UInt8]) {
    for (part, start) in stride(from: 0, to: bytes.count, by: chunkSize).enumerated() {
      makeRoom(for: chunkSize)
      let image = UnsafeMutableRawBufferPointer(rebasing: images.bytes[used..<used + chunkSize])
      image.initializeMemory(as: UInt8.self, repeating: 0)
      image.copyBytes(from: bytes[start..<min(start + chunkSize, bytes.count)])
      note(.typeTable(part: part), partAt: 0, of: image)
    }
  }

  /// Sets aside the images made so far, under the lock: as many as `chunkCount` others follow, from
  /// copies, and belong between them. Both kinds are made in ascending order.
  func setAside(before chunkCount: Int) {
    guard chunkCount > 0 else { return }
    if !changed.isEmpty { early = (changed[...], images) }
    // The type table may follow.
    images = PageBuffer(byteCount: (chunkCount + changed.count + 4) * chunkSize, zeroed: false)
    changed = []
    used = 0
  }

  /// Puts what was set aside of the chunks before `chunk`, or of all, behind what is there.
  func put(earlyBelow chunk: ChunkIndex?) {
    while let next = early?.changed.first, chunk.map({ next.chunk < $0 }) ?? true {
      guard let (left, source) = early else { return }
      makeRoom(for: chunkSize)
      let start = source.bytes.baseAddress.unsafelyUnwrapped + left.startIndex * chunkSize
      (images.bytes.baseAddress.unsafelyUnwrapped + used).copyMemory(
        from: start, byteCount: chunkSize)
      used += chunkSize
      changed.append(next)
      early?.changed.removeFirst()
    }
    if early?.changed.isEmpty ?? false { early = nil }
  }

  // MARK: ImageContext

  @inline(__always)
  func homeAddress(
    of target: UnsafeRawPointer, layout: ObjectLayout?, strength: Reference.Strength
  ) -> ArenaAddress? {
    membership.find(UInt(bitPattern: target), layout).map { membership.home(of: $0) }
  }

  func typeIndex(of layout: ObjectLayout) throws(ContainerError) -> UInt32 {
    if let known = layout.knownTypeIndex { return known }
    let index = try types.index(of: layout)
    layout.knownTypeIndex = index
    return index
  }

  func typeIndex(ofMetadata type: Any.Type) throws(ContainerError) -> UInt32 {
    try types.index(of: type)
  }
}

extension ChunkHeader {
  /// The header that describes a chunk with such a book.
  init?(_ book: ChunkBook, chunkSize: Int) {
    switch book.kind {
    case .none, .continuation: return nil
    case .objects, .raw: self.init(.slab(cellBytes: Int(book.cellBytes), isRaw: book.kind.isRaw))
    case .largeObject, .largeRaw:
      self.init(.large(chunkCount: Int(book.run), isRaw: book.kind.isRaw))
    }
  }
}
