import CSoftPMLinux
import CTrackingProbe
import Glibc
import SoftPMBase
import SoftPMTracking

/// The cost of the first write to a page or granule after a collection, and its floors: the write
/// itself, the kernel's bare mechanism, a handler that only calls mprotect.
func measureFirstWrites() throws {
  print("\n# first write, 64 MiB, µs each (sequential, random)")
  for granule in [4 << 10, 16 << 10, 64 << 10] {
    try measureFirstWrites(granule: granule)
  }
}

private func measureFirstWrites(granule: Int) throws {
  let bytes = 64 << 20
  let count = bytes / granule
  let order = shuffled(count)
  var results: [String: ([Double], [Double])] = [:]
  func note(_ name: String, _ rearm: () throws -> Void, on memory: Memory) rethrows {
    try rearm()
    let sequential = time { probe_touch(memory.base, count, granule, 2) }
    try rearm()
    let random = time { probe_touch_in_order(memory.base, order, count, granule, 3) }
    results[name, default: ([], [])].0.append(sequential / Double(count))
    results[name, default: ([], [])].1.append(random / Double(count))
  }
  let plain = Memory(bytes)
  let bare = Memory(bytes)
  let kernelMemory = Memory(bytes)
  let signalMemory = Memory(bytes)
  let bareKernel = BareKernel(bare)
  let (kernel, dirty) = try watching(kernelMemory, .kernel, granule: granule)
  let (signal, _) = try watching(signalMemory, .signal, granule: granule)
  for _ in 0..<9 {
    note("untracked", {}, on: plain)
    note("bare kernel", { bareKernel.collect() }, on: bare)
    try note("kernel tracker", { try kernel.collectAndRearm(into: dirty) }, on: kernelMemory)
    probe_raw_handler(1, granule)
    note("bare handler", { mprotect(plain.base, bytes, PROT_READ) }, on: plain)
    mprotect(plain.base, bytes, PROT_READ | PROT_WRITE)
    probe_raw_handler(0, granule)
    try note("signal tracker", { try signal.collectAndRearm(into: dirty) }, on: signalMemory)
  }
  for name in ["untracked", "bare kernel", "kernel tracker", "bare handler", "signal tracker"] {
    let (sequential, random) = results[name]!
    row(
      "\(granule >> 10) KiB granules, \(name)", text(median(sequential), 3),
      text(median(random), 3))
  }
  print("    coarsened faults: \(signal.statistics.coarsenedFaults)")
}

/// PAGEMAP_SCAN with nothing around it.
class BareScan {
  let pagemap = softpm_pagemap_open()
  let memory: Memory
  let regions = UnsafeMutablePointer<softpm_page_region>.allocate(capacity: 200_000)

  init(_ memory: Memory) {
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

  override init(_ memory: Memory) {
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
