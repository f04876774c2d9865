// SoftPM's microbenchmark: five structures × size × locality of updates × share updated × drivers ×
// waiting or not × number of containers. Every combination is a cell; the text shows what each axis
// does over all cells, and what points are made of.
//
// 1. The number of containers divides the elements: it is the same data in one container or several.
// 2. *Until durable* each container's point is awaited before the next one's; *until persist() returns*
//    none is awaited within the time.

import Containers
import Foundation
import SoftPMBenchmarking

/// How the changed elements are chosen.
enum Locality: String, CaseIterable {
  case uniform
  case zipf = "Zipf 0.75"
  case sequential
}

/// One combination.
struct MicroCell {
  let structure: Structure
  let elements: Int
  let driver: StoreOptions.Driver
  let containers: Int
  let locality: Locality
  let percent: Int
  let isAwaited: Bool
  var row: BenchmarkRow?

  /// What is written in a contest's rows.
  var rowName: String {
    "\(locality.rawValue), \(percent) %, \(isAwaited ? "until durable" : "until persist() returns")"
  }
}

enum MicroBenchmark {
  static func run(_ report: BenchmarkReport) throws {
    var cells: [MicroCell] = []
    let sizes = report.size.pick(
      smoke: [200, 1_000], quick: [2_000, 20_000], full: [20_000, 200_000])
    for structure in Structure.allCases {
      for elements in sizes {
        for driver in [StoreOptions.Driver.uring, .posix, .pmem] {
          for containers in [1, 4] {
            cells += try contest(report, structure, elements, driver, containers)
          }
        }
      }
    }
    MicroSummary(cells: cells).add(to: report)
    try together(report)
  }

  /// The cells that differ in locality, share and waiting only, in turn on one store.
  private static func contest(
    _ report: BenchmarkReport, _ structure: Structure, _ elements: Int,
    _ driver: StoreOptions.Driver, _ containers: Int
  ) throws -> [MicroCell] {
    let folder = try ScratchFolder()
    var options = StoreOptions()
    options.driver = driver
    let store = try Store.open(folder.file("micro.softpm"), options)
    let each = elements / containers
    let all = try (0..<containers).map {
      try store.container("c\($0)", initial: structure.make(each))
    }
    for container in all { try container.persistAndWait() }
    let contest = Contest(
      "micro: \(structure.rawValue), \(elements) elements, \(driver), in \(containers)",
      durability: .durable)
    var cells: [MicroCell] = []
    var zipf = Zipf(each, exponent: 0.75)
    for percent in [1, 10] {
      let count = max(1, each * percent / 100)
      for locality in Locality.allCases {
        for isAwaited in [true, false] {
          let cell = MicroCell(
            structure: structure, elements: elements, driver: driver, containers: containers,
            locality: locality, percent: percent, isAwaited: isAwaited)
          cells.append(cell)
          contest.add(cell.rowName) { lap in
            for container in all { change(container, count, each, locality, &zipf, lap.round) }
            let points = try lap.time {
              try all.map { container in
                let point = try container.persist()
                if isAwaited { try point.wait() }
                return point
              }
            }
            for point in points { try note(point, lap, changed: count * containers) }
            return UInt64(points.count)
          }
        }
      }
    }
    let table = try contest.run(
      rounds: report.size.pick(smoke: 1, quick: 1, full: 3),
      warmUp: report.size.pick(smoke: 0, quick: 1, full: 1), isDetail: true, in: report)
    try store.close()
    for index in cells.indices { cells[index].row = table.rows[index] }
    return cells
  }

  private static func change(
    _ container: Container<MicroRoot>, _ count: Int, _ elements: Int, _ locality: Locality,
    _ zipf: inout Zipf, _ round: Int
  ) {
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
    }
  }

  /// The parts of a point; of all containers together.
  private static func note(_ point: PersistencePoint, _ lap: Lap, changed: Int) throws {
    try point.wait()
    point.countParts(lap)
    lap.count("members scanned", Double(point.statistics.objectsScanned))
    lap.count("bytes per change", Double(point.statistics.writtenBytes) / Double(changed))
  }

  /// One change in each of several containers, all points in flight at once.
  private static func together(_ report: BenchmarkReport) throws {
    let contest = Contest(
      "micro: points of several containers at once, one change each", durability: .durable)
    var stores: [Store] = []
    let folder = try ScratchFolder()
    let elements = report.size.pick(smoke: 200, quick: 5_000, full: 20_000)
    // What the cheapest cell cannot be faster than.
    let floor = try DurableFloor(folder.file("floor"), byteCount: 16 << 20)
    contest.add("floor: O_DIRECT 16 KiB and flush") { lap in
      try lap.time { try floor.write(16 << 10) }
      return 1
    }
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
        lap.count("flushes told of", points.reduce(0) { $0 + Double($1.statistics.flushes) })
        return UInt64(points.count)
      }
    }
    try contest.run(rounds: report.size.pick(smoke: 1, quick: 5, full: 15), warmUp: 1, in: report)
    for store in stores { try store.close() }
  }
}
