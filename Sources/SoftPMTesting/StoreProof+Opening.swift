import SoftPMBase
import SoftPMStore
import Synchronization

/// A device that keeps only blocks that are not zero: for stores far larger than memory, whose
/// chunks hold nothing.
final class SparseDevice: Device {
  private let blocks = Mutex<(kept: [Int: [UInt8]], end: Int)>(([:], 0))

  let driver = "sparse"
  var byteCount: Int { blocks.withLock { $0.end } }

  func read(
    into target: UnsafeMutableRawBufferPointer, at offset: Int, from source: ReadSource
  ) throws(ContainerError) {
    precondition(offset % Block.byteCount == 0 && target.count % Block.byteCount == 0)
    nonisolated(unsafe) let target = target
    target.initializeMemory(as: UInt8.self, repeating: 0)
    blocks.withLock { blocks in
      for start in stride(from: 0, to: target.count, by: Block.byteCount) {
        guard let bytes = blocks.kept[(offset + start) / Block.byteCount] else { continue }
        UnsafeMutableRawBufferPointer(rebasing: target[start..<start + Block.byteCount])
          .copyBytes(from: bytes)
      }
    }
  }

  func write(_ writes: [DeviceWrite]) throws(ContainerError) {
    nonisolated(unsafe) let writes = writes
    blocks.withLock { blocks in
      for write in writes {
        for start in stride(from: 0, to: write.bytes.count, by: Block.byteCount) {
          let part = write.bytes[start..<start + Block.byteCount]
          let words = UnsafeRawBufferPointer(rebasing: part).assumingMemoryBound(to: UInt64.self)
          let place = (write.offset + start) / Block.byteCount
          blocks.kept[place] = words.allSatisfy { $0 == 0 } ? nil : [UInt8](part)
        }
        blocks.end = max(blocks.end, write.offset + write.bytes.count)
      }
    }
  }

  func flush() throws(ContainerError) {}
  func close() {}
}

extension StoreProof {
  /// Opening, dropping and branching cost the same in a large store with a long history as in a
  /// small one: counted in blocks read and flushes.
  package mutating func opening() {
    let large = isThorough ? (chunks: 1 << 20, versions: 1_000) : (chunks: 1 << 13, versions: 60)
    do {
      let small = try self.costs(chunks: 64, versions: 10)
      let costs = try self.costs(chunks: large.chunks, versions: large.versions)
      say(
        "a store of \(large.versions) versions × \(large.chunks) chunks: \(costs); "
          + "of 10 × 64: \(small)")
      if costs.open > small.open { fail("opening reads \(costs.open) blocks") }
      if costs.branchFlushes != 1 { fail("a branch takes \(costs.branchFlushes) flushes") }
      if costs.pointReads != 0 { fail("a point reads \(costs.pointReads) blocks") }
      if costs.dropFlushes != 1 { fail("a drop takes \(costs.dropFlushes) flushes") }
      // Two more levels of a tree, for each of eight chunks.
      if costs.perDrop > small.perDrop + 64 { fail("a drop reads \(costs.perDrop) blocks") }
    } catch {
      fail("opening: \(error)")
    }
  }

  private struct Costs: CustomStringConvertible {
    var open = 0
    var branchFlushes = 0
    var dropFlushes = 0
    var pointReads = 0
    var perDrop = 0
    var description: String {
      "opening reads \(open) blocks, a branch is \(branchFlushes) flush, a drop \(dropFlushes) "
        + "flush and later \(perDrop) blocks read, a point reads \(pointReads)"
    }
  }

  private func costs(chunks: Int, versions: Int) throws -> Costs {
    let device = SparseDevice()
    var options = StoreFileOptions()
    options.watermarkDelay = nil
    let store = try ChunkStore.open(on: device, options)
    let container = try store.createContainer(named: "a", chunkSize: .kibibytes(4))
    let part = min(chunks, 1 << 15)
    let zeros = PageBuffer(byteCount: part * 4096)
    let digest = Checksum.digest(UnsafeRawBufferPointer(rebasing: zeros.readOnly[..<4096]))
    var last: VersionID?
    func point(_ range: Range<Int>) throws {
      var request = CommitRequest(
        container: container.number, parent: last, chunks: range.map { ChunkIndex(UInt32($0)) },
        images: ChunkImages(zeros, count: range.count, chunkBytes: 4096),
        digests: Array(repeating: digest, count: range.count))
      request.waitsAtOnce = true
      let commit = try store.commit(request)
      try commit.wait()
      last = commit.version
    }
    for start in stride(from: 0, to: chunks, by: part) { try point(start..<start + part) }
    for version in 0..<versions {
      let start = version * 7919 % (chunks - 8)
      try point(start..<start + 8)
    }
    try store.checkpointNow()
    try store.checkpointNow()
    var result = Costs()
    let reader = try ChunkStore.open(on: device, options)
    result.open = reader.statistics.reads
    // From here on `reader` is the writer.
    try reader.startWriting()
    func flushes(_ body: () throws -> Void) rethrows -> Int {
      // Zeros are written in the background; no point waits for them.
      let before = reader.statistics
      try body()
      let after = reader.statistics
      return after.pointFlushes + after.upkeepFlushes - before.pointFlushes - before.upkeepFlushes
    }
    let listed = try reader.versions(of: container.number)
    let branch = try reader.createContainer(named: "b", chunkSize: .kibibytes(4))
    result.branchFlushes = try flushes {
      var request = CommitRequest(
        container: branch.number, parent: last, chunks: [], images: ChunkImages(), digests: [])
      request.waitsAtOnce = true
      try reader.commit(request).wait()
    }
    var before = reader.statistics.reads
    var request = CommitRequest(
      container: container.number, parent: last, chunks: (0..<8).map { ChunkIndex($0) },
      images: ChunkImages(zeros, count: 8, chunkBytes: 4096),
      digests: Array(repeating: digest, count: 8))
    request.waitsAtOnce = true
    try reader.commit(request).wait()
    result.pointReads = reader.statistics.reads - before
    try reader.checkpointNow()
    before = reader.statistics.reads
    try reader.checkpointNow()
    let idle = reader.statistics.reads - before
    let middle = listed.count / 2
    result.dropFlushes = try flushes { try reader.deleteVersion(listed[middle].id) }
    for index in 1..<4 { try reader.deleteVersion(listed[middle + index].id) }
    before = reader.statistics.reads
    try reader.checkpointNow()
    result.perDrop = (reader.statistics.reads - before - idle) / 4
    try reader.close()
    return result
  }
}
