import SoftPMBase
import SoftPMHeap
import SoftPMStore
import SoftPMTypes

/// Brings a version back to life, eagerly: all its chunks are read, checked and swizzled.
///
/// 1. Nothing that was read is used before it was checked: chunks against their digests, headers
///    against what a writer can have written, references against the members that exist.
/// 2. No user code runs before every member is whole, except the hashing of keys at the end.
/// 3. If anything throws, the arena is given back and the program has seen no object.
struct Restoration {
  let arena: Arena
  let metadata: ContainerMetadata
  let types: TypeTable
  /// What the store has of each chunk.
  let digests: [ChunkIndex: Digest]
  private(set) var memberCount = 0
  /// Hash tables were rebuilt, so images made now may differ from the stored ones.
  private(set) var wasRehashed = false

  private let store: ChunkStore
  let version: VersionID
  /// The stored types turned out to be the program's, and objects were made.
  private(set) var wasRun = false
  private let chunkSize: Int
  private var members: RestoredMembers

  /// Reserves the arena and reads the version's records; no chunk of it yet.
  init(
    of version: VersionID, from store: ChunkStore, chunkSize: ByteCount
  ) throws(ContainerError) {
    self.store = store
    self.version = version
    self.chunkSize = chunkSize.rawValue
    metadata = try ContainerMetadata(
      decoding: try store.metadata(of: version), chunkSize: chunkSize.rawValue)
    var digests: [ChunkIndex: Digest] = [:]
    for chunk in try store.chunks(of: version) { digests[chunk.index] = chunk.digest }
    self.digests = digests
    types = try Self.readTypes(
      of: version, from: store, byteCount: metadata.typeTableBytes, chunkSize: chunkSize.rawValue)
    arena = try Arena.reserve(
      home: metadata.home, addressSpace: metadata.addressSpace, chunkSize: chunkSize)
    members = RestoredMembers(home: arena.home, chunkSize: chunkSize.rawValue)
  }

  private static func readTypes(
    of version: VersionID, from store: ChunkStore, byteCount: Int, chunkSize: Int
  ) throws(ContainerError) -> TypeTable {
    let buffer = PageBuffer(byteCount: chunkSize)
    var bytes: [UInt8] = []
    var part = 0
    while bytes.count < byteCount {
      try store.read(.typeTable(part: part), of: version, into: buffer.bytes)
      let wanted = min(chunkSize, byteCount - bytes.count)
      bytes.append(contentsOf: buffer.bytes.prefix(wanted))
      part += 1
    }
    return try TypeTable(decoding: bytes)
  }

  /// Loads and swizzles everything. The result is the root's box, owned by the caller.
  ///
  /// What nobody vouches for is checked further, before any object exists: references against the
  /// stored in-degrees, raw bytes against objects, tables for keys that are there twice.
  mutating func run(
    in catalog: TypeCatalog, trusting trust: StoreOptions.Trust
  ) throws(ContainerError) -> AnyObject {
    do {
      let resolved = try types.resolved(in: catalog)
      wasRun = true
      try loadChunks()
      try swizzle(with: resolved, trusting: trust)
      arena.finishInstalling()
    } catch {
      giveBack()
      throw error
    }
    guard let pointer = UnsafeRawPointer(bitPattern: arena.live(metadata.root)) else {
      misuse("a member was swizzled at address zero")
    }
    return Unmanaged<AnyObject>.fromOpaque(pointer).takeRetainedValue()
  }

  /// Lets go of the arena before anything was loaded into it.
  func abandon() { arena.close() }

  /// After an error: frees every cell that was placed, so that the range returns. No object lives
  /// in them yet, so nothing is released.
  private mutating func giveBack() {
    arena.finishInstalling()
    members.visit { home, _ in arena.releaseCell(arena.live(home)) }
    forgetMembers()
    arena.close()
  }

  private mutating func forgetMembers() {
    members = RestoredMembers(home: arena.home, chunkSize: chunkSize)
  }

  // MARK: Loading

