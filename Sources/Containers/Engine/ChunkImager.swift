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
  /// The chunks that differ from what the store has; in ascending order after `end`.
  @exclusivity(unchecked) private(set) var changed: [NewImage] = []
  /// All that were imaged.
  @exclusivity(unchecked) private(set) var imaged: Set<ChunkIndex> = []
  @exclusivity(unchecked) private var memory: ImageMemory
  @exclusivity(unchecked) var types: TypeTable
  /// Where images go when a piece of memory is full; nil where they are kept.
  private let stream: ImageStream?
  @exclusivity(unchecked) private var streamedCount = 0
  /// Images that were made under the lock, and are to be compared when it is free again.
  @exclusivity(unchecked) private var uncompared: [(chunk: ChunkIndex, start: UnsafeRawPointer)] =
    []

  private let membership: Membership
  private let catalog: TypeCatalog
  private let chunkSize: Int
  @exclusivity(unchecked) private var known: (ChunkIndex) -> Digest?

  var home: ArenaAddress { membership.arena.home }

  /// `known` is what the store, or whoever asks for a comparison, has of a chunk. Some `chunkCount`
  /// images are to be made.
  init(
    _ membership: Membership, types: TypeTable, chunkCount: Int, stream: ImageStream? = nil,
    known: @escaping (ChunkIndex) -> Digest?
  ) {
    self.membership = membership
    catalog = membership.catalog
    self.types = types
    self.known = known
    self.stream = stream
    chunkSize = membership.arena.chunkSize.rawValue
    memory = ImageMemory(expecting: chunkCount * chunkSize)
  }

  /// What the images lie in.
  var pieces: [PageBuffer] { memory.pieces }

  /// Sends images on their way when there are enough for a write, or the last ones.
  private func sendImages(atLeast byteCount: Int) throws(ContainerError) {
    guard let stream, (changed.count - streamedCount) * chunkSize >= byteCount else { return }
    try stream.write(Array(changed[streamedCount...]), in: memory.pieces)
    streamedCount = changed.count
    memory.dropFull()
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
  /// Where it `comparesLater`, `compare` tells whether anything changed.
  func make(
    _ chunk: ChunkIndex, from copy: UnsafeRawPointer?, comparesLater: Bool = false
  ) throws(ContainerError) {
    let index = Int(chunk.rawValue)
    let book = membership.books[index]
    guard let header = ChunkHeader(book, chunkSize: chunkSize), let records = book.records else {
      misuse("\(chunk) has members and no shape")
    }
    let extent = header.chunkCount * chunkSize
    let image = memory.room(for: extent)
    guard let start = image.baseAddress else { misuse("an image of no bytes") }
    image.initializeMemory(as: UInt8.self, repeating: 0)
    header.write(into: image)
    let first = UInt(index) << membership.chunkShift
    let capacity =
      book.kind.isLarge ? extent - membership.lead : Int(book.cellBytes)
    let home = UInt(home.rawValue)
    // Nobody but their headers tells what the members are, and nobody refers to them loosely.
    let isPlain = !book.hasTold && !book.kind.isRaw && membership.loose.isEmpty
    var plans = (header: UInt(0), plan: ImagePlan?.none)
    for cell in 0..<Int(book.cellCount) where records[cell].isPresent {
      let record = records[cell]
      let offset = membership.lead + cell * Int(book.cellBytes)
      let member = MemberID(UInt32((first + UInt(offset)) >> MemberID.unitShift))
      ChunkHeader.mark(memberAt: offset, in: image, chunkSize: chunkSize)
      let source = copy.map { $0 + offset } ?? membership.pointer(to: member)
      if isPlain, record.inDegree < CellRecord.many {
        let header = source.load(as: UInt.self)
        if header != plans.header {
          plans = (header, try plan(ofObjectAt: source))
        }
        let members = MemberID.numbers(membership.references(of: member))
        if let plan = plans.plan,
          plan.write(
            source, into: start + offset, capacity: capacity, counts: UInt64(record.inDegree),
            members: members, home: home)
        {
          continue
        }
      }
      try write(
        member, record, hasTold: book.hasTold, at: source, into: start + offset,
        capacity: capacity)
    }
    note(chunk, image, comparesLater)
    try sendImages(atLeast: StreamChoice.writeBytes)
  }

  /// Images one chunk of a large run whose member has parts.
  func makePart(_ chunk: ChunkIndex, comparesLater: Bool) throws(ContainerError) {
    let index = Int(chunk.rawValue)
    let head =
      membership.books[index].kind == .continuation ? Int(membership.books[index].run) : index
    let book = membership.books[head]
    guard let header = ChunkHeader(book, chunkSize: chunkSize), let record = book.records?[0] else {
      misuse("\(chunk) has members and no shape")
    }
    let image = memory.room(for: chunkSize)
    guard var start = image.baseAddress else { misuse("an image of no bytes") }
    let offset = UInt(head) << membership.chunkShift + UInt(membership.lead)
    let member = MemberID(UInt32(offset >> MemberID.unitShift))
    let target = membership.pointer(to: member)
    let layout = try membership.layout(of: member, at: target)
    let range = membership.range(ofPart: index - head)
    if !layout.isCopied(range, of: target) {
      image.initializeMemory(as: UInt8.self, repeating: 0)
    }
    if index == head {
      header.write(into: image)
      ChunkHeader.mark(memberAt: membership.lead, in: image, chunkSize: chunkSize)
      start += membership.lead
    }
    try layout.writeImage(
      of: target, part: range, into: start,
      capacity: membership.cellBytes(of: member),
      strong: UInt32(
        record.inDegree < CellRecord.many
          ? Int(record.inDegree) : membership.inDegree(of: member)),
      unowned: UInt32(membership.loose.unownedCount(to: UInt(bitPattern: target))),
      members: membership.numbers(ofPart: index - head, of: member), self)
    note(chunk, image, comparesLater)
    try sendImages(atLeast: StreamChoice.writeBytes)
  }

  private func plan(ofObjectAt source: UnsafeRawPointer) throws(ContainerError) -> ImagePlan? {
    var plan: ImagePlan?
    try catalog.unmanagedLayout(ofObjectAt: source).borrowed { layout throws(ContainerError) in
      plan = try ImagePlan(layout, self)
    }
    return plan
  }

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

  // MARK: Comparing

  /// Keeps the images of a chunk, or of those of a large run, if one differs from the known one.
  /// The next take the place of those that do not.
  private func note(
    _ first: ChunkIndex, _ image: UnsafeMutableRawBufferPointer, _ comparesLater: Bool
  ) {
    guard let start = image.baseAddress.map({ UnsafeRawPointer($0) }) else { return }
    let before = changed.count
    for part in 0..<image.count / chunkSize {
      let chunk = ChunkIndex(first.rawValue + UInt32(part))
      imaged.insert(chunk)
      if comparesLater {
        uncompared.append((chunk, start + part * chunkSize))
      } else {
        compare(chunk, at: start + part * chunkSize)
      }
    }
    if comparesLater || changed.count > before { memory.keep(image.count) }
  }

  private func compare(_ chunk: ChunkIndex, at start: UnsafeRawPointer) {
    let digest = Checksum.digest(UnsafeRawBufferPointer(start: start, count: chunkSize))
    guard known(chunk) != digest else { return }
    changed.append(NewImage(chunk: chunk, digest: digest, start: start))
  }

  /// Compares the images that were not compared when they were made.
  func compare() {
    for (chunk, start) in uncompared { compare(chunk, at: start) }
    uncompared = []
  }

  /// All images are made. What is known may change then, without being copied for us to keep.
  func end() throws(ContainerError) {
    compare()
    known = { _ in nil }
    try sendImages(atLeast: 1)
    if stream == nil { changed.sort { $0.chunk < $1.chunk } }
  }

  /// Images the type table, in chunks above those of the arena.
  func makeTypeTable(_ bytes: [UInt8]) {
    for (part, start) in stride(from: 0, to: bytes.count, by: chunkSize).enumerated() {
      let image = memory.room(for: chunkSize)
      image.initializeMemory(as: UInt8.self, repeating: 0)
      image.copyBytes(from: bytes[start..<min(start + chunkSize, bytes.count)])
      note(.typeTable(part: part), image, false)
    }
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
