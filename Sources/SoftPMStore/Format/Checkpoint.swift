// The checkpoint: everything that the store held when a certain barrier had been written.
//
//     OFFSET SIZE MEANING                                  DEFENDS AGAINST
//          0    8 magic "SPMcheck"                         reading another record as one
//          8    8 XXH3-64 of bytes 16..<4096, seeded with  tears, rot, misdirected reads
//                 the block's own number                   and writes
//         16   16 identity of the store                    blocks left over from another store
//         32    8 the block's own number                   misdirected writes
//         40    8 sequence of the last barrier folded in   replaying a barrier twice, or none
//         48   16 digest of that barrier's head            a chain that does not continue it
//         64    8 block where the next barrier is expected
//         72    8 next container number                    numbers given out twice
//         80    8 frontier: first block never given out    overwriting what is in use
//         88   32 tree of containers
//        120   32 tree of versions
//        152   32 tree of free space
//        184    8 version whose space is being given   giving blocks back twice, or never
//                 back; 0: none
//        192    8 its chunks from here on still to do  the same
//            rest zero
//
// A tree reference is block 8, digest 16, birth 8; all zero for an empty tree.
//
// A checkpoint is no part of the barrier chain: it can be written while the chain goes on, and
// counts from the moment that a superblock names it.

import SoftPMBase

/// A reference to the root of a tree, or to a node in one.
package struct TreeReference: Hashable, Sendable {
  package var block: Block
  package var digest: Digest
  /// The version for which the node was written; 0 in trees that belong to no version.
  package var birth: UInt64
}

/// A dropped version that a fold has begun to give back and not finished: what it alone has in
/// chunks before `chunk` is free already. There is at most one.
package struct UnfinishedReclaim: Equatable, Sendable {
  package var version: VersionID
  package var chunk: UInt64

  package init(version: VersionID, chunk: UInt64) {
    self.version = version
    self.chunk = chunk
  }
}

package struct Checkpoint: Equatable, Sendable {
  static let magic: [UInt8] = Array("SPMcheck".utf8)

  package var identity: Digest
  package var barrier: UInt64
  package var barrierDigest: Digest
  package var nextBarrier: Block
  package var nextContainer: UInt64
  package var frontier: Block
  package var containers: TreeReference?
  package var versions: TreeReference?
  package var freeSpace: TreeReference?
  package var unfinished: UnfinishedReclaim?

  package func encoded(at block: Block) -> [UInt8] {
    var writer = ByteWriter(capacity: Block.byteCount)
    writer.append(Checkpoint.magic)
    writer.integer(UInt64(0))
    writer.digest(identity)
    writer.integer(block.rawValue)
    writer.integer(barrier)
    writer.digest(barrierDigest)
    writer.integer(nextBarrier.rawValue)
    writer.integer(nextContainer)
    writer.integer(frontier.rawValue)
    for tree in [containers, versions, freeSpace] { writer.tree(tree) }
    writer.integer(unfinished?.version.rawValue ?? 0)
    writer.integer(unfinished?.chunk ?? 0)
    writer.pad(to: Block.byteCount)
    writer.seal(from: 16, checksumAt: 8, seed: block.rawValue)
    return writer.bytes
  }

  package init(
    decoding bytes: UnsafeRawBufferPointer, at block: Block, identity: Digest
  ) throws(ContainerError) {
    var reader = ByteReader(bytes, of: "checkpoint", at: UInt64(block.offset))
    try reader.opening(
      magic: Checkpoint.magic, in: bytes, seed: block.rawValue, identity: identity)
    guard try reader.block() == block else { throw reader.invalid("the checkpoint's own place") }
    self.identity = identity
    barrier = try reader.integer()
    barrierDigest = try reader.digest()
    nextBarrier = try reader.block()
    nextContainer = try reader.integer()
    frontier = try reader.block()
    containers = try reader.tree()
    versions = try reader.tree()
    freeSpace = try reader.tree()
    let version = try reader.integer(UInt64.self)
    let chunk = try reader.integer(UInt64.self)
    guard (version == 0) == (chunk == 0), chunk <= UInt64(UInt32.max) else {
      throw reader.invalid("a version being given back")
    }
    unfinished =
      version == 0 ? nil : UnfinishedReclaim(version: VersionID(version), chunk: chunk)
    try reader.zeros(reader.remaining)
  }

  /// What a new store holds: nothing.
  init(identity: Digest, nextBarrier: Block, frontier: Block) {
    self.identity = identity
    self.nextBarrier = nextBarrier
    self.frontier = frontier
    barrier = 0
    barrierDigest = .zero
    nextContainer = 1
  }
}

extension ByteWriter {
  mutating func tree(_ reference: TreeReference?) {
    integer(reference?.block.rawValue ?? 0)
    digest(reference?.digest ?? .zero)
    integer(reference?.birth ?? 0)
  }

  /// Puts the checksum of everything from `from` on at its place.
  mutating func seal(from: Int, checksumAt place: Int, seed: UInt64) {
    let checksum = bytes.withUnsafeBytes {
      Checksum.xxh3(UnsafeRawBufferPointer(rebasing: $0[from...]), seed: seed)
    }
    patch(checksum, at: place)
  }
}

extension ByteReader {
  mutating func tree() throws(ContainerError) -> TreeReference? {
    let reference = TreeReference(
      block: try block(), digest: try digest(), birth: try integer())
    if reference.block.rawValue > 0 { return reference }
    guard reference.digest == .zero, reference.birth == 0 else {
      throw invalid("a reference to a tree")
    }
    return nil
  }

  /// Reads and checks what every block's record opens with: magic 8, checksum 8, identity 16.
  mutating func opening(
    magic: [UInt8], in bytes: UnsafeRawBufferPointer, seed: UInt64, identity: Digest,
    unchecked: Bool = false
  ) throws(ContainerError) {
    guard try take(8).elementsEqual(magic) else {
      throw invalid("the magic \(String(decoding: magic, as: UTF8.self))")
    }
    let stored = try integer(UInt64.self)
    let body = UnsafeRawBufferPointer(rebasing: bytes[16...])
    guard unchecked || Checksum.xxh3(body, seed: seed) == stored else {
      throw invalid("a fitting checksum")
    }
    guard try digest() == identity else { throw invalid("this store's identity") }
  }
}
