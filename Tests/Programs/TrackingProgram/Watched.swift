import CTrackingProbe
import Glibc
import SoftPMBase
import SoftPMTracking

func require(_ condition: Bool, _ promise: @autoclosure () -> String) {
  guard !condition else { return }
  print("broken: \(promise())")
  exit(1)
}

/// Memory under a tracker, and the set that its collections fill.
final class Watched {
  let base: UnsafeMutableRawPointer
  let byteCount: Int
  let tracker: any WriteTracker
  let dirty: DirtySet

  init(
    _ choice: TrackerChoice, byteCount: Int, granule: Int, filled: Bool = true
  ) throws {
    base = mapMemory(byteCount: byteCount)!
    self.byteCount = byteCount
    dirty = try DirtySet()
    tracker = try choice.make()
    if filled { probe_touch(base, byteCount / pageBytes, pageBytes, 1) }
    let range = AddressRange(start: UInt(bitPattern: base), byteCount: byteCount)
    try tracker.reserve(range, granule: ByteCount(granule))
    try tracker.watch(range)
    try collect()
  }

  func collect() throws {
    try tracker.collectAndRearm(into: dirty)
  }

  func isDirty(_ offset: Int) -> Bool {
    dirty.contains(UInt(bitPattern: base) + UInt(offset))
  }

  func write(_ value: UInt8, at offset: Int) {
    base.storeBytes(of: value, toByteOffset: offset, as: UInt8.self)
  }

  /// Brings `copy` up to date where something was reported.
  func refresh(_ copy: UnsafeMutableRawPointer) {
    dirty.forEachRun { run in
      let offset = Int(run.start - UInt(bitPattern: base))
      probe_copy(copy + offset, base + offset, run.byteCount)
    }
  }
}
