// How large a store becomes: 100 versions of 1 % change each, changed objects together or scattered,
// and what is left when retention keeps one.
//
// *Needed* is what versions that are kept take, with the store's records of them. The file takes
// more: free space, and space written with zeros ahead of need.

import Containers
import Foundation
import SoftPMBenchmarking

enum SpaceBenchmark {
  private static let versions = 100

  static func run(_ report: BenchmarkReport) throws {
    let objects = report.size.pick(smoke: 2_000, quick: 50_000, full: 300_000)
    for isClustered in [true, false] { try hundred(report, objects, isClustered: isClustered) }
  }

  private static func hundred(
    _ report: BenchmarkReport, _ objects: Int, isClustered: Bool
  ) throws {
    let how = isClustered ? "clustered" : "scattered"
    let folder = try ScratchFolder()
    let path = folder.file("space.softpm")
    var store = try Store.open(path)
    var attributes = ContainerAttributes()
    attributes.retention = .all
    var container = try store.container("graph", initial: Graph(), attributes: attributes)
    container.update { $0.fill(items: objects, blobs: 0) }
    let first = try container.persist()
    try first.wait()
    let chunk = Double(attributes.chunkSize)
    let live = Double(first.statistics.writtenChunks) * chunk
    var dirty = 0.0
    var written = 0.0
    var zipf = Zipf(objects, exponent: 0.75)
    let each = max(1, objects / 100)
    for version in 0..<versions {
      report.progress("100 versions, \(how): \(version)")
      container.update { graph in
        for index in 0..<each {
          let place =
            isClustered ? version * each + index : Int(zipf.nextRandom() % UInt64(objects))
          graph.items[place % objects].count += 1
        }
      }
      let point = try container.persist()
      try point.wait()
      dirty += Double(point.statistics.writtenChunks) * chunk
      written += Double(point.statistics.writtenBytes)
    }
    let all = try measured(&store, path)
    container = try store.container("graph", initial: Graph())
    container.attributes.retention = .latest(1)
    container.update { $0.items[0].count += 1 }
    try container.persistAndWait()
    _ = try store.compact()
    let one = try measured(&store, path)
    try store.close()
    let changed = Double(versions * each * MemoryLayout<Int>.size)
    rows(
      report, "100 versions of 1 %, \(how), \(objects) objects",
      [
        ("the first version's chunks", live), ("dirty chunks of 100 points", dirty),
        ("written by 100 points", written), ("needed by 101 versions", all.used),
        ("file; the rest is free, or zeros ahead of need", all.allocated),
        ("needed after retention to 1", one.used), ("file after retention to 1", one.allocated),
      ])
    report.judge(
      target: 12, "100 versions, \(how): needed", all.used / (live + dirty), atMost: 1.3,
      "× (live + dirty)")
    report.judge(
      target: 12, "100 versions, \(how): file", all.allocated / (live + dirty), atMost: 1.3,
      "× (live + dirty)")
    report.judge(
      target: 12, "after retention to 1, \(how): file", one.allocated / live, atMost: 1.3,
      "× live")
    report.note(
      target: 12, "100 versions, \(how): bytes per changed byte",
      "\(decimal(written / changed, 1))")
    report.judge(
      target: 14, "100 points, \(how): written per byte of dirty chunks", written / dirty,
      atMost: 1.1, "")
  }

  /// Closed, so that everything is folded and nothing is still on its way; then opened again.
  private static func measured(
    _ store: inout Store, _ path: String
  ) throws -> (used: Double, allocated: Double) {
    try store.close()
    store = try Store.open(path)
    let space = try store.space
    return (Double(space.usedBytes), Double(space.allocatedBytes))
  }

  private static func rows(
    _ report: BenchmarkReport, _ title: String, _ sizes: [(String, Double)]
  ) {
    report.add(
      BenchmarkTable(
        title: title, unit: "MiB", durability: .durable, clock: .wall,
        rows: sizes.map { name, bytes in
          BenchmarkRow(
            name: name, figure: Figure([bytes / Double(1 << 20)]),
            ratio: bytes / max(1, sizes[0].1), counts: [], hash: UInt64(bytes))
        }))
  }
}
