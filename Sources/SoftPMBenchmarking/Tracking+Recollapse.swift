import CSoftPMLinux
import CTrackingProbe
import SoftPMBase
import SoftPMTracking

extension LayerBenchmarks {
  /// Whether memory that was warm and has cooled can be brought back to huge pages, and at what
  /// cost: a scan before, with every block split, and after; and the three steps, per block.
  static func recollapse(_ report: BenchmarkReport) throws {
    let bytes = report.size.pick(smoke: 16 << 20, quick: 256 << 20, full: 1 << 30)
    let block = 2 << 20
    let memory = try MeasuredMemory(bytes, .huge)
    let mechanism = BareKernel(memory)
    var steps: [(String, [Double])] = [("scan, in huge pages", scans(mechanism))]
    probe_touch(memory.base, bytes / block, block, 2)
    mechanism.collect()
    steps.append(("scan, after a write in every block", scans(mechanism)))
    var parts: [[Double]] = [[], [], []]
    var failures = 0
    func microseconds(_ body: () -> Void) -> Double {
      let start = StopwatchKind.processor.nanoseconds()
      body()
      return (StopwatchKind.processor.nanoseconds() - start) / 1e3
    }
    for index in 0..<bytes / block {
      let start = memory.start + UInt(index * block)
      parts[0].append(
        microseconds { _ = softpm_userfaultfd_protect(mechanism.userfaultfd, start, block, 0) })
      var result: Int32 = 0
      parts[1].append(microseconds { result = softpm_collapse_huge_pages(start, block) })
      if result != 0 { failures += 1 }
      parts[2].append(
        microseconds { _ = softpm_userfaultfd_protect(mechanism.userfaultfd, start, block, 1) })
    }
    steps += [
      ("per block: disarm", parts[0]), ("per block: collapse", parts[1]),
      ("per block: arm", parts[2]), ("scan, after collapsing all", scans(mechanism)),
    ]
    memory.base.storeBytes(of: 9, toByteOffset: 777 * pageBytes, as: UInt8.self)
    let found = mechanism.collect()
    report.add(
      BenchmarkTable(
        title: "bringing cooled memory back to huge pages, \(sizeText(bytes))", unit: "µs",
        durability: .memory, clock: .processor,
        rows: steps.map { name, values in
          BenchmarkRow(
            name: name, figure: Figure(values), ratio: nil,
            counts: [
              .init(name: "blocks that would not collapse", perLap: Double(failures)),
              .init(name: "runs reported of one write", perLap: Double(found)),
            ], hash: UInt64(found))
        }))
  }

  private static func scans(_ mechanism: BareKernel) -> [Double] {
    (0..<9).map { _ in
      let start = StopwatchKind.processor.nanoseconds()
      mechanism.collect()
      return (StopwatchKind.processor.nanoseconds() - start) / 1e3
    }
  }
}
