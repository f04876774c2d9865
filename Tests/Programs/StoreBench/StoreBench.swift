// A small kernel for the store's figures: a durable point of one store against the raw floor in
// the same run, in turn, medians of each. Not part of `swift test`.
//
//     store-bench <folder> [rounds]            points of one chunk, 64 KiB, 1 MiB and 4 MiB
//     store-bench <folder> [rounds] sizes      the size of a chunk, by four kinds of points
//     store-bench <folder> [rounds] one        points of one chunk of 16 KiB, io_uring only

import Glibc
import SoftPMBase
import SoftPMStore

@main
struct StoreBench {
  static func main() throws {
    let arguments = Array(CommandLine.arguments.dropFirst())
    let folder = arguments.first ?? "."
    let rounds = arguments.dropFirst().first.flatMap { Int($0) } ?? 300
    switch arguments.dropFirst(2).first {
    case "sizes": try ChunkSizes(folder: folder, rounds: rounds).run()
    case "one":
      try run(
        folder, chunkBytes: 16 << 10, dirtyBytes: 16 << 10, rounds: rounds, drivers: [.uring])
    default:
      for chunkKiB in [4, 16] {
        try run(folder, chunkBytes: chunkKiB << 10, dirtyBytes: chunkKiB << 10, rounds: rounds)
      }
      for dirtyKiB in [64, 1024, 4096] {
        try run(
          folder, chunkBytes: 16 << 10, dirtyBytes: dirtyKiB << 10,
          rounds: max(40, rounds * 64 / dirtyKiB / 2))
      }
    }
  }

  static func run(
    _ folder: String, chunkBytes: Int, dirtyBytes: Int, rounds: Int,
    drivers: [StoreDriver] = [.uring, .posix]
  ) throws {
    let floor = try StoreFloor(folder)
    let stores = try drivers.map {
      try MeasuredStore(folder + "/bench-\($0.rawValue)", driver: $0, chunkBytes: chunkBytes)
    }
    usleep(300_000)
    for store in stores { store.begin() }
    let count = dirtyBytes / chunkBytes
    for round in 0..<rounds {
      try floor.point(dirtyBytes)
      for store in stores {
        let first = (round * 37 * count) % (store.chunkCount - count)
        try store.point(Array(first..<first + count))
      }
    }
    let base = StoreFigures.median(floor.inTurnTimes)
    print(
      "chunk \(chunkBytes >> 10) KiB, dirty \(dirtyBytes >> 10) KiB: floor \(tenths(base)) µs "
        + "(with a drained flush \(tenths(StoreFigures.median(floor.drainedTimes))) µs)")
    for (driver, store) in zip(drivers, stores) {
      let figures = store.figures
      print(
        "  \(driver.rawValue): \(tenths(figures.microseconds)) µs = floor + "
          + "\(tenths(figures.microseconds - base)) µs = \(hundredths(figures.microseconds / base))"
          + " × floor; queued after \(tenths(figures.microsecondsUntilQueued)) µs; "
          + "\(hundredths(figures.bytesWrittenPerPoint / figures.bytesDirtyPerPoint)) bytes written "
          + "per dirty byte; \(hundredths(figures.flushesPerPoint)) flushes per point")
      try store.closeAndRemove()
    }
  }

  static func tenths(_ value: Double) -> String { digits(value, 1) }
  static func hundredths(_ value: Double) -> String { digits(value, 2) }

  private static func digits(_ value: Double, _ places: Int) -> String {
    let unit = places == 1 ? 10 : 100
    let scaled = Int((value.magnitude * Double(unit)).rounded())
    let rest = String(scaled % unit)
    return (value < 0 ? "-" : "") + "\(scaled / unit)."
      + String(repeating: "0", count: places - rest.count) + rest
  }
}
