import CTrackingProbe
import SoftPMBase
import SoftPMTracking

#if canImport(Glibc)
  import Glibc
#endif

extension LayerBenchmarks {
  /// Collecting and re-arming, for what is dirty in memory of some size.
  static func collections(_ report: BenchmarkReport) throws {
    let sizes = report.size.pick(
      smoke: [4 << 20], quick: [64 << 20], full: [64 << 20, 1 << 30, 8 << 30])
    for bytes in sizes {
      for pages in [MeasuredMemory.Pages.small, .huge] {
        try kernelCollections(report, bytes, pages)
      }
      try signalCollections(report, bytes, granule: 16 << 10)
    }
  }

  /// Where there are fewer pages than that, all of them.
  private static func dirtyCounts(_ granules: Int) -> [Int] {
    [10, 1_000, 100_000].map { min($0, granules) }
  }

  private static func kernelCollections(
    _ report: BenchmarkReport, _ bytes: Int, _ pages: MeasuredMemory.Pages
  ) throws {
    let memory = try MeasuredMemory(bytes, pages)
    let order = shuffled(bytes / pageBytes)
    let (tracker, dirty) = try watching(memory, .kernel, granule: 16 << 10)
    // On the tracker's own registration, in turn; what it swallows is missed by nobody here.
    let mechanism = BareScan(memory)
    for count in dirtyCounts(order.count) {
      let contest = Contest(
        "collect, kernel, \(sizeText(bytes)) in \(pages) pages, \(count) pages dirty",
        clock: .processor)
      contest.add("floor: PAGEMAP_SCAN") { lap in
        probe_touch_in_order(memory.base, order, count, pageBytes, 2)
        return UInt64(lap.time { mechanism.collect() })
      }
      contest.add("kernel tracker") { lap in
        probe_touch_in_order(memory.base, order, count, pageBytes, 2)
        try lap.time { try tracker.collectAndRearm(into: dirty) }
        lap.count("pages", Double(dirty.byteCount / pageBytes))
        return UInt64(dirty.byteCount)
      }
      try contest.run(rounds: report.size.pick(smoke: 1, quick: 5, full: 9), warmUp: 1, in: report)
    }
  }

  private static func signalCollections(
    _ report: BenchmarkReport, _ bytes: Int, granule: Int
  ) throws {
    let memory = try MeasuredMemory(bytes)
    let order = shuffled(bytes / granule)
    let (tracker, dirty) = try watching(memory, .signal, granule: granule)
    for count in dirtyCounts(order.count) {
      let contest = Contest(
        "collect, signal, \(sizeText(bytes)) in \(granule >> 10) KiB granules, \(count) dirty",
        clock: .processor)
      // The floor: one call that protects everything; then the tracker's own books.
      contest.add("floor: mprotect of everything") { lap in
        probe_touch_in_order(memory.base, order, count, granule, 2)
        lap.time { _ = mprotect(memory.base, bytes, PROT_READ) }
        try tracker.collectAndRearm(into: dirty)
        return UInt64(dirty.byteCount)
      }
      contest.add("signal tracker") { lap in
        probe_touch_in_order(memory.base, order, count, granule, 2)
        try lap.time { try tracker.collectAndRearm(into: dirty) }
        lap.count("granules", Double(dirty.byteCount / granule))
        return UInt64(dirty.byteCount)
      }
      try contest.run(rounds: report.size.pick(smoke: 1, quick: 3, full: 5), warmUp: 1, in: report)
    }
  }

  /// 16 scattered writes in a cold 4 GiB: what a point costs that has nearly nothing to do.
  static func cold(_ report: BenchmarkReport) throws {
    let bytes = report.size.pick(smoke: 64 << 20, quick: 1 << 30, full: 4 << 30)
    let rounds = report.size.pick(smoke: 8, quick: 150, full: 600)
    let variants: [(String, MeasuredMemory.Pages, Int)] = [
      ("small pages", .small, 0), ("huge pages, never gathered", .huge, 0),
      ("huge pages, 16 gathered a point", .huge, 16),
    ]
    for (name, pages, gathering) in variants {
      try cold(report, name, pages, bytes, rounds, gathering: gathering)
    }
  }

  private static func cold(
    _ report: BenchmarkReport, _ name: String, _ pages: MeasuredMemory.Pages, _ bytes: Int,
    _ rounds: Int, gathering: Int
  ) throws {
    let memory = try MeasuredMemory(bytes, pages)
    let (tracker, dirty) = try watching(memory, .kernel, granule: 16 << 10)
    if pages == .huge { tracker.adviseCold(memory.range) }
    let order = shuffled(bytes / pageBytes)
    var times: [[Double]] = [[], [], []]
    var reported = 0
    for round in 0..<rounds {
      report.progress("cold \(sizeText(bytes)), \(name): point \(round)")
      let start = StopwatchKind.processor.nanoseconds()
      order.withUnsafeBufferPointer {
        guard let first = $0.baseAddress else { return }
        probe_touch_in_order(memory.base, first + round * 16, 16, pageBytes, 2)
      }
      let wrote = StopwatchKind.processor.nanoseconds()
      try tracker.collectAndRearm(into: dirty)
      let collected = StopwatchKind.processor.nanoseconds()
      reported = max(reported, dirty.byteCount / pageBytes)
      _ = tracker.gatherCold(atMost: gathering, unwrittenFor: 4)
      let gathered = StopwatchKind.processor.nanoseconds()
      times[0].append((wrote - start) / 16_000)
      times[1].append((collected - wrote) / 1_000)
      times[2].append((gathered - collected) / 1_000)
    }
    let rows = [
      ("write", times[0]), ("collect", times[1]), ("gather, beside the program", times[2]),
      ("collect, first ten", Array(times[1].prefix(10))),
      ("collect, last quarter", Array(times[1].suffix(max(1, rounds / 4)))),
    ].map { name, values in
      BenchmarkRow(
        name: name, figure: Figure(values), ratio: nil,
        counts: [.init(name: "pages reported at most", perLap: Double(reported))],
        hash: UInt64(reported))
    }
    let table = report.add(
      BenchmarkTable(
        title: "16 scattered writes in a cold \(sizeText(bytes)), \(name)", unit: "µs",
        durability: .memory, clock: .processor, rows: rows))
    if gathering > 0, let collect = table.median("collect, last quarter") {
      report.judge(
        target: 0, "collect 16 scattered writes, cold \(sizeText(bytes)), last quarter", collect,
        atMost: 300,
        "µs")
    }
  }
}
