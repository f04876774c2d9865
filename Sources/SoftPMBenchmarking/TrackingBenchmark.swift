// What seeing writes costs: first writes, collections, freezing, cold memory.
//
// Everything is held against the bare mechanism in the same run: PAGEMAP_SCAN in one loop, a
// handler that only calls mprotect, memcpy.

import CSoftPMLinux
import CTrackingProbe
import SoftPMBase
import SoftPMTracking

#if canImport(Glibc)
  import Glibc
#endif

extension LayerBenchmarks {
  public static func tracking(_ report: BenchmarkReport) throws {
    try firstWrites(report)
    try collections(report)
    try cold(report)
    try freezing(report)
    try recollapse(report)
    try scattered(report)
  }
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

func sizeText(_ bytes: Int) -> String { ByteCount(bytes).description }

/// Memory of a measurement.
final class MeasuredMemory {
  let base: UnsafeMutableRawPointer
  let byteCount: Int

  enum Pages: String { case small, huge }

  init(_ byteCount: Int, _ pages: Pages = .small, filled: Bool = true) throws {
    self.byteCount = byteCount
    // At a 2 MiB bound, as an arena is.
    let huge = 2 << 20
    guard let raw = mapMemory(byteCount: byteCount + huge) else {
      throw BenchmarkFailure("no \(sizeText(byteCount)) of address space")
    }
    mapping = raw
    base = raw.advanced(by: Int((UInt(huge) - UInt(bitPattern: raw) % UInt(huge)) % UInt(huge)))
    madvise(base, byteCount, Int32(pages == .huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE))
    if filled { fill() }
  }

  private let mapping: UnsafeMutableRawPointer

  func fill() {
    probe_touch(base, byteCount / pageBytes, pageBytes, 1)
  }

  deinit {
    unmapMemory(mapping, byteCount: byteCount + 2 << 20)
  }

  var start: UInt { UInt(bitPattern: base) }
  var range: AddressRange { AddressRange(start: start, byteCount: byteCount) }
}

/// The kernel's tracker arms all memory for this, unless it `leavesHotPages`: to see the mechanism, of
/// which memory that is written all over time and again would hide most.
func watching(
  _ memory: MeasuredMemory, _ choice: TrackerChoice, granule: Int, leavesHotPages: Bool = false
) throws -> (any WriteTracker, DirtySet) {
  let tracker =
    choice == .kernel ? try KernelTracker(leavesHotPages: leavesHotPages) : try choice.make()
  let dirty = try DirtySet()
  try tracker.reserve(memory.range, granule: ByteCount(granule))
  try tracker.watch(memory.range)
  try tracker.collectAndRearm(into: dirty)
  return (tracker, dirty)
}

/// PAGEMAP_SCAN with nothing around it.
class BareScan {
  let pagemap = softpm_pagemap_open()
  let memory: MeasuredMemory
  let regions = UnsafeMutablePointer<softpm_page_region>.allocate(capacity: 200_000)

  init(_ memory: MeasuredMemory) {
    self.memory = memory
  }

  @discardableResult
  func collect() -> Int {
    var position = memory.range.start
    var found = 0
    while position < memory.range.end {
      let result = softpm_pagemap_collect(
        pagemap, position, memory.range.end, regions, 200_000)
      guard result.regions >= 0 else { return -1 }
      found += Int(result.regions)
      position = UInt(result.walked_to)
    }
    return found
  }

  deinit {
    softpm_descriptor_close(pagemap)
    regions.deallocate()
  }
}

/// The same with a userfaultfd of its own.
final class BareKernel: BareScan {
  let userfaultfd = softpm_userfaultfd_open()

  override init(_ memory: MeasuredMemory) {
    super.init(memory)
    let result = softpm_userfaultfd_register(userfaultfd, memory.start, memory.byteCount)
    precondition(result == 0, "cannot register")
    collect()
  }

  deinit {
    _ = softpm_userfaultfd_unregister(userfaultfd, memory.start, memory.byteCount)
    softpm_descriptor_close(userfaultfd)
  }
}
