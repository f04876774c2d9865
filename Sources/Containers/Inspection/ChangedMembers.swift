import SoftPMBase
import SoftPMTypes

/// Which members two versions store differently, found from their changed chunks alone.
///
/// 1. A chunk whose digest is the same in both is not read. Members that are not listed here are
///    equal byte for byte.
/// 2. In-degrees do not count: they say who refers to an object, not what it is.
/// 3. Where that cannot be told from changed chunks (two lines whose type tables went different
///    ways, a run whose beginning is not found) `isComplete` is false, and everything counts as
///    possibly changed.
struct ChangedMembers {
  /// Members of both versions whose bytes differ, and members of one of them only.
  private(set) var homes: Set<ArenaAddress> = []
  /// Those of both versions.
  private(set) var inBoth: Set<ArenaAddress> = []
  private(set) var isComplete = true
  let hasChangedChunks: Bool

  private let old: VersionReader
  private let new: VersionReader

  init(_ old: VersionReader, _ new: VersionReader) throws(ContainerError) {
    self.old = old
    self.new = new
    var chunks: [ChunkIndex] = []
    for (chunk, digest) in old.digests where chunk.isOfArena && new.digests[chunk] != digest {
      chunks.append(chunk)
    }
    for chunk in new.digests.keys where chunk.isOfArena && old.digests[chunk] == nil {
      chunks.append(chunk)
    }
    hasChangedChunks = !chunks.isEmpty
    let common = old.types.commonCount(with: new.types)
    if old.home != new.home || common < min(old.types.count, new.types.count) {
      isComplete = false
      return
    }
    var heads: Set<ChunkIndex> = []
    for chunk in chunks {
      if let head = head(of: chunk, in: old) { heads.insert(head) }
      if let head = head(of: chunk, in: new) { heads.insert(head) }
    }
    for head in heads.sorted() { try compare(head) }
  }

  /// Whether a member may differ, or be in one version only.
  func mayDiffer(_ home: ArenaAddress) -> Bool { !isComplete || homes.contains(home) }

  /// The chunk that a slab or run begins with. A run's later chunks have no header, so it is
  /// looked for backwards, as far as the run can reach.
  private mutating func head(of chunk: ChunkIndex, in version: VersionReader) -> ChunkIndex? {
    guard version.digests[chunk] != nil else { return nil }
    var index = chunk.rawValue
    while index > 0, version.digests[ChunkIndex(index)] != nil {
      if let loaded = try? version.load(ChunkIndex(index)) {
        if index + UInt32(loaded.header.chunkCount) > chunk.rawValue { return ChunkIndex(index) }
        break
      }
      index -= 1
    }
    isComplete = false
    return nil
  }

  private mutating func compare(_ chunk: ChunkIndex) throws(ContainerError) {
    let left = old.digests[chunk] == nil ? nil : try? old.load(chunk)
    let right = new.digests[chunk] == nil ? nil : try? new.load(chunk)
    guard let left, let right else {
      for offset in (left ?? right)?.members ?? [] { homes.insert(new.address(of: chunk, offset)) }
      return
    }
    let sameShape = left.header == right.header
    var others = Set(right.members)
    for offset in left.members {
      let home = new.address(of: chunk, offset)
      guard others.remove(offset) != nil else {
        homes.insert(home)
        continue
      }
      if sameShape, isEqual(left, right, at: offset) { continue }
      homes.insert(home)
      inBoth.insert(home)
    }
    for offset in others { homes.insert(new.address(of: chunk, offset)) }
  }

  private func isEqual(
    _ left: VersionReader.Loaded, _ right: VersionReader.Loaded, at offset: Int
  ) -> Bool {
    let end = offset + left.cellBytes(chunkSize: old.chunkSize)
    func isEqual(_ range: Range<Int>) -> Bool {
      UnsafeRawBufferPointer(rebasing: left.bytes.raw[range])
        .elementsEqual(UnsafeRawBufferPointer(rebasing: right.bytes.raw[range]))
    }
    if left.header.kind.isRaw { return isEqual(offset..<end) }
    return isEqual(offset..<offset + 8) && isEqual(offset + 16..<end)
  }
}
