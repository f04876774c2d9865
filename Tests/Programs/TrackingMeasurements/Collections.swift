import CTrackingProbe
import Glibc
import SoftPMBase
import SoftPMTracking

/// Collecting and re-arming, for what is dirty in memory of some size.
func measureCollections(_ gibibytes: [Double]) throws {
  print("\n# collect and re-arm, µs (bare mechanism, tracker; runs)")
  let sizes = gibibytes.isEmpty ? [0.0625, 1, 8] : gibibytes
  for size in sizes {
    let bytes = Int(size * Double(1 << 30))
    try measureKernel(bytes, .small)
    try measureKernel(bytes, .huge)
    try measureSignal(bytes, granule: 16 << 10)
  }
}

let dirtyCounts = [0, 10, 1_000, 100_000]

func sizeText(_ bytes: Int) -> String { ByteCount(bytes).description }

private func measureKernel(_ bytes: Int, _ pages: Memory.Pages) throws {
  let memory = Memory(bytes, pages)
  let order = shuffled(bytes / pageBytes)
  let (tracker, dirty) = try watching(memory, .kernel, granule: 16 << 10)
  // On the tracker's own registration, in turn; what it swallows is missed by nobody here.
  let mechanism = BareScan(memory)
  for count in dirtyCounts where count <= order.count {
    var bare: [Double] = []
    var ours: [Double] = []
    for _ in 0..<9 {
      probe_touch_in_order(memory.base, order, count, pageBytes, 2)
      bare.append(time { mechanism.collect() })
      probe_touch_in_order(memory.base, order, count, pageBytes, 2)
      try ours.append(time { try tracker.collectAndRearm(into: dirty) })
    }
    row(
      "kernel, \(sizeText(bytes)) in \(pages) pages, \(count) scattered dirty",
      text(median(bare), 1), text(median(ours), 1), "\(dirty.runCount)")
  }
}

private func measureSignal(_ bytes: Int, granule: Int) throws {
  let memory = Memory(bytes)
  let order = shuffled(bytes / granule)
  let (tracker, dirty) = try watching(memory, .signal, granule: granule)
  for count in dirtyCounts where count <= order.count {
    var bare: [Double] = []
    var ours: [Double] = []
    for _ in 0..<5 {
      probe_touch_in_order(memory.base, order, count, granule, 2)
      try ours.append(time { try tracker.collectAndRearm(into: dirty) })
      probe_touch_in_order(memory.base, order, count, granule, 2)
      // The floor: one call that protects everything; then the tracker's own books.
      bare.append(time { mprotect(memory.base, bytes, PROT_READ) })
      try tracker.collectAndRearm(into: dirty)
    }
    row(
      "signal, \(sizeText(bytes)) in \(granule >> 10) KiB granules, \(count) scattered dirty",
      text(median(bare), 1), text(median(ours), 1), "\(dirty.runCount)")
  }
}

/// 16 scattered writes in a cold 4 GiB: what a point costs that has nearly nothing to do.
func measureCold() throws {
  print("\n# 16 scattered writes in a cold 4 GiB, µs (writes, each; collect; gather; pages)")
  try measureCold(.small, gathering: 0)
  try measureCold(.huge, gathering: 0)
  try measureCold(.huge, gathering: 16)
}

private func measureCold(_ pages: Memory.Pages, gathering: Int) throws {
  let bytes = 4 << 30
  let memory = Memory(bytes, pages)
  let (tracker, dirty) = try watching(memory, .kernel, granule: 16 << 10)
  if pages == .huge { tracker.adviseCold(memory.range) }
  let order = shuffled(bytes / pageBytes)
  var writes: [Double] = []
  var collects: [Double] = []
  var gathers: [Double] = []
  var reported = 0
  for round in 0..<61 {
    writes.append(
      time {
        order.withUnsafeBufferPointer {
          probe_touch_in_order(memory.base, $0.baseAddress! + round * 16, 16, pageBytes, 2)
        }
      } / 16)
    try collects.append(time { try tracker.collectAndRearm(into: dirty) })
    reported = max(reported, dirty.byteCount / pageBytes)
    gathers.append(time { _ = tracker.gatherCold(atMost: gathering, unwrittenFor: 4) })
  }
  row(
    "kernel, \(pages) pages, gathering \(gathering) blocks a point",
    text(median(writes)), text(median(collects), 1), text(median(gathers), 1), "\(reported)")
  row(
    "    the first ten collections, the last ten",
    text(median(Array(collects.prefix(10))), 1), text(median(Array(collects.suffix(10))), 1))
}
