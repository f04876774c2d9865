import SoftPMBase
import SoftPMStore
import SoftPMTypes

/// One version's chunks, read when they are first needed: its memory, for those who have no
/// program for it.
///
/// 1. Nothing of the version is brought to life, and no arena is reserved.
/// 2. A chunk is checked against its digest and its header before anything in it is believed.
/// 3. At most `cacheBytes` of images are kept beside those in use.
final class VersionReader: StoredMemory {
  let version: VersionID
  let metadata: ContainerMetadata
  let chunkSize: Int
  let digests: [ChunkIndex: Digest]
  let types: StoredTypes
  /// How many chunks were read, for those who want to know what looking cost.
  private(set) var chunkReads = 0

  /// A reader of another version, whose images serve where the two do not differ.
  var twin: VersionReader?

  private let store: ChunkStore
  /// Retention leaves the version alone as long as this reader lives.
  private let pin: VersionPin
  private var loaded: [ChunkIndex: Loaded] = [:]
  private var loadedBytes = 0
  var cacheBytes = 256 << 20

  /// A slab's image, or that of a whole run.
  struct Loaded {
    var bytes: StoredBytes
    var header: ChunkHeader
    /// Where members start, ascending.
    var members: [Int]
  }

  init(
    of version: VersionID, from store: ChunkStore, chunkSize: ByteCount,
    migrations: Migrations = Migrations()
  ) throws(ContainerError) {
    self.store = store
    self.version = version
    pin = try VersionPin(version, in: store)
    self.chunkSize = chunkSize.rawValue
    metadata = try ContainerMetadata(
      decoding: try store.metadata(of: version), chunkSize: chunkSize.rawValue)
    var digests: [ChunkIndex: Digest] = [:]
    for chunk in try store.chunks(of: version) { digests[chunk.index] = chunk.digest }
    self.digests = digests
    types = try StoredTypes(
      decoding: try Self.typeTable(
        of: version, from: store, byteCount: metadata.typeTableBytes,
        chunkSize: chunkSize.rawValue)
    ).renamed(by: migrations)
  }

  private static func typeTable(
    of version: VersionID, from store: ChunkStore, byteCount: Int, chunkSize: Int
  ) throws(ContainerError) -> [UInt8] {
    let buffer = PageBuffer(byteCount: chunkSize)
    var bytes: [UInt8] = []
    var part = 0
    while bytes.count < byteCount {
      try store.read(.typeTable(part: part), of: version, into: buffer.bytes)
      bytes.append(contentsOf: buffer.bytes.prefix(min(chunkSize, byteCount - bytes.count)))
      part += 1
    }
    return bytes
  }

  var home: ArenaAddress { metadata.home }
  var reader: StoredReader { StoredReader(types: types, memory: self) }

  /// Where the root's value lies: in its box, which paths skip.
  func root() throws(ContainerError) -> StoredPlace {
    let box = try reader.object(at: metadata.root)
    guard let value = try reader.parts(of: box).first else {
      throw box.cell.damaged("the root's box", at: 0)
    }
    return value.place
  }

  // MARK: Chunks

  func chunk(of home: ArenaAddress) -> ChunkIndex? {
    guard home.rawValue >= self.home.rawValue else { return nil }
    let index = (home.rawValue - self.home.rawValue) / UInt64(chunkSize)
    guard index > 0, index < UInt64(Limits.chunksMost) else { return nil }
    return ChunkIndex(UInt32(index))
  }

  func address(of chunk: ChunkIndex, _ offset: Int) -> ArenaAddress {
    ArenaAddress(home.rawValue + UInt64(chunk.rawValue) * UInt64(chunkSize) + UInt64(offset))
  }

