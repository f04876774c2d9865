// A copy of the store while it is in use.
//
// Facts:
// 1. A copy holds what one view holds: a checkpoint, and for a reader the barriers behind it that
//    are known durable. The view is pinned while it is copied, so nothing of it changes.
// 2. Only what the view uses is copied, each block to its own place: version numbers, labels and
//    references stay as they are, and free space is a hole.
// 3. The copy is made aside, flushed, opened and verified to the last byte, and only then named.

import Glibc
import SoftPMBase

/// A view to be copied.
private struct StoreImage {
  var superblock: Superblock
  /// Without the superblocks and the writer's mark.
  var blocks: RangeSet<Int>
}

extension ChunkStore {
  /// Makes a store at `path` that holds what this one holds. Points go on meanwhile.
  package func backup(
    to path: String, _ progress: (_ bytesDone: Int, _ bytesInAll: Int) -> Void = { _, _ in }
  ) throws(ContainerError) {
    try monitor.locked { () throws(ContainerError) in try usable(changing: false) }
    let place = try StoreFile.Place(resolving: path)
    let (image, view) = try imageToCopy()
    defer { if let view { letGo(view) } }
    let made = try place.make(replacing: false) { (descriptor) throws(ContainerError) in
      try self.copy(image, to: descriptor, place.path, progress)
      try ChunkStore.verify(descriptor, place.path)
    }
    guard let made else {
      throw ContainerError(
        code: .exists, message: "There is a file of that name already. Choose another name.",
        path: place.path)
    }
    Glibc.close(made)
  }

  /// What is to be copied, and the view that is held until it was.
  private func imageToCopy() throws(ContainerError) -> (StoreImage, UInt64?) {
    if isReadOnly {
      // The view is pinned for as long as the store is open.
      return (try image(tail: tail.extents + tail.images), nil)
    }
    return try exclusively { () throws(ContainerError) in
      try fold()
      let view = holdView()
      do throws(ContainerError) {
        var image = try image(tail: [])
        image.superblock.isClean = true
        image.superblock.nextVersion = monitor.locked { nextVersion }
        return (image, view)
      } catch {
        letGo(view)
        throw error
      }
    }
  }

  private func image(tail: [Extent]) throws(ContainerError) -> StoreImage {
    let first = Int(WriterMark.block.rawValue) + 1
    var blocks = RangeSet(first..<Int(checkpoint.frontier.rawValue))
    var free: [Extent] = []
    try TreeReader(medium: medium, identity: identity).walk(checkpoint.freeSpace) {
      (key, value) throws(ContainerError) in
      let count = try decoding(value, "free extent") {
        (reader: inout ByteReader) throws(ContainerError) in try reader.integer(UInt64.self)
      }
      guard key < Block.most, count <= Block.most else {
        throw .corrupt(at: nil, expected: "a free extent")
      }
      free.append(Extent(start: Block(key), count: Int(count)))
    }
    blocks.subtract(RangeSet(free))
    blocks.formUnion(RangeSet(tail))
    var superblock = superblock
    superblock.watermark = chain.sequence
    return StoreImage(superblock: superblock, blocks: blocks)
  }

  private func copy(
    _ image: StoreImage, to descriptor: Int32, _ path: String,
    _ progress: (_ bytesDone: Int, _ bytesInAll: Int) -> Void
  ) throws(ContainerError) {
    let total = image.blocks.ranges.reduce(0) { $0 + $1.count } * Block.byteCount
    let buffer = PageBuffer(byteCount: 1 << 20)
    var done = 0
    for range in image.blocks.ranges {
      var start = range.lowerBound * Block.byteCount
      let end = range.upperBound * Block.byteCount
      while start < end {
        let part = UnsafeMutableRawBufferPointer(
          rebasing: buffer.bytes[..<min(buffer.byteCount, end - start)])
        try medium.read(into: part, at: start, from: .cache)
        try StoreFile.write(UnsafeRawBufferPointer(part), at: start, of: descriptor, path)
        start += part.count
        done += part.count
        progress(done, total)
      }
    }
    var superblock = image.superblock
    for _ in 0..<2 {
      superblock.sequence += 1
      let slot = Superblock.slot(ofSequence: superblock.sequence)
      let bytes = PageBuffer(blocksHolding: superblock.encoded())
      try StoreFile.write(bytes.readOnly, at: slot * Block.byteCount, of: descriptor, path)
    }
  }

  /// Opens a copy that has no name yet, and reads all of it.
  private static func verify(_ descriptor: Int32, _ path: String) throws(ContainerError) {
    let duplicate = fcntl(descriptor, F_DUPFD_CLOEXEC, 3)
    let size = Int(lseek(descriptor, 0, SEEK_END))
    guard duplicate >= 0, size >= 0 else {
      throw .system(errno, doing: "verifying the copy", path: path)
    }
    let file = StoreFile(descriptor: duplicate, path: path, byteCount: size)
    var options = StoreFileOptions()
    options.readOnly = true
    let copy = try ChunkStore(
      Medium(PosixDevice(file, readOnly: true, reason: "")), options)
    let found = try copy.verify()
    try copy.close()
    guard let problem = found.problems.first else { return }
    throw ContainerError(
      code: .corrupt,
      message: "The copy was not made, since what it would hold is damaged: \(problem)",
      path: path)
  }
}
