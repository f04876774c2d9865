// Measures durable points of a store and, beside them in the same run, what any store must pay.
//
// 1. Everything compared is done in turn, round by round, so that a change of the machine's load
//    meets all alike; medians are compared.
// 2. Images are made before the clock runs: making them is the engine's work and not the store's.

import Dispatch
import Glibc
import SoftPMBase
import SoftPMStore

/// A store of one container that is measured, full of chunks from the start.
final class MeasuredStore {
  let path: String
  let chunkBytes: Int
  let chunkCount: Int
  private(set) var store: ChunkStore
  private let container: StoredContainer
  private var last: VersionID
  private var salt = 0
  /// Microseconds of each point, whole, and until `commit` returned.
  private(set) var times: [Double] = []
  private(set) var queueTimes: [Double] = []
  private var before: StoreStatistics
  private var dirtyBytes = 0

  init(
    _ path: String, driver: StoreDriver, chunkBytes: Int, containerBytes: Int = 64 << 20
  ) throws {
    self.path = path
    self.chunkBytes = chunkBytes
    chunkCount = containerBytes / chunkBytes
    unlink(path)
    var options = StoreFileOptions()
    options.driver = driver
    store = try ChunkStore.open(path, options)
    container = try store.createContainer(named: "a", chunkSize: ByteCount(chunkBytes))
    try store.setRetention(.latest(64), of: container.number)
    let all = MeasuredStore.request(
      container, nil, Array(0..<chunkCount), chunkBytes: chunkBytes, salt: 0)
    let commit = try store.commit(all)
    try commit.wait()
    last = commit.version
    before = store.statistics
  }

  /// One durable point that replaces `chunks`, which rise.
  func point(_ chunks: [Int]) throws {
    salt += 1
    let request = MeasuredStore.request(
      container, last, chunks, chunkBytes: chunkBytes, salt: salt)
    dirtyBytes += chunks.count * chunkBytes
    let start = DispatchTime.now().uptimeNanoseconds
    let commit = try store.commit(request)
    let queued = DispatchTime.now().uptimeNanoseconds
    try commit.wait()
    let end = DispatchTime.now().uptimeNanoseconds
    times.append(Double(end - start) / 1000)
    queueTimes.append(Double(queued - start) / 1000)
    last = commit.version
  }

  /// Forgets what was measured so far.
  func begin() {
    times = []
    queueTimes = []
    dirtyBytes = 0
    before = store.statistics
  }

  var figures: StoreFigures {
    let after = store.statistics
    let points = Double(max(times.count, 1))
    return StoreFigures(
      microseconds: StoreFigures.median(times),
      microsecondsUntilQueued: StoreFigures.median(queueTimes),
      bytesWrittenPerPoint: Double(after.bytesWritten - before.bytesWritten) / points,
      bytesDirtyPerPoint: Double(dirtyBytes) / points,
      flushesPerPoint: Double(after.flushes - before.flushes) / points)
  }

  func closeAndRemove() throws {
    try store.close()
    unlink(path)
  }

  static func request(
    _ container: StoredContainer, _ parent: VersionID?, _ chunks: [Int], chunkBytes size: Int,
    salt: Int
  ) -> CommitRequest {
    let buffer = PageBuffer(byteCount: chunks.count * size)
    var digests: [Digest] = []
    for (place, chunk) in chunks.enumerated() {
      let part = UnsafeMutableRawBufferPointer(
        rebasing: buffer.bytes[(place * size)...][..<(place * size + size)])
      for word in stride(from: 0, to: size, by: 8) {
        part.storeBytes(
          of: UInt64(salt &* 31 &+ chunk &+ word), toByteOffset: word, as: UInt64.self)
      }
      digests.append(Checksum.digest(UnsafeRawBufferPointer(part)))
    }
    var request = CommitRequest(
      container: container.number, parent: parent,
      chunks: chunks.map { ChunkIndex(UInt32($0)) }, images: buffer, digests: digests,
      metadata: [UInt8](repeating: 1, count: 200))
    request.waitsAtOnce = true
    return request
  }
}

struct StoreFigures {
  var microseconds: Double
  var microsecondsUntilQueued: Double
  var bytesWrittenPerPoint: Double
  var bytesDirtyPerPoint: Double
  var flushesPerPoint: Double

  static func median(_ values: [Double]) -> Double {
    values.isEmpty ? 0 : values.sorted()[values.count / 2]
  }
}

/// What any store must pay: as many dirty bytes, O_DIRECT, to space written before, and a flush.
///
/// `drained` is a write and a flush of io_uring in one call, the flush behind the write; `inTurn`
/// is a write of io_uring, and `fdatasync` when it has completed. The second is what the store is
/// held against: it is the cheaper one.
final class StoreFloor {
  private let drained: FloorFile
  private let inTurn: FloorFile
  private(set) var drainedTimes: [Double] = []
  private(set) var inTurnTimes: [Double] = []

  init(_ folder: String, bytes: Int = 64 << 20) throws {
    drained = try FloorFile(folder + "/bench-floor-drained", bytes: bytes, drained: true)
    inTurn = try FloorFile(folder + "/bench-floor-in-turn", bytes: bytes, drained: false)
  }

  func point(_ byteCount: Int) throws {
    drainedTimes.append(try drained.write(byteCount))
    inTurnTimes.append(try inTurn.write(byteCount))
  }

  func begin() {
    drainedTimes = []
    inTurnTimes = []
  }
}

final class FloorFile {
  private let device: RawRing
  private let path: String
  private let buffer = PageBuffer(byteCount: 8 << 20)
  private var place = 0
  private let bytes: Int
  private let drained: Bool

  init(_ path: String, bytes: Int, drained: Bool) throws {
    unlink(path)
    self.path = path
    self.bytes = bytes
    self.drained = drained
    device = try RawRing(path, byteCount: bytes)
  }

  deinit { unlink(path) }

  /// Microseconds.
  func write(_ count: Int) throws -> Double {
    if place + count > bytes { place = 0 }
    let part = UnsafeRawBufferPointer(rebasing: buffer.readOnly[..<count])
    let start = DispatchTime.now().uptimeNanoseconds
    try device.write(part, at: place, drained: drained)
    let end = DispatchTime.now().uptimeNanoseconds
    place += count
    return Double(end - start) / 1000
  }
}
