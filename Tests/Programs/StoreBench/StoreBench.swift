// A small kernel for the store's figures: a durable point of one store against the raw floor in
// the same run, in turn, medians of each. Not part of `swift test`.
//
//     store-bench <folder> [rounds]

import Dispatch
import Glibc
import SoftPMBase
import SoftPMStore

@main
struct StoreBench {
  static func microseconds(_ body: () throws -> Void) rethrows -> Double {
    let start = DispatchTime.now().uptimeNanoseconds
    try body()
    return Double(DispatchTime.now().uptimeNanoseconds - start) / 1000
  }

  static func median(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }

  static func main() throws {
    let folder = CommandLine.arguments.dropFirst().first ?? "."
    let rounds = CommandLine.arguments.dropFirst(2).first.flatMap { Int($0) } ?? 300
    for chunkKiB in [4, 8, 16, 32] {
      try run(folder, chunkBytes: chunkKiB << 10, dirtyBytes: chunkKiB << 10, rounds: rounds)
    }
    for dirtyKiB in [64, 1024, 4096] {
      try run(
        folder, chunkBytes: 16 << 10, dirtyBytes: dirtyKiB << 10,
        rounds: max(20, rounds * 64 / dirtyKiB / 4))
    }
  }

  /// Overwrites of as many bytes in zero-written space, O_DIRECT, each made durable: through
  /// the store's own io_uring device, which is no more than the two system calls.
  static func run(_ folder: String, chunkBytes: Int, dirtyBytes: Int, rounds: Int) throws {
    let raw = folder + "/bench-floor"
    let floorFile = try Floor(raw, bytes: 64 << 20)
    defer { unlink(raw) }
    var stores: [(String, ChunkStore, StoredContainer, VersionID)] = []
    for driver in [StoreDriver.uring, .posix] {
      let path = folder + "/bench-\(driver.rawValue)"
      unlink(path)
      var options = StoreFileOptions()
      options.driver = driver
      let store = try ChunkStore.open(path, options)
      let made = try store.createContainer(named: "a", chunkSize: ByteCount(chunkBytes))
      try store.setRetention(.latest(64), of: made.number)
      let count = (64 << 20) / chunkBytes
      let version = try commit(store, made, nil, 0..<count, chunkBytes, 0)
      stores.append((driver.rawValue, store, made, version))
    }
    usleep(300_000)
    var floor: [Double] = []
    var times: [String: [Double]] = [:]
    let before = stores.map { $0.1.statistics }
    for round in 0..<rounds {
      floor.append(try microseconds { try floorFile.write(dirtyBytes) })
      for index in stores.indices {
        let (name, store, made, version) = stores[index]
        let count = dirtyBytes / chunkBytes
        let first = (round * 37 * count) % ((64 << 20) / chunkBytes - count)
        let request = request(made, version, first..<first + count, chunkBytes, round)
        times[name, default: []].append(
          try microseconds {
            let commit = try store.commit(request)
            try commit.wait()
            stores[index].3 = commit.version
          })
      }
    }
    let base = median(floor)
    print("chunk \(chunkBytes >> 10) KiB, dirty \(dirtyBytes >> 10) KiB, floor \(Int(base)) µs")
    for (index, entry) in stores.enumerated() {
      let after = entry.1.statistics
      let written = Double(after.bytesWritten - before[index].bytesWritten)
      let flushes = after.flushes - before[index].flushes
      let time = median(times[entry.0] ?? [0])
      print(
        "  \(entry.0): \(Int(time)) µs = floor + \(Int(time - base)) µs = \(ratio(time / base)) × "
          + "floor; \(ratio(written / Double(rounds * dirtyBytes))) bytes written per dirty byte; "
          + "\(ratio(Double(flushes) / Double(rounds))) flushes per point")
      try entry.1.close()
      unlink(folder + "/bench-\(entry.0)")
    }
  }

  static func ratio(_ value: Double) -> String {
    let hundredths = Int((value * 100).rounded())
    let rest = hundredths % 100
    return "\(hundredths / 100)." + (rest < 10 ? "0\(rest)" : "\(rest)")
  }

  static func request(
    _ made: StoredContainer, _ parent: VersionID?, _ chunks: Range<Int>, _ size: Int, _ salt: Int
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
      container: made.number, parent: parent, chunks: chunks.map { ChunkIndex(UInt32($0)) },
      images: buffer, digests: digests, metadata: [UInt8](repeating: 1, count: 200))
    request.waitsAtOnce = true
    return request
  }

  static func commit(
    _ store: ChunkStore, _ made: StoredContainer, _ parent: VersionID?, _ chunks: Range<Int>,
    _ size: Int, _ salt: Int
  ) throws -> VersionID {
    let commit = try store.commit(request(made, parent, chunks, size, salt))
    try commit.wait()
    return commit.version
  }
}

/// What any store must pay: the bytes, directly to written space, and a flush.
final class Floor {
  private let device: any Device
  private let buffer = PageBuffer(byteCount: 4 << 20)
  private var place = 0
  private let bytes: Int

  init(_ path: String, bytes: Int) throws {
    unlink(path)
    self.bytes = bytes
    device = try RingDevice.raw(path, byteCount: bytes)
  }

  func write(_ count: Int) throws {
    if place + count > bytes { place = 0 }
    let part = UnsafeRawBufferPointer(rebasing: buffer.readOnly[..<count])
    try device.writeAndFlush([DeviceWrite(offset: place, bytes: part)])
    place += count
  }
}
