import CTrackingProbe
import Glibc
import SoftPMBase
import SoftPMTracking

/// Microseconds of processor time that `body` takes. Nothing measured here sleeps or waits, and on
/// a machine shared with others the clock on the wall measures the others.
func time(_ body: () throws -> Void) rethrows -> Double {
  let start = probe_processor_now()
  try body()
  return (probe_processor_now() - start) * 1e6
}

func median(_ values: [Double]) -> Double {
  let sorted = values.sorted()
  return sorted.isEmpty ? .nan : sorted[sorted.count / 2]
}

func text(_ value: Double, _ decimals: Int = 2) -> String {
  var scale = 1.0
  for _ in 0..<decimals { scale *= 10 }
  let rounded = (abs(value) * scale).rounded()
  guard rounded.isFinite else { return "-" }
  let whole = Int(rounded) / Int(scale)
  guard decimals > 0 else { return "\(whole)" }
  var fraction = String(Int(rounded) % Int(scale))
  while fraction.count < decimals { fraction = "0" + fraction }
  return "\(value < 0 ? "-" : "")\(whole).\(fraction)"
}

func row(_ name: String, _ fields: String...) {
  var line = name
  while line.count < 58 { line += " " }
  print(line + fields.joined(separator: "   "))
}

/// 0 ..< count in a fixed random order.
func shuffled(_ count: Int) -> [UInt32] {
  var order = (0..<UInt32(count)).map { $0 }
  var state: UInt64 = 88_172_645_463_325_252
  for index in stride(from: count - 1, to: 0, by: -1) {
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    order.swapAt(index, Int(state % UInt64(index + 1)))
  }
  return order
}

/// Memory of a measurement.
final class Memory {
  let base: UnsafeMutableRawPointer
  let byteCount: Int

  enum Pages { case small, huge }

  init(_ byteCount: Int, _ pages: Pages = .small, filled: Bool = true) {
    self.byteCount = byteCount
    // At a 2 MiB bound, as an arena is.
    let huge = 2 << 20
    let raw = mapMemory(byteCount: byteCount + huge)!
    base = UnsafeMutableRawPointer(
      bitPattern: (UInt(bitPattern: raw) + UInt(huge) - 1) & ~UInt(huge - 1))!
    madvise(base, byteCount, Int32(pages == .huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE))
    if filled { fill() }
  }

  func fill() {
    probe_touch(base, byteCount / pageBytes, pageBytes, 1)
  }

  deinit {
    unmapMemory(base, byteCount: byteCount)
  }

  var start: UInt { UInt(bitPattern: base) }
  var range: AddressRange { AddressRange(start: start, byteCount: byteCount) }
}

func watching(
  _ memory: Memory, _ choice: TrackerChoice, granule: Int
) throws -> (any WriteTracker, DirtySet) {
  let tracker = try choice.make()
  let dirty = try DirtySet()
  try tracker.reserve(memory.range, granule: ByteCount(granule))
  try tracker.watch(memory.range)
  try tracker.collectAndRearm(into: dirty)
  return (tracker, dirty)
}
