// A store of one container, as the benchmarks drive it.

import SoftPMBase
import SoftPMStore

/// Images are made before a clock runs: that is the engine's work and not the store's.
final class StoreSubject {
  let path: String
  let store: ChunkStore
  let container: StoredContainer
  let chunkBytes: Int
  let chunkCount: Int
  private(set) var version: VersionID?
  private var turn = 0

  /// Full of chunks from the start: `totalBytes` of them.
  init(
    _ path: String, _ driver: StoreDriver = .automatic, chunkBytes: Int, totalBytes: Int,
    retention: StoredRetention = .latest(64)
  ) throws {
    self.path = path
    var options = StoreFileOptions()
    options.driver = driver
    store = try ChunkStore.open(path, options)
    container = try store.createContainer(named: "a", chunkSize: ByteCount(chunkBytes))
    try store.setRetention(retention, of: container.number)
    self.chunkBytes = chunkBytes
    chunkCount = totalBytes / chunkBytes
    let atOnce = max(1, (64 << 20) / chunkBytes)
    for start in stride(from: 0, to: chunkCount, by: atOnce) {
      version = try commit(request(Array(start..<min(start + atOnce, chunkCount))))
    }
  }

  /// A durable point of so many neighbouring chunks, others each time.
  func point(_ dirtyBytes: Int, _ lap: Lap) throws -> UInt64 {
    let count = dirtyBytes / chunkBytes
    let first = ((turn + 1) * 37 * count) % max(1, chunkCount - count)
    try point(Array(first..<first + count), lap)
    return UInt64(first)
  }

  /// A durable point of these chunks, which rise.
  func point(_ chunks: [Int], _ lap: Lap) throws {
    turn += 1
    let request = request(chunks)
    version = try counting(lap) { try commit(request) }
  }

  /// Times `body`, and counts what the store did for it.
  func counting<Result>(_ lap: Lap, _ body: () throws -> Result) throws -> Result {
    let before = store.statistics
    let result = try lap.time(body)
    let after = store.statistics
    lap.count("bytes", Double(after.bytesWritten - before.bytesWritten))
    lap.count("flushes", Double(after.flushes - before.flushes))
    // Ahead of need, in the background: apart from what points write.
    let zeroed = after.bytesZeroed - before.bytesZeroed
    if zeroed > 0 { lap.count("zero-filled bytes", Double(zeroed)) }
    return result
  }

  /// A durable branch: a container of its own that begins with a version.
  func branch(_ name: String, at version: VersionID) throws {
    let made = try store.createContainer(named: name, chunkSize: ByteCount(chunkBytes))
    var request = CommitRequest(
      container: made.number, parent: version, chunks: [], images: ChunkImages(),
      digests: [])
    request.waitsAtOnce = true
    _ = try commit(request)
  }

  private func commit(_ request: CommitRequest) throws -> VersionID {
    let commit = try store.commit(request)
    try commit.wait()
    return commit.version
  }

  private func request(_ chunks: [Int]) -> CommitRequest {
    let buffer = PageBuffer(byteCount: chunks.count * chunkBytes)
    var digests: [Digest] = []
    for (place, chunk) in chunks.enumerated() {
      let part = UnsafeMutableRawBufferPointer(
        rebasing: buffer.bytes[(place * chunkBytes)...][..<(place * chunkBytes + chunkBytes)])
      for word in stride(from: 0, to: chunkBytes, by: 8) {
        part.storeBytes(
          of: UInt64(turn &* 31 &+ chunk &+ word), toByteOffset: word, as: UInt64.self)
      }
      digests.append(Checksum.digest(UnsafeRawBufferPointer(part)))
    }
    var request = CommitRequest(
      container: container.number, parent: version, chunks: chunks.map { ChunkIndex(UInt32($0)) },
      images: ChunkImages(buffer, count: chunks.count, chunkBytes: chunkBytes), digests: digests,
      metadata: [UInt8](repeating: 1, count: 200))
    request.waitsAtOnce = true
    return request
  }
}
