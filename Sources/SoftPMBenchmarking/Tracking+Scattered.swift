import CTrackingProbe
import SoftPMBase
import SoftPMTracking

#if canImport(Glibc)
  import Glibc
#endif

extension LayerBenchmarks {
  /// A million chunks written in random order, between two collections, under the tracker that
  /// splits mappings: far more than a process may have.
  static func scattered(_ report: BenchmarkReport) throws {
    let chunks = report.size.pick(smoke: 2_000, quick: 100_000, full: 1_000_000)
    let granule = 16 << 10
    // One page of each chunk is touched, so that a million chunks take 4 GiB and not 16.
    let memory = try MeasuredMemory(chunks * granule, filled: false)
    let order = shuffled(chunks)
    let (tracker, dirty) = try watching(memory, .signal, granule: granule)
    defer { tracker.stop() }
    var missed = 0
    var failures = 0
    let contest = Contest(
      "\(chunks) scattered chunks written, signal tracker", unit: .microseconds,
      clock: .processor)
    contest.add("a chunk's first write", operations: chunks) { lap in
      let before = tracker.statistics
      lap.time { probe_touch_in_order(memory.base, order, chunks, granule, 2) }
      let after = tracker.statistics
      lap.count("faults", Double(after.faults - before.faults))
      lap.count("faults that opened blocks", Double(after.coarsenedFaults - before.coarsenedFaults))
      do { try tracker.collectAndRearm(into: dirty) } catch { failures += 1 }
      for index in 0..<chunks where !dirty.contains(memory.start + UInt(index * granule)) {
        missed += 1
      }
      let collected = tracker.statistics
      lap.count("refused by the kernel", Double(collected.refusedGranules - before.refusedGranules))
      lap.count("guarded runs at most", Double(collected.guardedRunsMost))
      return UInt64(dirty.byteCount / granule)
    }
    try contest.run(rounds: report.size.pick(smoke: 1, quick: 1, full: 2), warmUp: 1, in: report)
    report.judge(
      target: 11, "\(chunks) scattered chunks, signal: failures and writes missed",
      Double(failures + missed), atMost: 0, "")
  }
}
