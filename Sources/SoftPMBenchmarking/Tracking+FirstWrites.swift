import CTrackingProbe
import SoftPMBase
import SoftPMTracking

#if canImport(Glibc)
  import Glibc
#endif

extension LayerBenchmarks {
  /// The first write to a page or granule after a collection, and its floors: the write itself,
  /// the kernel's bare mechanism, a handler that only calls mprotect.
  static func firstWrites(_ report: BenchmarkReport) throws {
    let bytes = report.size.pick(smoke: 1 << 20, quick: 16 << 20, full: 64 << 20)
    for granule in report.size.pick(
      smoke: [16 << 10], quick: [4 << 10], full: [4, 16, 64].map { $0 << 10 })
    {
      for isSequential in [true, false] {
        try firstWrites(report, bytes, granule: granule, isSequential: isSequential)
      }
    }
  }

  private static func firstWrites(
    _ report: BenchmarkReport, _ bytes: Int, granule: Int, isSequential: Bool
  ) throws {
    let count = bytes / granule
    let order = isSequential ? (0..<UInt32(count)).map { $0 } : shuffled(count)
    let contest = Contest(
      "first write, \(granule >> 10) KiB granules, \(isSequential ? "in order" : "at random")",
      unit: .microseconds, clock: .processor)
    func add(
      _ name: String, on memory: MeasuredMemory, after rearm: @escaping () throws -> Void,
      finally undo: @escaping () -> Void = {}
    ) {
      contest.add(name, operations: count) { lap in
        try rearm()
        defer { undo() }
        lap.time { probe_touch_in_order(memory.base, order, count, granule, 2) }
        return UInt64(memory.base.load(as: UInt8.self))
      }
    }
    let plain = try MeasuredMemory(bytes)
    let bare = try MeasuredMemory(bytes)
    let kernelMemory = try MeasuredMemory(bytes)
    let signalMemory = try MeasuredMemory(bytes)
    let bareKernel = BareKernel(bare)
    let (kernel, dirty) = try watching(kernelMemory, .kernel, granule: granule)
    let (signal, _) = try watching(signalMemory, .signal, granule: granule)
    add("floor: untracked", on: plain, after: {})
    add("floor: bare kernel", on: bare, after: { bareKernel.collect() })
    add("kernel tracker", on: kernelMemory, after: { try kernel.collectAndRearm(into: dirty) })
    if granule == 4 << 10 {
      let hotMemory = try MeasuredMemory(bytes)
      let (hot, found) = try watching(
        hotMemory, .kernel, granule: granule, leavesHotPages: true)
      // One collection in ten looks at what is written time and again.
      contest.add("kernel tracker, ten times in a row", operations: 10 * count) { lap in
        for _ in 0..<10 {
          try hot.collectAndRearm(into: found)
          lap.time { probe_touch_in_order(hotMemory.base, order, count, granule, 2) }
        }
        return UInt64(hotMemory.base.load(as: UInt8.self))
      }
    }
    if isSequential, granule == 4 << 10 {
      contest.add("kernel tracker, 16 pages ahead", operations: count) { lap in
        try kernel.collectAndRearm(into: dirty)
        lap.time { writeAhead(kernelMemory, order, count, granule) }
        return UInt64(kernelMemory.base.load(as: UInt8.self))
      }
    }
    add(
      "floor: bare handler", on: plain,
      after: {
        probe_raw_handler(1, granule)
        mprotect(plain.base, bytes, PROT_READ)
      },
      finally: {
        mprotect(plain.base, bytes, PROT_READ | PROT_WRITE)
        probe_raw_handler(0, granule)
      })
    add("signal tracker", on: signalMemory, after: { try signal.collectAndRearm(into: dirty) })
    let table = try contest.run(
      rounds: report.size.pick(smoke: 1, quick: 5, full: 9), warmUp: report.size.warmUp, in: report)
    if granule == 4 << 10, let mine = table.median("kernel tracker"),
      let floor = table.median("floor: bare kernel")
    {
      report.judge(
        target: 0, "first write, kernel, \(isSequential ? "in order" : "random"), one page",
        mine, atMost: 1.0, "µs")
      report.judge(
        target: 0, "    the same, over the bare mechanism", mine / floor, atMost: 1.05, "×")
      if let hot = table.median("kernel tracker, ten times in a row") {
        report.judge(
          target: 0, "    of pages written in each of ten intervals, on average", hot, atMost: 1.0,
          "µs")
      }
    }
    withExtendedLifetime((kernel, signal)) {}
  }

  /// What a program can do that knows which pages it will write: have the kernel take the faults of
  /// many at once. What is made ready counts as written.
  private static func writeAhead(
    _ memory: MeasuredMemory, _ order: [UInt32], _ count: Int, _ granule: Int
  ) {
    let populateForWriting: Int32 = 23  // MADV_POPULATE_WRITE, which glibc's headers may lack
    order.withUnsafeBufferPointer { order in
      for first in stride(from: 0, to: count, by: 16) {
        let pages = min(16, count - first)
        madvise(memory.base + first * granule, pages * granule, populateForWriting)
        guard let start = order.baseAddress else { return }
        probe_touch_in_order(memory.base, start + first, pages, granule, 2)
      }
    }
  }
}
