// The barrier chunk: the record that makes a point's chunks one atomic whole.
//
//     OFFSET SIZE MEANING                                  DEFENDS AGAINST
//          0    8 magic "SPMbarri"                         reading another record as one
//          8    8 XXH3-64 of bytes 16..<4096, seeded with  tears, rot, misdirected reads
//                 the block's own number                   and writes
//         16   16 identity of the store                    blocks left over from another store
//         32    8 the block's own number                   misdirected writes
//         40    8 epoch                                    barriers of a crashed or failed
//                                                          writer
//         48    8 sequence                                 gaps and repetitions in the chain
//         56   16 digest of the barrier before (its head)  a barrier of another history
//         72    8 watermark: newest barrier known durable  taking damage for a torn end
//         80    8 block of the next barrier                (the chain)
//         88    8 body: bytes
//         96    8 body: first block; 0 when it is inline
//        104   16 digest of a body outside the head        tears and rot in it
//        120    8 zero
//        128      the body where it fits, then zeros
//
// Facts:
// 1. The head's digest covers its body: inline, or by the body's digest.
// 2. The body names every chunk with its digest, so a point is whole when its head, its body and
//    its chunks fit their digests; nothing else need be known about what reached the medium.
//    That is why one flush is enough.
// 3. The next barrier's place is reserved when this one is written, so the chain can be followed
//    forwards by reading one block per barrier.

import SoftPMBase

package struct Barrier: Sendable {
  static let magic: [UInt8] = Array("SPMbarri".utf8)
  static let headBytes = 128
  static let inlineBytesMost = Block.byteCount - headBytes
  /// Longest body: 2²⁴ chunks of one point, with room for names and metadata. It bounds what a
  /// damaged length can make a reader allocate.
  static let bodyBytesMost = 512 << 20

  package var identity: Digest
  package var block: Block
  package var epoch: UInt64
  package var sequence: UInt64
  package var previous: Digest
  package var watermark: UInt64
  package var next: Block
  package var bodyBytes: Int
  /// Where a body that does not fit the head lies, with its digest.
  package var outside: BlockReference?

  /// The head's block, with `body` in it when it fits.
  package func encoded(body: [UInt8]) -> [UInt8] {
    precondition(body.count == bodyBytes)
    precondition((outside != nil) == (bodyBytes > Barrier.inlineBytesMost))
    var writer = ByteWriter(capacity: Block.byteCount)
    writer.append(Barrier.magic)
    writer.integer(UInt64(0))
    writer.digest(identity)
    writer.integer(block.rawValue)
    writer.integer(epoch)
    writer.integer(sequence)
    writer.digest(previous)
    writer.integer(watermark)
    writer.integer(next.rawValue)
    writer.integer(UInt64(bodyBytes))
    writer.integer(outside?.block.rawValue ?? 0)
    writer.digest(outside?.digest ?? .zero)
    writer.zeros(8)
    if outside == nil { writer.append(body) }
    writer.pad(to: Block.byteCount)
    writer.seal(from: 16, checksumAt: 8, seed: block.rawValue)
    return writer.bytes
  }

  /// Decodes a head; the reader is left where an inline body begins.
  package init(
    decoding reader: inout ByteReader, _ bytes: UnsafeRawBufferPointer, at block: Block,
    identity: Digest, unchecked: Bool = false
  ) throws(ContainerError) {
    try reader.opening(
      magic: Barrier.magic, in: bytes, seed: block.rawValue, identity: identity,
      unchecked: unchecked)
    guard try reader.block() == block else { throw reader.invalid("the barrier's own place") }
    self.identity = identity
    self.block = block
    epoch = try reader.integer()
    sequence = try reader.integer()
    previous = try reader.digest()
    watermark = try reader.integer()
    guard watermark < sequence else { throw reader.invalid("a watermark below the barrier") }
    next = try reader.block()
    let length = try reader.integer(UInt64.self)
    guard length <= UInt64(Barrier.bodyBytesMost) else {
      throw reader.invalid("a body of at most \(Barrier.bodyBytesMost) bytes", found: "\(length)")
    }
    bodyBytes = Int(length)
    let place = try reader.block()
    let digest = try reader.digest()
    try reader.zeros(8)
    outside = place.rawValue == 0 ? nil : BlockReference(block: place, digest: digest)
    guard (outside != nil) == (bodyBytes > Barrier.inlineBytesMost),
      outside != nil || digest == .zero
    else {
      throw reader.invalid("a body in its place")
    }
  }

  init(
    identity: Digest, block: Block, epoch: UInt64, sequence: UInt64, previous: Digest,
    watermark: UInt64, next: Block, bodyBytes: Int, outside: BlockReference?
  ) {
    self.identity = identity
    self.block = block
    self.epoch = epoch
    self.sequence = sequence
    self.previous = previous
    self.watermark = watermark
    self.next = next
    self.bodyBytes = bodyBytes
    self.outside = outside
  }
}
