import CTrackingProbe
import SoftPMBase
import SoftPMTracking

#if canImport(Glibc)
  import Glibc
#endif

extension LayerBenchmarks {
  /// Copying aside against write protection: the stall of each, and what it costs in all.
  static func freezing(_ report: BenchmarkReport) throws {
    let sizes = report.size.pick(smoke: [1], quick: [1, 4], full: [1, 4, 16, 64])
    for isScattered in [false, true] {
      for mebibytes in sizes {
        try stall(report, mebibytes << 20, isScattered: isScattered)
      }
    }
    for share in report.size.pick(smoke: [0.5], quick: [0.1], full: [0, 0.1, 0.5, 1]) {
      try inFlight(
        report, report.size.pick(smoke: 1 << 20, quick: 16 << 20, full: 64 << 20), share: share)
    }
  }

  private static func stall(_ report: BenchmarkReport, _ bytes: Int, isScattered: Bool) throws {
    let subject = try FrozenSubject(bytes, isScattered: isScattered)
    let whole = try FrozenMemory(pool: CopyPool(byteCount: ByteCount(bytes)))
    let none = try FrozenMemory(pool: CopyPool(byteCount: ByteCount(pageBytes)))
    let present = try MeasuredMemory(bytes)
    let contest = Contest(
      "freeze \(sizeText(bytes))\(isScattered ? " in runs of 16 KiB" : " in one run")",
      clock: .processor)
    contest.add("floor: memcpy") { lap in
      lap.time { _ = memcpy(present.base, subject.memory.base, bytes) }
      return UInt64(present.base.load(as: UInt8.self))
    }
    contest.add("copy into the pool") { lap in
      try subject.dirtyAll()
      try lap.time {
        try whole.freeze(subject.dirty, in: subject.memory.range, granule: .kibibytes(16))
      }
      whole.release()
      return UInt64(subject.dirty.byteCount)
    }
    contest.add("copy into fresh memory") { lap in
      let fresh = try MeasuredMemory(bytes, filled: false)
      lap.time { _ = memcpy(fresh.base, subject.memory.base, bytes) }
      return UInt64(fresh.base.load(as: UInt8.self))
    }
    contest.add("protect") { lap in
      try subject.dirtyAll()
      try lap.time {
        try none.freeze(subject.dirty, in: subject.memory.range, granule: .kibibytes(16))
      }
      none.release()
      return UInt64(subject.dirty.byteCount)
    }
    try contest.run(rounds: report.size.pick(smoke: 1, quick: 5, full: 7), warmUp: 1, in: report)
  }

  private static func inFlight(_ report: BenchmarkReport, _ bytes: Int, share: Double) throws {
    let subject = try FrozenSubject(bytes, isScattered: false)
    let none = try FrozenMemory(pool: CopyPool(byteCount: ByteCount(pageBytes)))
    let written = Int(Double(subject.count) * share)
    let order = shuffled(subject.count)
    let contest = Contest(
      "\(sizeText(bytes)) protected, \(Int(share * 100)) % written while in flight",
      clock: .processor)
    for part in 0..<3 {
      contest.add(["the stall", "faults of who writes", "copying the rest"][part]) { lap in
        try subject.dirtyAll()
        let start = lap.clock.nanoseconds()
        try none.freeze(subject.dirty, in: subject.memory.range, granule: .kibibytes(16))
        let frozen = lap.clock.nanoseconds()
        probe_touch_in_order(subject.memory.base, order, written, subject.granule, 3)
        let wrote = lap.clock.nanoseconds()
        none.copyRest()
        let copied = lap.clock.nanoseconds()
        none.release()
        lap.add(nanoseconds: [frozen - start, wrote - frozen, copied - wrote][part])
        return UInt64(written)
      }
    }
    try contest.run(rounds: report.size.pick(smoke: 1, quick: 3, full: 5), warmUp: 1, in: report)
  }
}

/// A dirty set of `bytes` in 16 KiB granules: one run, or every fourth granule of four times as
/// much memory.
private struct FrozenSubject {
  let memory: MeasuredMemory
  let tracker: any WriteTracker
  let dirty: DirtySet
  let granule = 16 << 10
  let step: Int
  let count: Int

  init(_ bytes: Int, isScattered: Bool) throws {
    step = isScattered ? 4 : 1
    count = bytes / granule
    memory = try MeasuredMemory(bytes * step)
    (tracker, dirty) = try watching(memory, .kernel, granule: granule)
  }

  func dirtyAll() throws {
    for page in 0..<granule / pageBytes {
      probe_touch(memory.base + page * pageBytes, count, step * granule, 2)
    }
    try tracker.collectAndRearm(into: dirty)
  }
}