  private mutating func loadChunks() throws(ContainerError) {
    let chunks = digests.keys.filter(\.isOfArena).sorted()
    let buffer = PageBuffer(byteCount: chunkSize)
    let image = UnsafeRawBufferPointer(buffer.bytes)
    var position = 0
    while position < chunks.count {
      let chunk = chunks[position]
      try store.read(chunk, of: version, into: buffer.bytes)
      let header = try ChunkHeader(reading: image, of: chunk, chunkSize: chunkSize)
      let offsets = try header.memberOffsets(in: image, of: chunk, chunkSize: chunkSize)
      try requireRun(of: header, at: position, in: chunks)
      try arena.install(header.shape, at: chunk, occupied: offsets)
      note(offsets, of: chunk, header)
      copy(image, of: chunk, from: ChunkHeader.byteCount(chunkSize: chunkSize))
      for part in 1..<max(header.chunkCount, 1) where part < header.chunkCount {
        let next = ChunkIndex(chunk.rawValue + UInt32(part))
        // Without a header, so that it may be read to where it belongs.
        try store.read(
          next, of: version,
          into: UnsafeMutableRawBufferPointer(start: memory(of: next), count: chunkSize))
      }
      position += header.chunkCount
    }
  }

  /// Throws unless all chunks of a large run follow its first one.
  private func requireRun(
    of header: ChunkHeader, at position: Int, in chunks: [ChunkIndex]
  ) throws(ContainerError) {
    let first = chunks[position]
    let last = position + header.chunkCount - 1
    guard last < chunks.count,
      chunks[last].rawValue - first.rawValue == UInt32(header.chunkCount - 1)
    else {
      throw .corrupt(at: nil, expected: "\(header.chunkCount) chunks in a row from \(first)")
    }
  }

  private func copy(_ image: UnsafeRawBufferPointer, of chunk: ChunkIndex, from offset: Int) {
    guard let source = image.baseAddress else { return }
    memory(of: chunk).advanced(by: offset).copyMemory(
      from: source + offset, byteCount: chunkSize - offset)
  }

  private func memory(of chunk: ChunkIndex) -> UnsafeMutableRawPointer {
    let start = arena.base + UInt(chunk.rawValue) * UInt(chunkSize)
    guard let memory = UnsafeMutableRawPointer(bitPattern: start) else {
      misuse("an arena at address zero")
    }
    return memory
  }

  private mutating func note(_ offsets: [Int], of chunk: ChunkIndex, _ header: ChunkHeader) {
    let byteCount =
      header.kind.isLarge
      ? header.chunkCount * chunkSize - ChunkHeader.byteCount(chunkSize: chunkSize)
      : header.cellBytes
    members.note(offsets, of: chunk, byteCount: header.kind.isRaw ? -byteCount : byteCount)
  }

  // MARK: Swizzling

  private func restorer(
    with types: ResolvedTypes, trusting trust: StoreOptions.Trust
  ) -> Restorer {
    let known = members
    switch trust {
    case .sameUser:
      return Restorer(
        types: types, home: arena.home, base: arena.base, addressSpace: arena.addressSpace,
        seeds: metadata.seeds, isMember: { known[$0] != nil })
    case .untrusted:
      return Restorer(
        untrusted: types, home: arena.home, base: arena.base, addressSpace: arena.addressSpace,
        cell: { home in
          known[home].map { RestoredCell(byteCount: abs($0), isRaw: $0 < 0) }
        })
    }
  }

  private mutating func swizzle(
    with types: ResolvedTypes, trusting trust: StoreOptions.Trust
  ) throws(ContainerError) {
    guard let rootBytes = members[metadata.root], rootBytes > 0 else {
      throw .corrupt(at: nil, expected: "the root among the members of version \(version)")
    }
    memberCount = members.count
    var restorer = restorer(with: types, trusting: trust)
    try members.visit { (home, byteCount) throws(ContainerError) in
      guard byteCount > 0, let member = UnsafeMutableRawPointer(bitPattern: arena.live(home))
      else { return }
      try restorer.swizzle(member, byteCount: byteCount)
    }
    try restorer.finish()
    wasRehashed = metadata.seeds != .current || trust == .untrusted
    forgetMembers()
  }
}
