// What a barrier's body says: a count (4 bytes), then so many changes, in order.
//
//     each change: kind 2, zero 2, bytes that follow 4, then by kind
//
//     1 container made     number 8, chunk bytes 4, name (length 4, UTF-8)
//     2 version made       version 8, container 8, parent 8 (0: none), seconds since 1970 8
//                          (IEEE 754), bytes written 8, objects 8, has label 1, zero 7,
//                          label (length 4, UTF-8), metadata: bytes 4, block 8 (0: inline),
//                          digest 16, inline bytes; removed: count 4, then chunk 4 each;
//                          chunks: count 4, then chunk 4, block 8, digest 16 each
//     3 container deleted  number 8
//     4 version dropped    version 8
//     5 label set          version 8, has label 1, zero 7, label (length 4, UTF-8)
//
// Everything in a body is covered by the barrier's digests; every chunk and every outside blob
// is named with its own digest, against tears, rot and misdirected reads.

import SoftPMBase

/// A chunk as a version names it: where its image lies and what it must hash to.
package struct ChunkEntry: Hashable, Sendable {
  package var chunk: ChunkIndex
  package var block: Block
  package var digest: Digest
}

/// A version's metadata blob: in the record, or in blocks of its own.
package enum MetadataPlace: Equatable, Sendable {
  case inline([UInt8])
  case blocks(BlockReference, byteCount: Int)

  /// Longest blob kept in the record itself: with it, a point of one chunk is one block.
  static let inlineBytesMost = 2048

  var byteCount: Int {
    switch self {
    case .inline(let bytes): bytes.count
    case .blocks(_, let byteCount): byteCount
    }
  }
}

/// What a version is, apart from its chunks.
package struct VersionFacts: Equatable, Sendable {
  package var id: VersionID
  package var container: ContainerNumber
  package var parent: VersionID?
  package var secondsSince1970: Double
  package var bytesWritten: Int
  package var objectCount: Int
  package var label: String?
  package var metadata: MetadataPlace
}

package enum Change: Equatable, Sendable {
  case containerMade(number: ContainerNumber, name: String, chunkBytes: Int)
  case versionMade(VersionFacts, removed: [ChunkIndex], chunks: [ChunkEntry])
  case containerDeleted(ContainerNumber)
  case versionDropped(VersionID)
  case labelSet(VersionID, String?)
}

extension Change {
  private enum Kind: UInt16 {
    case containerMade = 1
    case versionMade, containerDeleted, versionDropped, labelSet
  }

  package static func encode(_ changes: [Change]) -> [UInt8] {
    var writer = ByteWriter(capacity: 512)
    writer.count(changes.count)
    for change in changes { change.write(to: &writer) }
    return writer.bytes
  }

  private func write(to writer: inout ByteWriter) {
    let start = writer.count
    writer.integer(kind.rawValue)
    writer.zeros(2)
    writer.integer(UInt32(0))
    switch self {
    case .containerMade(let number, let name, let chunkBytes):
      writer.integer(number.rawValue)
      writer.integer(UInt32(chunkBytes))
      writer.string(name)
    case .versionMade(let facts, let removed, let chunks):
      writer.facts(facts)
      writer.count(removed.count)
      for chunk in removed { writer.integer(chunk.rawValue) }
      writer.count(chunks.count)
      for entry in chunks {
        writer.integer(entry.chunk.rawValue)
        writer.integer(entry.block.rawValue)
        writer.digest(entry.digest)
      }
    case .containerDeleted(let number):
      writer.integer(number.rawValue)
    case .versionDropped(let version):
      writer.integer(version.rawValue)
    case .labelSet(let version, let label):
      writer.integer(version.rawValue)
      writer.label(label)
    }
    writer.patch(UInt32(writer.count - start - 8), at: start + 4)
  }

  private var kind: Kind {
    switch self {
    case .containerMade: .containerMade
    case .versionMade: .versionMade
    case .containerDeleted: .containerDeleted
    case .versionDropped: .versionDropped
    case .labelSet: .labelSet
    }
  }

  package static func decode(_ reader: inout ByteReader) throws(ContainerError) -> [Change] {
    // The least change takes 16 bytes: a count beyond that is damage.
    let count = try reader.count(atMost: reader.remaining / 16, of: "changes")
    var changes: [Change] = []
    for _ in 0..<count { changes.append(try one(&reader)) }
    return changes
  }

