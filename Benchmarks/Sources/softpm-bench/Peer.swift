// The same application, its state kept in different ways.
//
// The application has `count` objects {key, count, name} and adds one to the counts of some. How it
// makes that last is the peer's affair.
//
// 1. `apply` is one update, `commit` makes all since the last one last as long as the peer's
//    durability says. Nobody may leave work for later that others do in time.
// 2. `counts` closes what there is, opens it anew and reads everything: a benchmark in which
//    somebody kept something else than the others fails.

import Foundation
import SoftPMBenchmarking

class Peer {
  let name: String
  let count: Int
  /// Flushes of one commit, where the peer's own calls tell.
  var flushes: Int? { nil }

  init(_ name: String, count: Int) {
    self.name = name
    self.count = count
  }

  func apply(_ key: Int) throws {}
  func commit() throws {}
  /// Everything read again from what was kept; in the durable column after closing it.
  func counts() throws -> [Int] { [] }

  /// One batch, timed. `round` says which keys these are, for a peer in a process of its own.
  func batch(_ keys: [Int], _ lap: Lap) throws {
    try lap.time {
      for key in keys { try apply(key) }
      try commit()
    }
  }

  /// Closes files, removes nothing.
  func end() {}
}

/// The updates of a round: the same for everybody.
struct Updates {
  let count: Int

  /// Zipf 0.75 over all objects; rounds of warm-up are negative.
  func keys(_ size: Int, round: Int) -> [Int] {
    var zipf = Zipf(count, exponent: 0.75, seed: UInt64(bitPattern: Int64(round &+ 1000)) &* 7919)
    return (0..<size).map { _ in zipf.next() }
  }
}

/// Written aside, synced where it is to be durable, renamed, and the folder synced.
func replaceFile(_ path: String, with data: Data, syncing: Bool) throws {
  let aside = path + ".new"
  let descriptor = open(aside, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
  guard descriptor >= 0 else { throw BenchmarkFailure("\(aside) cannot be made") }
  let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
  try handle.write(contentsOf: data)
  if syncing { try handle.synchronize() }
  guard rename(aside, path) == 0 else { throw BenchmarkFailure("\(path) cannot be replaced") }
  guard syncing else { return }
  let folder = open(URL(filePath: path).deletingLastPathComponent().path(), O_RDONLY)
  fsync(folder)
  close(folder)
}

/// Bytes that this process has had written to disks, as the kernel counts them: dirtied pages of
/// the page cache and direct writes, also in the background.
func diskBytesWritten() -> Double {
  guard let text = try? String(contentsOfFile: "/proc/self/io", encoding: .utf8) else { return 0 }
  for line in text.split(separator: "\n") where line.hasPrefix("write_bytes:") {
    return Double(line.dropFirst("write_bytes: ".count)) ?? 0
  }
  return 0
}
