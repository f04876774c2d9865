import SoftPMBase
import SoftPMHeap
import SoftPMStore
import SoftPMTypes

/// Makes the images of a container's chunks from what a trace found.
///
/// 1. Images start as zeros and receive live fields only: no padding, no spare capacity, no
///    address of this process reaches the store.
/// 2. An image depends on the members and their contents alone, so an unchanged chunk has an
///    unchanged digest and is not written again.
final class ImageMaker: ImageContext {
  /// Every chunk that has members, with its digest; and the bytes of those that differ.
  struct Result {
    var digests: [ChunkIndex: Digest] = [:]
    var changed: [ChunkIndex] = []
    var images = ImageList()
  }

  private let arena: Arena
  private let trace: FullTrace
  private let placement: Placement
  private var types: TypeTable
  private let chunkSize: Int
  /// What the store has; chunks that equal it are left out of the result.
  private let stored: [ChunkIndex: Digest]
  private var result = Result()

  var home: ArenaAddress { arena.home }

  init(
    arena: Arena, trace: FullTrace, placement: Placement, types: TypeTable,
    stored: [ChunkIndex: Digest]
  ) {
    self.arena = arena
    self.trace = trace
    self.placement = placement
    self.types = types
    self.stored = stored
    chunkSize = arena.chunkSize.rawValue
  }

  /// The images, and the type table that they refer to.
  func make() throws(ContainerError) -> (Result, TypeTable) {
    for (chunk, members) in MembersByChunk(placement.places, in: arena) {
      try makeChunk(chunk, members: members)
    }
    makeTypeTable()
    return (result, types)
  }

  private func makeChunk(
    _ chunk: ChunkIndex, members: ArraySlice<Int32>
  ) throws(ContainerError) {
    guard let header = ChunkHeader(arena.shape(of: chunk)) else {
      misuse("the arena has no cells in \(chunk), where a member has its home")
    }
    let scratch = UnsafeMutableRawBufferPointer.allocate(
      byteCount: header.chunkCount * chunkSize, alignment: 4096)
    defer { scratch.deallocate() }
    scratch.initializeMemory(as: UInt8.self, repeating: 0)
    header.write(into: scratch)
    let chunkStart = home.rawValue + UInt64(chunk.rawValue) * UInt64(chunkSize)
    for position in members.lazy.map(Int.init) {
      let offset = Int(placement.places[position].home.rawValue - chunkStart)
      ChunkHeader.mark(memberAt: offset, in: scratch, chunkSize: chunkSize)
      try writeMember(position, into: scratch, at: offset)
    }
    for part in 0..<header.chunkCount {
      let image = UnsafeRawBufferPointer(
        rebasing: scratch[part * chunkSize..<(part + 1) * chunkSize])
      note(image, of: ChunkIndex(chunk.rawValue + UInt32(part)))
    }
  }

  private func writeMember(
    _ position: Int, into image: UnsafeMutableRawBufferPointer, at offset: Int
  ) throws(ContainerError) {
    let member = trace.members[position]
    let byteCount = placement.places[position].byteCount
    guard let start = image.baseAddress, offset + byteCount <= image.count else {
      misuse("a member's home reaches beyond its chunk")
    }
    do throws(ContainerError) {
      try member.layout.writeImage(
        of: member.target, into: start + offset, capacity: byteCount,
        strong: member.strongInDegree, unowned: member.unownedInDegree, self)
    } catch {
      throw trace.rooted(error, at: position)
    }
  }

  private func makeTypeTable() {
    let bytes = types.encoded()
    let image = UnsafeMutableRawBufferPointer.allocate(byteCount: chunkSize, alignment: 4096)
    defer { image.deallocate() }
    for (part, start) in stride(from: 0, to: bytes.count, by: chunkSize).enumerated() {
      let piece = bytes[start..<min(start + chunkSize, bytes.count)]
      image.initializeMemory(as: UInt8.self, repeating: 0)
      image.copyBytes(from: piece)
      note(UnsafeRawBufferPointer(image), of: .typeTable(part: part))
    }
  }

  private func note(_ image: UnsafeRawBufferPointer, of chunk: ChunkIndex) {
    let digest = Checksum.digest(image)
    result.digests[chunk] = digest
    guard stored[chunk] != digest else { return }
    result.changed.append(chunk)
    result.images.append(image)
  }

  // MARK: ImageContext

  func homeAddress(
    of target: UnsafeRawPointer, layout: ObjectLayout?, strength: Reference.Strength
  ) -> ArenaAddress? {
    // What a strong reference leads to is a member; of other targets that is the question.
    if strength == .strong, layout == nil, let own = placement.ownHome(of: target) { return own }
    return trace.index.position(of: target, layout).map { placement.places[$0].home }
  }

  func typeIndex(of layout: ObjectLayout) throws(ContainerError) -> UInt32 {
    try types.index(of: layout)
  }

  func typeIndex(ofMetadata type: Any.Type) throws(ContainerError) -> UInt32 {
    try types.index(of: type)
  }
}

extension ChunkIndex {
  /// Where the type table's parts are kept: above all chunks of the arena.
  static func typeTable(part: Int) -> ChunkIndex {
    ChunkIndex(UInt32(Limits.chunksMost) + UInt32(part))
  }

  var isOfArena: Bool { rawValue < UInt32(Limits.chunksMost) }
}

/// Images one after another, growing, until their number is known.
struct ImageList {
  private var storage: [UInt8] = []

  var byteCount: Int { storage.count }

  mutating func append(_ image: UnsafeRawBufferPointer) {
    storage.append(contentsOf: image)
  }

  /// All of them in memory that a device can write from.
  func pageBuffer() -> PageBuffer {
    let buffer = PageBuffer(byteCount: storage.count, zeroed: false)
    storage.withUnsafeBytes { buffer.bytes.copyMemory(from: $0) }
    return buffer
  }
}
