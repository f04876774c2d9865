// Times, medians, and the floor that they are held against.

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Samples of one quantity; the median is what is quoted.
struct Samples {
  private(set) var values: [Duration] = []

  mutating func time<R>(_ body: () throws -> R) rethrows -> R {
    let clock = ContinuousClock()
    let start = clock.now
    let result = try body()
    values.append(clock.now - start)
    return result
  }

  var median: Duration { values.sorted()[values.count / 2] }

  var text: String {
    let sorted = values.sorted()
    guard let least = sorted.first, let most = sorted.last else { return "no samples" }
    return "\(median.text)  (\(least.text) … \(most.text))"
  }
}

extension Duration {
  var seconds: Double {
    Double(components.seconds) + Double(components.attoseconds) / 1e18
  }

  var text: String {
    let value = seconds
    func rounded(_ scaled: Double, _ unit: String) -> String {
      let tenths = Int((scaled * 10).rounded())
      return "\(tenths / 10).\(tenths % 10) \(unit)"
    }
    if value >= 1 { return rounded(value, "s") }
    if value >= 1e-3 { return rounded(value * 1e3, "ms") }
    return rounded(value * 1e6, "µs")
  }
}

/// A file that was written before, overwritten and flushed: what durability costs at least.
final class DiskFloor {
  private let descriptor: Int32
  private let path: String
  private let bytes: [UInt8]

  init?(folder: String, byteCount: Int) {
    path = folder + "/floor"
    bytes = [UInt8](repeating: 0x5a, count: byteCount)
    descriptor = open(path, O_RDWR | O_CREAT, 0o600)
    guard descriptor >= 0 else { return nil }
    writeAndFlush()
  }

  deinit {
    close(descriptor)
    unlink(path)
  }

  func writeAndFlush() {
    _ = bytes.withUnsafeBytes { pwrite(descriptor, $0.baseAddress, $0.count, 0) }
    fdatasync(descriptor)
  }
}
