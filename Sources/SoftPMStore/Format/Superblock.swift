// Superblocks: where everything is found from. Two, in blocks 0 and 1.
//
//     OFFSET SIZE MEANING                                  DEFENDS AGAINST
//          0    8 magic 89 53 50 4D 0D 0A 1A 0A            taking another file for a store;
//                                                          text-mode copies, 7-bit channels
//          8    4 format version                           misreading a newer format
//         12    4 bytes per block (4096)                   a store of another geometry
//         16    8 XXH3-64 of bytes 24..<4096, seeded       tears, rot; a slot's copy put into
//                 with the slot number                     the other slot
//         24   16 identity of the store, random            blocks left over from another store
//         40    8 sequence of superblocks                  taking the older slot for the newer
//         48    8 watermark: newest barrier known durable  taking damage for a torn end
//         56    8 next version number                      numbers given out twice
//         64    4 flags: bit 0, closed cleanly             needless gaps in version numbers
//         68    4 number of epochs, n (1 ... 160)
//         72    8 block of the checkpoint
//         80    8 zero
//         88   16 digest of the checkpoint's block         a stale or misplaced checkpoint
//        104 24×n epochs: number 8, first barrier 8,       barriers of a failed or crashed
//                 block of the first barrier 8             writer coming back to life
//            rest zero
//
// Facts:
// 1. A slot is written only while the other slot is known durable, so one of them is whole at
//    every moment.
// 2. Both slots know an epoch before the first barrier of that epoch is written, and both know a
//    checkpoint before space that it freed is given out: losing either slot loses nothing.
// 3. Magic, format version, geometry and checksum keep their places in every later format.

import SoftPMBase

/// A stretch of the barrier chain that one writer wrote without a failure.
package struct Epoch: Hashable, Sendable {
  package var number: UInt64
  /// The sequence number of its first barrier; earlier ones belong to earlier epochs.
  package var firstBarrier: UInt64
  /// Where the first barrier is to be found, whatever the barrier before it says.
  package var start: Block
}

/// A reference to a block together with the digest of what it must hold.
package struct BlockReference: Hashable, Sendable {
  package var block: Block
  package var digest: Digest
}

package struct Superblock: Equatable, Sendable {
  static let magic: [UInt8] = [0x89, 0x53, 0x50, 0x4D, 0x0D, 0x0A, 0x1A, 0x0A]
  package static let formatVersion: UInt32 = 1
  static let epochsMost = 160

  package var identity: Digest
  package var sequence: UInt64
  package var watermark: UInt64
  package var nextVersion: UInt64
  package var isClean: Bool
  package var checkpoint: BlockReference
  /// Oldest first; never empty. The last one is current.
  package var epochs: [Epoch]

  package static func slot(ofSequence sequence: UInt64) -> Int { Int(sequence & 1) }

  /// The block's bytes as they go into `slot(ofSequence: sequence)`.
  package func encoded() -> [UInt8] {
    precondition(!epochs.isEmpty && epochs.count <= Superblock.epochsMost)
    var writer = ByteWriter(capacity: Block.byteCount)
    writer.append(Superblock.magic)
    writer.integer(Superblock.formatVersion)
    writer.integer(UInt32(Block.byteCount))
    writer.integer(UInt64(0))
    writer.digest(identity)
    writer.integer(sequence)
    writer.integer(watermark)
    writer.integer(nextVersion)
    writer.integer(UInt32(isClean ? 1 : 0))
    writer.integer(UInt32(epochs.count))
    writer.integer(checkpoint.block.rawValue)
    writer.integer(UInt64(0))
    writer.digest(checkpoint.digest)
    for epoch in epochs {
      writer.integer(epoch.number)
      writer.integer(epoch.firstBarrier)
      writer.integer(epoch.start.rawValue)
    }
    writer.pad(to: Block.byteCount)
    let slot = UInt64(Superblock.slot(ofSequence: sequence))
    let checksum = writer.bytes.withUnsafeBytes {
      Checksum.xxh3(UnsafeRawBufferPointer(rebasing: $0[24...]), seed: slot)
    }
    writer.patch(checksum, at: 16)
    return writer.bytes
  }

  /// What a slot holds, judged without throwing, because the other slot may be good.
  package enum Slot {
    case valid(Superblock)
    /// A whole superblock of a later format.
    case newer(UInt32)
    case damaged(ContainerError)
    /// No magic: never a superblock.
    case foreign
  }

  package static func slot(_ bytes: UnsafeRawBufferPointer, number: Int) -> Slot {
    precondition(bytes.count == Block.byteCount)
    guard bytes.prefix(8).elementsEqual(magic) else { return .foreign }
    let origin = UInt64(number * Block.byteCount)
    let stored = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: 16, as: UInt64.self))
    let body = UnsafeRawBufferPointer(rebasing: bytes[24...])
    guard Checksum.xxh3(body, seed: UInt64(number)) == stored else {
      return .damaged(.corrupt(at: origin, expected: "a superblock whose checksum fits"))
    }
    let version = UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt32.self))
    if version > formatVersion { return .newer(version) }
    do throws(ContainerError) {
      return .valid(try decode(bytes, at: origin))
    } catch {
      return .damaged(error)
    }
  }

  private static func decode(
    _ bytes: UnsafeRawBufferPointer, at origin: UInt64
  ) throws(ContainerError) -> Superblock {
    var reader = ByteReader(bytes, of: "superblock", at: origin)
    try reader.skip(8)
    guard try reader.integer(UInt32.self) == formatVersion else {
      throw reader.invalid("format version \(formatVersion)")
    }
    guard try reader.integer(UInt32.self) == UInt32(Block.byteCount) else {
      throw reader.invalid("blocks of \(Block.byteCount) bytes")
    }
    try reader.skip(8)
    let identity = try reader.digest()
    let sequence = try reader.integer(UInt64.self)
    let watermark = try reader.integer(UInt64.self)
    let nextVersion = try reader.integer(UInt64.self)
    let flags = try reader.integer(UInt32.self)
    guard flags <= 1 else { throw reader.invalid("known flags", found: "\(flags)") }
    let count = try reader.count(atMost: epochsMost, of: "epochs")
    guard count > 0 else { throw reader.invalid("an epoch") }
    let block = try reader.block()
    try reader.zeros(8)
    let digest = try reader.digest()
    var epochs: [Epoch] = []
    for _ in 0..<count {
      let epoch = Epoch(
        number: try reader.integer(), firstBarrier: try reader.integer(),
        start: try reader.block())
      if let last = epochs.last {
        guard epoch.number > last.number, epoch.firstBarrier > last.firstBarrier else {
          throw reader.invalid("rising epochs")
        }
      }
      epochs.append(epoch)
    }
    try reader.zeros(reader.remaining)
    return Superblock(
      identity: identity, sequence: sequence, watermark: watermark, nextVersion: nextVersion,
      isClean: flags == 1, checkpoint: BlockReference(block: block, digest: digest),
      epochs: epochs)
  }
}