  private static func one(_ outer: inout ByteReader) throws(ContainerError) -> Change {
    let number = try outer.integer(UInt16.self)
    guard let kind = Kind(rawValue: number) else {
      throw outer.invalid("a known kind of change", found: "\(number)")
    }
    try outer.zeros(2)
    let length = try outer.count(atMost: outer.remaining, of: "bytes of a change")
    let origin = outer.offset
    var reader = ByteReader(try outer.take(length), of: "change", at: origin)
    let change: Change
    switch kind {
    case .containerMade:
      let number = ContainerNumber(try reader.integer())
      let chunkBytes = try reader.chunkBytes()
      let name = try reader.string(atMost: Limits.containerNameBytes, of: "container name")
      change = .containerMade(number: number, name: name, chunkBytes: chunkBytes)
    case .versionMade:
      change = try reader.versionMade()
    case .containerDeleted:
      change = .containerDeleted(ContainerNumber(try reader.integer()))
    case .versionDropped:
      change = .versionDropped(VersionID(try reader.integer()))
    case .labelSet:
      change = .labelSet(VersionID(try reader.integer()), try reader.label())
    }
    try reader.finish()
    return change
  }
}

extension ByteWriter {
  mutating func label(_ label: String?) {
    integer(UInt8(label == nil ? 0 : 1))
    zeros(7)
    string(label ?? "")
  }

  mutating func facts(_ facts: VersionFacts) {
    integer(facts.id.rawValue)
    integer(facts.container.rawValue)
    integer(facts.parent?.rawValue ?? 0)
    integer(facts.secondsSince1970.bitPattern)
    integer(UInt64(facts.bytesWritten))
    integer(UInt64(facts.objectCount))
    label(facts.label)
    count(facts.metadata.byteCount)
    switch facts.metadata {
    case .inline(let bytes):
      integer(UInt64(0))
      digest(.zero)
      append(bytes)
    case .blocks(let reference, _):
      integer(reference.block.rawValue)
      digest(reference.digest)
    }
  }
}

extension ByteReader {
  mutating func chunkBytes() throws(ContainerError) -> Int {
    let size = Int(try integer(UInt32.self))
    guard size >= Limits.chunkBytesLeast, size <= Limits.chunkBytesMost, size & (size - 1) == 0
    else { throw invalid("a chunk size", found: "\(size)") }
    return size
  }

  mutating func label() throws(ContainerError) -> String? {
    let flag = try integer(UInt8.self)
    guard flag <= 1 else { throw invalid("0 or 1") }
    try zeros(7)
    let text = try string(atMost: Limits.labelBytes, of: "label")
    guard flag == 1 || text.isEmpty else { throw invalid("no text where there is no label") }
    return flag == 1 ? text : nil
  }

  private mutating func size() throws(ContainerError) -> Int {
    let value = try integer(UInt64.self)
    guard let size = Int(exactly: value) else { throw invalid("a size", found: "\(value)") }
    return size
  }

  mutating func facts() throws(ContainerError) -> VersionFacts {
    let id = try integer(UInt64.self)
    let container = try integer(UInt64.self)
    let parent = try integer(UInt64.self)
    guard id > parent, container > 0 else { throw invalid("a version later than its parent") }
    let seconds = Double(bitPattern: try integer(UInt64.self))
    let bytesWritten = try size()
    let objectCount = try size()
    let label = try self.label()
    let length = try count(atMost: Limits.metadataBytes, of: "bytes of metadata")
    let place = try block()
    let digest = try self.digest()
    let metadata: MetadataPlace
    if place.rawValue == 0 {
      guard digest == .zero else { throw invalid("no digest of inline metadata") }
      metadata = .inline([UInt8](try take(length)))
    } else {
      metadata = .blocks(BlockReference(block: place, digest: digest), byteCount: length)
    }
    return VersionFacts(
      id: VersionID(id), container: ContainerNumber(container),
      parent: parent == 0 ? nil : VersionID(parent), secondsSince1970: seconds,
      bytesWritten: bytesWritten, objectCount: objectCount, label: label, metadata: metadata)
  }

  mutating func versionMade() throws(ContainerError) -> Change {
    let facts = try self.facts()
    let removedCount = try count(atMost: remaining / 4, of: "removed chunks")
    var removed: [ChunkIndex] = []
    removed.reserveCapacity(removedCount)
    for _ in 0..<removedCount { removed.append(ChunkIndex(try integer())) }
    let count = try count(atMost: remaining / 28, of: "chunks")
    var chunks: [ChunkEntry] = []
    chunks.reserveCapacity(count)
    for _ in 0..<count {
      let entry = ChunkEntry(
        chunk: ChunkIndex(try integer()), block: try block(), digest: try digest())
      if let last = chunks.last, last.chunk >= entry.chunk {
        throw invalid("chunks in rising order")
      }
      chunks.append(entry)
    }
    return .versionMade(facts, removed: removed, chunks: chunks)
  }
}
