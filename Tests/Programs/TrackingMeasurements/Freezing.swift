import CTrackingProbe
import Glibc
import SoftPMBase
import SoftPMTracking

/// Copying aside against write protection: the stall of each, and what it costs in all.
func measureFreezing() throws {
  print("\n# freezing, µs: stall by (copy into pool, memcpy floor, copy into fresh, protect)")
  for scattered in [false, true] {
    for mebibytes in [1, 4, 16, 64, 256] {
      try measureStall(mebibytes << 20, scattered: scattered)
    }
  }
  print("\n# protected, µs in all (stall; writers' faults while a share is written; copying rest)")
  for share in [0.0, 0.1, 0.5, 1.0] {
    try measureTotal(64 << 20, share: share)
  }
}

/// A dirty set of `bytes` in 16 KiB granules: one run, or every fourth granule of four times as
/// much memory.
private struct Subject {
  let memory: Memory
  let tracker: any WriteTracker
  let dirty: DirtySet
  let granule = 16 << 10
  let step: Int
  let count: Int

  init(_ bytes: Int, scattered: Bool) throws {
    step = scattered ? 4 : 1
    count = bytes / granule
    memory = Memory(bytes * step)
    (tracker, dirty) = try watching(memory, .kernel, granule: granule)
  }

  func dirtyAll() throws {
    for page in 0..<granule / pageBytes {
      probe_touch(memory.base + page * pageBytes, count, step * granule, 2)
    }
    try tracker.collectAndRearm(into: dirty)
  }
}

private func measureStall(_ bytes: Int, scattered: Bool) throws {
  let subject = try Subject(bytes, scattered: scattered)
  let whole = try FrozenMemory(pool: CopyPool(byteCount: ByteCount(bytes)))
  let none = try FrozenMemory(pool: CopyPool(byteCount: ByteCount(pageBytes)))
  let present = Memory(bytes)
  var figures: [[Double]] = [[], [], [], []]
  for _ in 0..<7 {
    try subject.dirtyAll()
    figures[0].append(
      try time {
        try whole.freeze(subject.dirty, in: subject.memory.range, granule: .kibibytes(16))
      })
    whole.release()
    figures[1].append(time { memcpy(present.base, subject.memory.base, bytes) })
    let fresh = Memory(bytes, filled: false)
    figures[2].append(time { memcpy(fresh.base, subject.memory.base, bytes) })
    figures[3].append(
      try time {
        try none.freeze(subject.dirty, in: subject.memory.range, granule: .kibibytes(16))
      })
    none.release()
  }
  row(
    "\(sizeText(bytes)), \(scattered ? "scattered" : "one run")",
    figures.map { text(median($0), 0) }.joined(separator: "   "))
}

private func measureTotal(_ bytes: Int, share: Double) throws {
  let subject = try Subject(bytes, scattered: false)
  let none = try FrozenMemory(pool: CopyPool(byteCount: ByteCount(pageBytes)))
  var figures: [[Double]] = [[], [], []]
  let written = Int(Double(subject.count) * share)
  let order = shuffled(subject.count)
  for _ in 0..<5 {
    try subject.dirtyAll()
    figures[0].append(
      try time {
        try none.freeze(subject.dirty, in: subject.memory.range, granule: .kibibytes(16))
      })
    figures[1].append(
      time {
        probe_touch_in_order(subject.memory.base, order, written, subject.granule, 3)
      })
    figures[2].append(time { none.copyRest() })
    none.release()
  }
  row(
    "64 MiB, \(Int(share * 100)) % written in flight",
    figures.map { text(median($0), 0) }.joined(separator: "   "))
}
