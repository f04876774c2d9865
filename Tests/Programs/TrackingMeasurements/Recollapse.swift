import CSoftPMLinux
import CTrackingProbe
import Glibc
import SoftPMBase
import SoftPMTracking

/// Whether memory that was warm and has cooled can be brought back to huge pages, and at what cost.
func measureRecollapse() {
  print("\n# bringing cooled memory back to huge pages, 1 GiB")
  let memory = Memory(1 << 30, .huge)
  let mechanism = BareKernel(memory)
  let blocks = memory.byteCount / (2 << 20)
  row("scan in huge pages, µs", text(scanTime(mechanism), 1))
  probe_touch(memory.base, blocks, 2 << 20, 2)
  mechanism.collect()
  row("scan after one write in every huge page, µs", text(scanTime(mechanism), 1))
  let armed = softpm_collapse_huge_pages(memory.start, memory.byteCount)
  row("collapse while armed: errno", "\(-armed)")

  // Disarm a block, collapse it, arm it: under the container's lock, right after a collection.
  var disarmed: [Double] = []
  var collapsed: [Double] = []
  var rearmed: [Double] = []
  var failures = 0
  for block in 0..<blocks {
    let start = memory.start + UInt(block * (2 << 20))
    disarmed.append(
      time { _ = softpm_userfaultfd_protect(mechanism.userfaultfd, start, 2 << 20, 0) })
    var result: Int32 = 0
    collapsed.append(time { result = softpm_collapse_huge_pages(start, 2 << 20) })
    if result != 0 { failures += 1 }
    rearmed.append(
      time { _ = softpm_userfaultfd_protect(mechanism.userfaultfd, start, 2 << 20, 1) })
  }
  row(
    "per 2 MiB: disarm, collapse, arm again, µs",
    text(median(disarmed), 1), text(median(collapsed), 1), text(median(rearmed), 1))
  row("blocks that would not collapse", "\(failures) of \(blocks)")
  row("scan afterwards, µs", text(scanTime(mechanism), 1))
  memory.base.storeBytes(of: 9, toByteOffset: 777 * pageBytes, as: UInt8.self)
  let found = mechanism.collect()
  let exact =
    found == 1 && mechanism.regions[0].start == UInt64(memory.start) + 777 * UInt64(pageBytes)
    && mechanism.regions[0].end - mechanism.regions[0].start == UInt64(pageBytes)
  row("one write afterwards is reported as that page alone", "\(exact)")
}

private func scanTime(_ mechanism: BareKernel) -> Double {
  median((0..<9).map { _ in time { mechanism.collect() } })
}
