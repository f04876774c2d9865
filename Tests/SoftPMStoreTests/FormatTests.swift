// That docs/format.md says what the bytes are: each table is read and held against a record.

import Foundation
import SoftPMBase
import Testing

@testable import SoftPMStore

@Suite struct FormatTests {
  /// A row of a table of the document.
  private struct Row {
    var offset: Int
    /// Nil for what follows to the end.
    var size: Int?
    var meaning: String
    var defends: String
  }

  /// The rows of the first table behind a heading.
  private func table(_ heading: String) throws -> [Row] {
    let document = URL(filePath: #filePath).deletingLastPathComponent()
      .appending(path: "../../docs/format.md")
    let text = try String(contentsOf: document, encoding: .utf8)
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    let start = try #require(lines.firstIndex { $0 == "## \(heading)" })
    let rows = lines[start...].drop { !$0.hasPrefix("|--") }.dropFirst().prefix {
      $0.hasPrefix("|")
    }
    return rows.map { row in
      let cells = row.split(separator: "|", omittingEmptySubsequences: false).dropFirst().map {
        $0.trimmingCharacters(in: .whitespaces)
      }
      return Row(
        offset: Int(cells[0]) ?? -1, size: Int(cells[1].prefix { $0.isNumber }),
        meaning: cells[2], defends: cells[3])
    }
  }

  /// Every field in order: what the record was given, as it should lie in the bytes.
  private func compare(_ heading: String, _ record: [UInt8], _ fields: [[UInt8]]) throws {
    let rows = try table(heading)
    #expect(rows.count == fields.count, "\(heading): a row for every field")
    var end = 0
    for (row, field) in zip(rows, fields) {
      #expect(row.offset == end, "\(heading), \(row.meaning): nothing between the fields")
      end = row.offset + (row.size ?? field.count)
      // What follows a head has a size of its own.
      let size = row.size.map { row.meaning.hasPrefix("epochs") ? field.count : $0 } ?? field.count
      #expect(size == field.count, "\(heading), \(row.meaning): its size")
      let place = row.offset..<row.offset + field.count
      #expect(Array(record[place]) == field, "\(heading), \(row.meaning): its bytes")
    }
    let rest = rows.last.map { $0.offset + (fields.last?.count ?? 0) } ?? 0
    #expect(record[rest...].allSatisfy { $0 == 0 }, "\(heading): zeros behind the last field")
    #expect(record.count == 4096)
  }

  private func bytes(_ words: UInt64...) -> [UInt8] { words.flatMap { little($0) } }

  private func little<Number: FixedWidthInteger>(_ value: Number) -> [UInt8] {
    (0..<MemoryLayout<Number>.size).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
  }

  private func bytes(_ digest: Digest) -> [UInt8] { bytes(digest.low, digest.high) }

  private func checksum(_ record: [UInt8], from: Int, seed: UInt64) -> [UInt8] {
    record.withUnsafeBytes {
      little(Checksum.xxh3(UnsafeRawBufferPointer(rebasing: $0[from...]), seed: seed))
    }
  }

  private let identity = Digest(low: 0x1111, high: 0x2222)
  private let other = Digest(low: 0x3333, high: 0x4444)

  private func tree(_ salt: UInt64) -> TreeReference {
    TreeReference(
      block: Block(salt), digest: Digest(low: salt + 1, high: salt + 2), birth: salt + 3)
  }

  private func bytes(_ tree: TreeReference) -> [UInt8] {
    bytes(tree.block.rawValue) + bytes(tree.digest) + bytes(tree.birth)
  }

  @Test("a superblock lies in its bytes as its table says")
  func superblock() throws {
    let record = Superblock(
      identity: identity, sequence: 0x55, watermark: 0x66, nextVersion: 0x77, isClean: true,
      checkpoint: BlockReference(block: Block(0x88), digest: other),
      epochs: [
        Epoch(number: 9, firstBarrier: 10, start: Block(11)),
        Epoch(number: 12, firstBarrier: 13, start: Block(14)),
      ]
    ).encoded()
    try compare(
      "Superblock", record,
      [
        [0x89, 0x53, 0x50, 0x4D, 0x0D, 0x0A, 0x1A, 0x0A], little(UInt32(1)), little(UInt32(4096)),
        checksum(record, from: 24, seed: 1), bytes(identity), bytes(0x55), bytes(0x66),
        bytes(0x77), little(UInt32(1)), little(UInt32(2)), bytes(0x88), bytes(0), bytes(other),
        bytes(9, 10, 11, 12, 13, 14),
      ])
    #expect(104 + 24 * Superblock.epochsMost <= Block.byteCount)
  }

  @Test("a checkpoint lies in its bytes as its table says")
  func checkpoint() throws {
    var checkpoint = Checkpoint(
      identity: identity, nextBarrier: Block(0x77), frontier: Block(0x99))
    checkpoint.barrier = 0x55
    checkpoint.barrierDigest = other
    checkpoint.nextContainer = 0x88
    checkpoint.containers = tree(100)
    checkpoint.versions = tree(200)
    checkpoint.freeSpace = tree(300)
    checkpoint.unfinished = UnfinishedReclaim(version: 0x111, chunk: 0x222)
    let record = checkpoint.encoded(at: Block(7))
    try compare(
      "Checkpoint", record,
      [
        Array("SPMcheck".utf8), checksum(record, from: 16, seed: 7), bytes(identity), bytes(7),
        bytes(0x55), bytes(other), bytes(0x77), bytes(0x88), bytes(0x99), bytes(tree(100)),
        bytes(tree(200)), bytes(tree(300)), bytes(0x111), bytes(0x222),
      ])
  }

  @Test("a barrier's head lies in its bytes as its table says, with its body in it or elsewhere")
  func barrier() throws {
    for size in [5, 3968, 3969] {
      let body = [UInt8](repeating: 0xEE, count: size)
      let isOutside = size > 3968
      let record = Barrier(
        identity: identity, block: Block(7), epoch: 0x55, sequence: 0x66, previous: other,
        watermark: 0x44, next: Block(0x88), bodyBytes: size,
        outside: isOutside ? BlockReference(block: Block(0x99), digest: identity) : nil
      ).encoded(body: body)
      try compare(
        "Barrier", record,
        [
          Array("SPMbarri".utf8), checksum(record, from: 16, seed: 7), bytes(identity), bytes(7),
          bytes(0x55), bytes(0x66), bytes(other), bytes(0x44), bytes(0x88), bytes(UInt64(size)),
          bytes(isOutside ? 0x99 : 0), isOutside ? bytes(identity) : bytes(0, 0), bytes(0),
          isOutside ? [] : body,
        ])
    }
  }

  @Test("a tree's node lies in its bytes as its table says")
  func node() throws {
    func head(_ level: UInt16, _ count: UInt16, _ record: [UInt8]) -> [[UInt8]] {
      [
        Array("SPMtreen".utf8), checksum(record, from: 16, seed: 7), bytes(identity), bytes(7),
        little(level), little(count), little(UInt32(0)), bytes(0x55),
      ]
    }
    let leaf = TreeNode(
      content: .leaf([.init(key: 3, value: [1, 2, 3]), .init(key: 9, value: [])]), birth: 0x55
    ).encoded(at: Block(7), identity: identity)
    let entries = bytes(3) + little(UInt16(3)) + [1, 2, 3] + bytes(9) + little(UInt16(0))
    try compare("Tree node", leaf, head(0, 2, leaf) + [entries])
    let inner = TreeNode(
      content: .inner([.init(key: 3, reference: tree(100))], level: 1), birth: 0x55
    ).encoded(at: Block(7), identity: identity)
    try compare("Tree node", inner, head(1, 1, inner) + [bytes(3) + bytes(tree(100))])
  }

  @Test("every change of a body is encoded as documented, and reads back")
  func changes() throws {
    let facts = VersionFacts(
      id: 8, container: ContainerNumber(2), parent: 5, secondsSince1970: 1.5, bytesWritten: 77,
      objectCount: 88, label: "é", metadata: .inline([9, 9, 9]))
    var long = facts
    long.label = nil
    long.parent = nil
    long.metadata = .blocks(BlockReference(block: Block(44), digest: other), byteCount: 5000)
    let entry = ChunkEntry(chunk: ChunkIndex(6), block: Block(33), digest: identity)
    let shared =
      bytes(1.5.bitPattern) + bytes(77, 88)
    let cases: [(Change, UInt16, [UInt8])] = [
      (
        .containerMade(number: ContainerNumber(2), name: "ab", chunkBytes: 4096), 1,
        bytes(2) + little(UInt32(4096)) + little(UInt32(2)) + Array("ab".utf8)
      ),
      (
        .versionMade(facts, removed: [ChunkIndex(4)], chunks: [entry]), 2,
        bytes(8, 2, 5) + shared + [1, 0, 0, 0, 0, 0, 0, 0] + little(UInt32(2)) + [0xC3, 0xA9]
          + little(UInt32(3)) + bytes(0, 0, 0) + [9, 9, 9] + little(UInt32(1)) + little(UInt32(4))
          + little(UInt32(1)) + little(UInt32(6)) + bytes(33) + bytes(identity)
      ),
      (
        .versionMade(long, removed: [], chunks: []), 2,
        bytes(8, 2, 0) + shared + [0, 0, 0, 0, 0, 0, 0, 0] + little(UInt32(0))
          + little(UInt32(5000)) + bytes(44) + bytes(other) + little(UInt32(0)) + little(UInt32(0))
      ),
      (.containerDeleted(ContainerNumber(2)), 3, bytes(2)),
      (.versionDropped(8), 4, bytes(8)),
      (
        .labelSet(8, "x"), 5,
        bytes(8) + [1, 0, 0, 0, 0, 0, 0, 0] + little(UInt32(1)) + Array("x".utf8)
      ),
      (.labelSet(8, nil), 5, bytes(8) + [0, 0, 0, 0, 0, 0, 0, 0] + little(UInt32(0))),
    ]
    for (change, kind, content) in cases {
      let expected =
        little(UInt32(1)) + little(kind) + [0, 0] + little(UInt32(content.count)) + content
      let encoded = Change.encode([change])
      #expect(encoded == expected)
      try encoded.withUnsafeBytes { raw in
        var reader = ByteReader(raw, of: "body")
        #expect(try Change.decode(&reader) == [change])
        try reader.finish()
      }
      // No shorter body is taken for one.
      for length in 0..<encoded.count {
        #expect(!isWhole(Array(encoded[..<length])))
      }
    }
  }

  private func isWhole(_ body: [UInt8]) -> Bool {
    body.withUnsafeBytes { raw in
      var reader = ByteReader(raw, of: "body")
      do {
        _ = try Change.decode(&reader)
        try reader.finish()
        return true
      } catch {
        return false
      }
    }
  }

  @Test("the leaves of all trees are encoded as documented")
  func leaves() throws {
    let place = ChunkPlace(block: Block(3), digest: other, birth: 4)
    #expect(place.encoded == bytes(3) + bytes(other) + bytes(4))
    #expect(try ChunkPlace(decoding: place.encoded) == place)
    let container = ContainerEntry(
      number: ContainerNumber(2), name: "ab", chunkBytes: 8192, newest: 7, versionCount: 5)
    #expect(
      container.encoded == little(UInt32(8192)) + little(UInt32(0)) + bytes(7, 5)
        + little(UInt32(2)) + Array("ab".utf8))
    let node = VersionNode(
      facts: VersionFacts(
        id: 8, container: ContainerNumber(2), parent: 5, secondsSince1970: 1.5, bytesWritten: 77,
        objectCount: 88, label: nil, metadata: .inline([])),
      chunkBytes: 8192, chunks: [], removed: [], parent: nil)
    let facts =
      bytes(8, 2, 5, 1.5.bitPattern, 77, 88, 0) + little(UInt32(0)) + little(UInt32(0))
      + bytes(0, 0, 0)
    #expect(
      node.encoded(tree: tree(100), tableParent: 4) == bytes(0, 4) + bytes(tree(100))
        + little(UInt32(8192)) + little(UInt32(0)) + facts)
  }

  @Test("every field of every table says what it defends against, or is only a place or a length")
  func defences() throws {
    for heading in ["Superblock", "Checkpoint", "Barrier", "Tree node"] {
      for row in try table(heading) {
        #expect(!row.defends.isEmpty, "\(heading), \(row.meaning)")
      }
    }
  }

  @Test("a store of a newer format is refused with both numbers, whatever else it holds")
  func newer() throws {
    let image = NewStore.image(identity: identity)
    // The number is where every later format keeps it: at byte 8 of a superblock.
    for slots in [[0], [1], [0, 1]] {
      for garbled in [false, true] {
        var bytes = image
        for slot in slots {
          bytes[slot * 4096 + 8] = 7
          if garbled { for place in 2000..<4096 { bytes[slot * 4096 + place] = 0xEE } }
          reseal(&bytes, slot)
        }
        for readOnly in [false, true] {
          var options = StoreFileOptions()
          options.readOnly = readOnly
          do {
            _ = try ChunkStore.open(on: MemoryDevice(bytes), options)
            Issue.record("slots \(slots) were not refused")
          } catch {
            #expect(error.code == .newerFormat)
            #expect(error.message.contains("format 7"), "\(error)")
            #expect(error.message.contains("format \(Superblock.formatVersion)."), "\(error)")
          }
        }
      }
    }
    // A number that its checksum does not vouch for is damage.
    var bytes = image
    bytes[8] = 7
    bytes[3000] = 1
    bytes[4096 + 8] = 7
    bytes[4096 + 3000] = 1
    #expect(code { _ = try ChunkStore.open(on: MemoryDevice(bytes)) } == .corrupt)
  }

  /// Makes a superblock's checksum right.
  private func reseal(_ bytes: inout [UInt8], _ slot: Int) {
    let sum = bytes.withUnsafeBytes {
      Checksum.xxh3(
        UnsafeRawBufferPointer(rebasing: $0[slot * 4096 + 24..<slot * 4096 + 4096]),
        seed: UInt64(slot))
    }
    withUnsafeBytes(of: sum.littleEndian) { sum in
      for place in 0..<8 { bytes[slot * 4096 + 16 + place] = sum[place] }
    }
  }
}
