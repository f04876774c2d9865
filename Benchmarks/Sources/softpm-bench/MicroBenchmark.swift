// SoftPM's microbenchmark: five structures, changed with three kinds of locality, persisted after
// each batch of changes, one container or several, waiting for the disk or not.

import Containers
import Foundation
import SoftPMBenchmarking

enum MicroBenchmark {
  /// How the changed elements are chosen.
  enum Locality: String, CaseIterable {
    case uniform
    case zipf = "Zipf 0.75"
    case sequential
  }

  static func run(_ report: BenchmarkReport) throws {
    let elements = report.size.pick(smoke: 1_000, quick: 50_000, full: 500_000)
    for structure in Structure.allCases {
      for percent in report.size.pick(smoke: [10], quick: [1], full: [1, 10]) {
        try changes(report, structure, elements, percent: percent)
      }
    }
    try containers(report, elements / 10)
  }

  /// A batch of changes, and a point after it.
  private static func changes(
    _ report: BenchmarkReport, _ structure: Structure, _ elements: Int, percent: Int
  ) throws {
    let folder = try ScratchFolder()
    let store = try Store.open(folder.file("micro.softpm"))
    let container = try store.container("micro", initial: structure.make(elements))
    try container.persistAndWait()
    let contest = Contest(
      "micro: \(structure.rawValue), \(elements) elements, \(percent) % changed",
      durability: .durable)
    let count = max(1, elements * percent / 100)
    var zipf = Zipf(elements, exponent: 0.75)
    for locality in Locality.allCases {
      contest.add("\(locality.rawValue), until durable") { lap in
        let hash = change(container, count, elements, locality, &zipf, lap.round)
        let point = try lap.time {
          let point = try container.persist()
          try point.wait()
          return point
        }
        note(point, lap, changed: count)
        return hash
      }
    }
    contest.add("uniform, until persist() returns") { lap in
      let hash = change(container, count, elements, .uniform, &zipf, lap.round)
      let point = try lap.time { try container.persist() }
      try point.wait()
      note(point, lap, changed: count)
      return hash
    }
    try contest.run(
      rounds: report.size.pick(smoke: 1, quick: 5, full: 15), warmUp: 1, in: report)
    try store.close()
  }

  private static func change(
    _ container: Container<MicroRoot>, _ count: Int, _ elements: Int, _ locality: Locality,
    _ zipf: inout Zipf, _ round: Int
  ) -> UInt64 {
    container.update { root in
      for index in 0..<count {
        let place =
          switch locality {
          case .uniform: Int(zipf.nextRandom() % UInt64(elements))
          case .zipf: zipf.next()
          case .sequential: (index + (round + 8) * count) % elements
          }
        root.change(place)
      }
      return UInt64(count)
    }
  }

  private static func note(_ point: PersistencePoint, _ lap: Lap, changed: Int) {
    let statistics = point.statistics
    lap.count("stall µs", PointsBenchmark.nanoseconds(statistics.stall) / 1e3)
    lap.count("members scanned", Double(statistics.objectsScanned))
    lap.count("dirty chunks", Double(statistics.dirtyChunks))
    lap.count("written chunks", Double(statistics.writtenChunks))
    lap.count("bytes per change", Double(statistics.writtenBytes) / Double(changed))
  }

  /// One change in each of several containers, all points in flight at once.
  private static func containers(_ report: BenchmarkReport, _ elements: Int) throws {
    let contest = Contest(
      "micro: points of several containers at once, one change each", durability: .durable)
    var stores: [Store] = []
    let folder = try ScratchFolder()
    for many in report.size.pick(smoke: [1, 2], quick: [1, 4], full: [1, 4, 16]) {
      let store = try Store.open(folder.file("micro-\(many).softpm"))
      stores.append(store)
      let containers = try (0..<many).map {
        try store.container("c\($0)", initial: Structure.list.make(elements))
      }
      for container in containers { try container.persistAndWait() }
      contest.add("\(many) containers, per container", operations: many) { lap in
        for container in containers { container.update { $0.change(lap.round + 8) } }
        let points = try lap.time {
          let points = try containers.map { try $0.persist() }
          for point in points { try point.wait() }
          return points
        }
        lap.count("flushes", points.reduce(0) { $0 + Double($1.statistics.flushes) })
        return UInt64(points.count)
      }
    }
    try contest.run(rounds: report.size.pick(smoke: 1, quick: 5, full: 15), warmUp: 1, in: report)
    for store in stores { try store.close() }
  }
}
