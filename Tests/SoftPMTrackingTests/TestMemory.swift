import Glibc
import SoftPMBase

@testable import SoftPMTracking

/// Private anonymous memory, mapped as an arena's is, and given back with the object.
final class TestMemory: @unchecked Sendable {
  let base: UnsafeMutableRawPointer
  let byteCount: Int

  init(byteCount: Int) {
    self.byteCount = byteCount
    base = mapMemory(byteCount: byteCount)!
  }

  deinit {
    unmapMemory(base, byteCount: byteCount)
  }

  var range: AddressRange { AddressRange(start: UInt(bitPattern: base), byteCount: byteCount) }

  func range(_ offset: Int, _ byteCount: Int) -> AddressRange {
    AddressRange(start: UInt(bitPattern: base) + UInt(offset), byteCount: byteCount)
  }

  subscript(offset: Int) -> UInt8 {
    get { base.load(fromByteOffset: offset, as: UInt8.self) }
    set { base.storeBytes(of: newValue, toByteOffset: offset, as: UInt8.self) }
  }

  /// Writes to every page, so that all of it is there.
  func fill() {
    for offset in stride(from: 0, to: byteCount, by: pageBytes) { self[offset] = 1 }
  }

  func giveBack(_ offset: Int, _ byteCount: Int) {
    madvise(base + offset, byteCount, Int32(MADV_DONTNEED))
  }

  /// The runs of `dirty` in this memory, as offsets in units of `unit` bytes.
  func runs(of dirty: DirtySet, unit: Int) -> [Range<Int>] {
    var result: [Range<Int>] = []
    let start = UInt(bitPattern: base)
    dirty.forEachRun { run in
      result.append(Int(run.start - start) / unit..<Int(run.end - start) / unit)
    }
    return result
  }
}

/// A small generator whose seed a failing test prints.
struct Generator: RandomNumberGenerator {
  var state: UInt64

  init(seed: UInt64) {
    state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
  }

  mutating func next() -> UInt64 {
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    return state
  }
}

/// The trackers that see writes.
let seeingChoices: [TrackerChoice] = isFiltered ? [.signal] : [.kernel, .signal]
let allChoices: [TrackerChoice] = seeingChoices + [.everythingDirty]

/// Whether the tests run inside a seccomp filter that forbids userfaultfd, as they are told: what is
/// the kernel tracker's alone is then left out, and `automatic` is signals.
let isFiltered = getenv("SOFTPM_TEST_FILTERED") != nil

/// The unit that a tracker reports, where memory was reserved in granules of `granule`.
func unit(of tracker: any WriteTracker, granule: Int) -> Int {
  tracker.kind == .kernel ? pageBytes : granule
}
