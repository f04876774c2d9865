// For fuzzers and tests: decodes any record, and sees that it encodes to the same bytes again.

import SoftPMBase

package enum RecordCheck {
  private static let block = Block(7)
  private static let identity = Digest(low: 0x0101, high: 0x0202)

  /// What is wrong with the pair of decoder and encoder of a record; nil when nothing is. Bytes
  /// that are refused are no problem. Heads are made to fit, so that decoding gets past them.
  package static func problem(kind: Int, _ content: [UInt8]) -> String? {
    do throws(ContainerError) {
      let (name, input, output) = try roundTrip(kind: kind % 8, content)
      return input == output ? nil : "\(name): \(input.count) bytes encode differently"
    } catch {
      return nil
    }
  }

  private static func roundTrip(
    kind: Int, _ content: [UInt8]
  ) throws(ContainerError) -> (String, [UInt8], [UInt8]) {
    switch kind {
    case 0: return try superblock(content)
    case 1:
      let bytes = sealed(Checkpoint.magic, content)
      let checkpoint = try read(bytes) { (raw) throws(ContainerError) in
        try Checkpoint(decoding: raw, at: block, identity: identity)
      }
      return ("checkpoint", bytes, checkpoint.encoded(at: block))
    case 2: return try barrier(content)
    case 3:
      let bytes = sealed(TreeNode.magic, content)
      let node = try read(bytes) { (raw) throws(ContainerError) in
        try TreeNode(decoding: raw, at: block, identity: identity)
      }
      return ("tree node", bytes, node.encoded(at: block, identity: identity))
    case 4:
      let changes = try read(content) { (raw) throws(ContainerError) in
        var reader = ByteReader(raw, of: "body")
        let changes = try Change.decode(&reader)
        try reader.finish()
        return changes
      }
      return ("body", content, Change.encode(changes))
    case 5: return ("chunk", content, try ChunkPlace(decoding: content).encoded)
    case 6:
      return ("container", content, try ContainerEntry(decoding: content, number: 3).encoded)
    default:
      let node = try VersionNode(decoding: content, id: 9)
      return ("version", content, node.encoded(tree: node.tree, tableParent: node.tableParent))
    }
  }

  private static func read<Result>(
    _ bytes: [UInt8], _ body: (UnsafeRawBufferPointer) throws(ContainerError) -> Result
  ) throws(ContainerError) -> Result {
    let buffer = PageBuffer(blocksHolding: bytes)
    return try body(UnsafeRawBufferPointer(rebasing: buffer.readOnly[..<bytes.count]))
  }

  /// A block of a record: magic, checksum, identity and its own place, then the content.
  private static func sealed(_ magic: [UInt8], _ content: [UInt8]) -> [UInt8] {
    var writer = ByteWriter(capacity: Block.byteCount)
    writer.append(magic)
    writer.integer(UInt64(0))
    writer.digest(identity)
    writer.integer(block.rawValue)
    writer.append(Array(content.prefix(Block.byteCount - 40)))
    writer.pad(to: Block.byteCount)
    writer.seal(from: 16, checksumAt: 8, seed: block.rawValue)
    return writer.bytes
  }

  private static func superblock(
    _ content: [UInt8]
  ) throws(ContainerError) -> (String, [UInt8], [UInt8]) {
    var writer = ByteWriter(capacity: Block.byteCount)
    writer.append(Superblock.magic)
    writer.integer(Superblock.formatVersion)
    writer.integer(UInt32(Block.byteCount))
    writer.integer(UInt64(0))
    writer.append(Array(content.prefix(Block.byteCount - 24)))
    writer.pad(to: Block.byteCount)
    // The low bit of the sequence says which slot it is.
    let slot = Int(writer.bytes[40] & 1)
    writer.seal(from: 24, checksumAt: 16, seed: UInt64(slot))
    let bytes = writer.bytes
    let found = try read(bytes) { (raw) throws(ContainerError) in
      switch Superblock.slot(raw, number: slot) {
      case .valid(let superblock): return superblock
      case .damaged(let error): throw error
      case .newer, .foreign: throw .corrupt(at: 0, expected: "a superblock")
      }
    }
    return ("superblock", bytes, found.encoded())
  }

  private static func barrier(
    _ content: [UInt8]
  ) throws(ContainerError) -> (String, [UInt8], [UInt8]) {
    let bytes = sealed(Barrier.magic, content)
    let (barrier, body) = try read(bytes) { (raw) throws(ContainerError) in
      var reader = ByteReader(raw, of: "barrier")
      let barrier = try Barrier(decoding: &reader, raw, at: block, identity: identity)
      guard barrier.outside == nil else {
        try reader.zeros(reader.remaining)
        return (barrier, [UInt8](repeating: 0, count: barrier.bodyBytes))
      }
      let body = [UInt8](try reader.take(barrier.bodyBytes))
      try reader.zeros(reader.remaining)
      return (barrier, body)
    }
    return ("barrier", bytes, barrier.encoded(body: body))
  }
}
