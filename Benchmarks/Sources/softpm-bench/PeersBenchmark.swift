// The same application work, kept in nine ways, in three columns that are never mixed: durable,
// buffered (handed to the kernel), memory only.

import Containers
import Foundation
import SoftPMBenchmarking

enum PeersBenchmark {
  static func run(_ report: BenchmarkReport) throws {
    let count = report.size.pick(smoke: 500, quick: 10_000, full: 100_000)
    for durability in [Durability.durable, .buffered, .memory] {
      try updates(report, durability, count)
    }
    try ProgramBenchmark.peers(report)
  }

  private static func makePeers(
    _ durability: Durability, _ folder: ScratchFolder, _ count: Int
  ) throws -> [Peer] {
    var peers: [Peer] = [try ContainerPeer(durability, .automatic, folder, count: count)]
    if durability == .durable {
      peers.append(try ContainerPeer(.durable, .pmem, folder, count: count))
    }
    peers += [
      try SQLitePeer(durability, folder, count: count),
      try LogPeer(durability, folder, count: count),
      try CodablePeer(.json, durability, folder, count: count),
      try CodablePeer(.propertyList, durability, folder, count: count),
    ]
    // libpmemobj flushes whatever it is told to write: it has no buffered way.
    if durability != .buffered { peers.append(try PoolPeer(durability, folder, count: count)) }
    if durability != .memory {
      peers.append(try LMDBPeer(durability, folder, count: count))
      peers.append(try DumpPeer(durability, folder, count: count))
    }
    return peers
  }

  /// Some objects change, and what changed is kept.
  private static func updates(
    _ report: BenchmarkReport, _ durability: Durability, _ count: Int
  ) throws {
    let folder = try ScratchFolder()
    let peers = try makePeers(durability, folder, count)
    let all = Updates(count: count)
    var expected = [Int](repeating: 0, count: count)
    // Rounds of all tables are numbered on, since the peers keep what they have.
    var first = 0
    let floor =
      durability == .durable
      ? try DurableFloor(folder.file("floor"), byteCount: 16 << 20) : nil
    for size in report.size.pick(smoke: [1, 10], quick: [1, 100], full: [1, 100, 10_000]) {
      let contest = Contest(
        "peers: \(size) of \(count) objects updated, \(durability.rawValue)",
        durability: durability)
      if let floor {
        contest.add("floor: O_DIRECT 16 KiB and flush") { lap in
          try lap.time { try floor.write(16 << 10) }
          return 1
        }
      }
      for peer in peers where size <= 1_000 || !(peer is PoolPeer) || durability != .durable {
        contest.add(peer.name) { lap in
          let keys = all.keys(size, round: first + lap.round)
          let before = diskBytesWritten()
          let numbered = Lap(like: lap, round: first + lap.round)
          try peer.batch(keys, numbered)
          lap.take(numbered)
          if durability != .memory {
            lap.count("KiB to disk", (diskBytesWritten() - before) / 1024)
          }
          if let flushes = peer.flushes { lap.count("flushes", Double(flushes)) }
          return keys.reduce(0) { $0 &* 31 &+ UInt64($1) }
        }
      }
      let (rounds, warmUp) = report.size.pick(smoke: (1, 1), quick: (2, 1), full: (3, 1))
      first += warmUp
      let table = try contest.run(rounds: rounds, warmUp: warmUp, in: report)
      for round in first - warmUp..<first + rounds {
        for key in all.keys(size, round: round) { expected[key] += 1 }
      }
      first += rounds
      try requireEqual(table, skipping: floor == nil ? 0 : 1)
    }
    try readBack(report, durability, peers, expected)
  }

  private static func requireEqual(_ table: BenchmarkTable, skipping floors: Int) throws {
    let hashes = Set(table.rows.dropFirst(floors).map(\.hash))
    guard hashes.count == 1 else {
      throw BenchmarkFailure("\(table.title): contestants did different work")
    }
  }

  /// Everything read again by a fresh opening, which is also the proof that it was kept.
  private static func readBack(
    _ report: BenchmarkReport, _ durability: Durability, _ peers: [Peer], _ expected: [Int]
  ) throws {
    let contest = Contest(
      "peers: \(expected.count) objects read back, \(durability.rawValue), warm cache",
      unit: .milliseconds, durability: durability)
    for peer in peers {
      // What was left out of the large batches has other contents.
      let isPartial = peer is PoolPeer && durability == .durable && report.size == .full
      contest.add(peer.name) { lap in
        let counts = try lap.time { try peer.counts() }
        guard isPartial || counts == expected else {
          throw BenchmarkFailure(
            "\(peer.name) (\(durability)) kept something else than it was told")
        }
        return UInt64(counts.reduce(0, +))
      }
    }
    try contest.run(rounds: report.size.pick(smoke: 1, quick: 2, full: 3), warmUp: 0, in: report)
    for peer in peers { peer.end() }
  }
}