  /// The slab or run that begins with a chunk; throws `.corrupt` for a chunk in a run's middle.
  func load(_ chunk: ChunkIndex) throws(ContainerError) -> Loaded {
    if let known = loaded[chunk] { return known }
    if let twin, let shared = try shared(with: twin, chunk) { return keep(shared, at: chunk) }
    guard digests[chunk] != nil, chunk.isOfArena else {
      throw .corrupt(at: nil, expected: "\(chunk) among the chunks of version \(version)")
    }
    let first = PageBuffer(byteCount: chunkSize)
    try read(chunk, into: first.bytes)
    let image = UnsafeRawBufferPointer(first.bytes)
    let header = try ChunkHeader(reading: image, of: chunk, chunkSize: chunkSize)
    let members = try header.memberOffsets(in: image, of: chunk, chunkSize: chunkSize)
    let (end, overflow) = chunk.rawValue.addingReportingOverflow(UInt32(header.chunkCount))
    guard !overflow, end <= UInt32(Limits.chunksMost),
      (chunk.rawValue..<end).allSatisfy({ digests[ChunkIndex($0)] != nil })
    else {
      throw .corrupt(at: nil, expected: "\(header.chunkCount) chunks in a row from \(chunk)")
    }
    var failure: ContainerError?
    let bytes = StoredBytes(count: header.chunkCount * chunkSize) { memory in
      memory.copyMemory(from: image)
      for part in 1..<max(header.chunkCount, 2) where part < header.chunkCount {
        do throws(ContainerError) {
          let range = part * chunkSize..<(part + 1) * chunkSize
          try read(
            ChunkIndex(chunk.rawValue + UInt32(part)),
            into: UnsafeMutableRawBufferPointer(rebasing: memory[range]))
        } catch {
          failure = error
          return
        }
      }
    }
    if let failure { throw failure }
    return keep(Loaded(bytes: bytes, header: header, members: members), at: chunk)
  }

  /// The twin's image of a chunk that both versions have alike, with all of its run.
  private func shared(
    with twin: VersionReader, _ chunk: ChunkIndex
  ) throws(ContainerError) -> Loaded? {
    guard chunkSize == twin.chunkSize, digests[chunk] != nil, digests[chunk] == twin.digests[chunk]
    else { return nil }
    let found = try twin.load(chunk)
    let end = chunk.rawValue + UInt32(found.header.chunkCount)
    let isShared = (chunk.rawValue..<end).allSatisfy {
      digests[ChunkIndex($0)] == twin.digests[ChunkIndex($0)]
    }
    return isShared ? found : nil
  }

  private func read(
    _ chunk: ChunkIndex, into target: UnsafeMutableRawBufferPointer
  ) throws(ContainerError) {
    chunkReads += 1
    try store.read(chunk, of: version, into: target)
  }

  private func keep(_ new: Loaded, at chunk: ChunkIndex) -> Loaded {
    if loadedBytes > cacheBytes {
      loaded = [:]
      loadedBytes = 0
    }
    loaded[chunk] = new
    loadedBytes += new.bytes.raw.count
    return new
  }

  // MARK: StoredMemory

  func cell(at home: ArenaAddress) throws(ContainerError) -> StoredCell {
    guard let chunk = chunk(of: home) else {
      throw .corrupt(at: nil, expected: "a member at \(home) in version \(version)")
    }
    let loaded = try load(chunk)
    let offset = Int(home.rawValue - address(of: chunk, 0).rawValue)
    guard loaded.hasMember(at: offset) else {
      throw .corrupt(at: nil, expected: "a member at \(home) in version \(version)")
    }
    return loaded.cell(at: offset, home: home, chunkSize: chunkSize)
  }
}

/// Keeps a version from being dropped by this process.
private final class VersionPin {
  private let version: VersionID
  private let store: ChunkStore

  init(_ version: VersionID, in store: ChunkStore) throws(ContainerError) {
    self.version = version
    self.store = store
    try store.pin(version)
  }

  deinit { store.unpin(version) }
}

extension VersionReader.Loaded {
  func hasMember(at offset: Int) -> Bool {
    var low = 0
    var high = members.count
    while low < high {
      let middle = (low + high) / 2
      if members[middle] < offset { low = middle + 1 } else { high = middle }
    }
    return low < members.count && members[low] == offset
  }

  func cell(at offset: Int, home: ArenaAddress, chunkSize: Int) -> StoredCell {
    StoredCell(
      bytes: bytes, start: offset, count: cellBytes(chunkSize: chunkSize), home: home,
      isRaw: header.kind.isRaw)
  }

  func cellBytes(chunkSize: Int) -> Int {
    header.kind.isLarge
      ? header.chunkCount * chunkSize - ChunkHeader.byteCount(chunkSize: chunkSize)
      : header.cellBytes
  }
}
