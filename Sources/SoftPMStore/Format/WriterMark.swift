// The mark of the last writer, in block 2: who last began an epoch.
//
//     OFFSET SIZE MEANING
//          0    8 magic "SPMholds"
//          8    8 process number
//
// A block device whose superblocks are both damaged is told by it from one whose formatting was
// interrupted. Nothing else is believed of it, so it has no checksum.

import Glibc
import SoftPMBase

enum WriterMark {
  static let block = Block(2)
  private static let magic: [UInt8] = Array("SPMholds".utf8)

  static func encoded() -> [UInt8] {
    var writer = ByteWriter(capacity: Block.byteCount)
    writer.append(magic)
    writer.integer(UInt64(getpid()))
    writer.pad(to: Block.byteCount)
    return writer.bytes
  }
}
