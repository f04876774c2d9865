// What the trees' leaves say.
//
//     tree of a version's chunks   key: chunk. Block 8, digest 16, birth 8.
//     tree of containers           key: number. Chunk bytes 4, flags 4 (bit 0: it has a base),
//                                  newest version 8, versions 8, name (length 4, UTF-8), base 8.
//     tree of versions             key: version. Flags 8 (bit 0: dropped, kept for others),
//                                  parent in the table's sense 8, chunk tree 32, chunk bytes 4,
//                                  zero 4, then the version's facts as in a change.
//     tree of free space           key: first block. Blocks 8.
//
// Births tell what a version shares with its parent: whatever was born after the parent was
// written for this version, or for one between them that is gone.

import SoftPMBase

struct ChunkPlace: Equatable {
  var block: Block
  var digest: Digest
  var birth: UInt64

  var encoded: [UInt8] {
    var writer = ByteWriter(capacity: 32)
    writer.integer(block.rawValue)
    writer.digest(digest)
    writer.integer(birth)
    return writer.bytes
  }

  init(block: Block, digest: Digest, birth: UInt64) {
    self.block = block
    self.digest = digest
    self.birth = birth
  }

  init(decoding bytes: [UInt8]) throws(ContainerError) {
    self = try decoding(bytes, "chunk entry") { (reader: inout ByteReader) throws(ContainerError) in
      ChunkPlace(
        block: try reader.block(), digest: try reader.digest(), birth: try reader.integer())
    }
  }
}

/// Reads a whole record from an array.
func decoding<Result>(
  _ bytes: [UInt8], _ record: StaticString,
  _ body: (inout ByteReader) throws(ContainerError) -> Result
) throws(ContainerError) -> Result {
  let buffer = PageBuffer(blocksHolding: bytes)
  var reader = ByteReader(
    UnsafeRawBufferPointer(rebasing: buffer.readOnly[..<bytes.count]), of: record)
  let result = try body(&reader)
  try reader.finish()
  return result
}

extension ContainerEntry {
  var encoded: [UInt8] {
    var writer = ByteWriter(capacity: 64)
    writer.integer(UInt32(chunkBytes))
    writer.integer(UInt32(base == nil ? 0 : 1))
    writer.integer(newest?.rawValue ?? 0)
    writer.integer(UInt64(versionCount))
    writer.string(name)
    if let base { writer.integer(base.rawValue) }
    return writer.bytes
  }

  init(decoding bytes: [UInt8], number: UInt64) throws(ContainerError) {
    self = try SoftPMStore.decoding(bytes, "container entry") {
      (reader: inout ByteReader) throws(ContainerError) in
      let chunkBytes = try reader.chunkBytes()
      let flags = try reader.integer(UInt32.self)
      guard flags <= 1 else { throw reader.invalid("a container entry") }
      let newest = try reader.integer(UInt64.self)
      let count = try reader.integer(UInt64.self)
      guard let versionCount = Int(exactly: count) else { throw reader.invalid("a count") }
      let name = try reader.string(atMost: Limits.containerNameBytes, of: "container name")
      let base = try flags == 1 ? reader.integer(UInt64.self) : nil
      guard base != 0 else { throw reader.invalid("a base") }
      return ContainerEntry(
        number: ContainerNumber(number), name: name, chunkBytes: chunkBytes, isStored: true,
        newest: newest == 0 ? nil : VersionID(newest), versionCount: versionCount,
        base: base.map { VersionID($0) })
    }
  }
}

extension VersionNode {
  /// The record of a folded version; metadata is in blocks of its own where it is long.
  func encoded(
    tree: TreeReference?, tableParent: VersionID?, metadata: MetadataPlace? = nil
  ) -> [UInt8] {
    var facts = facts
    if let metadata { facts.metadata = metadata }
    var writer = ByteWriter(capacity: 256)
    writer.integer(UInt64(isDropped ? 1 : 0))
    writer.integer(tableParent?.rawValue ?? 0)
    writer.tree(tree)
    writer.integer(UInt32(chunkBytes))
    writer.zeros(4)
    writer.facts(facts)
    return writer.bytes
  }

  convenience init(decoding bytes: [UInt8], id: UInt64) throws(ContainerError) {
    let parts = try SoftPMStore.decoding(bytes, "version entry") {
      (reader: inout ByteReader) throws(ContainerError) in
      let flags = try reader.integer(UInt64.self)
      let parent = try reader.integer(UInt64.self)
      guard flags <= 1, parent < id else { throw reader.invalid("a version entry") }
      let tree = try reader.tree()
      let chunkBytes = try reader.chunkBytes()
      try reader.zeros(4)
      let facts = try reader.facts()
      guard facts.id.rawValue == id else { throw reader.invalid("version \(id)") }
      return (flags, parent, tree, chunkBytes, facts)
    }
    self.init(facts: parts.4, chunkBytes: parts.3, chunks: [], removed: [], parent: nil)
    isDropped = parts.0 == 1
    tableParent = parts.1 == 0 ? nil : VersionID(parts.1)
    tree = parts.2
    isFolded = true
    isDurable = true
  }
}
