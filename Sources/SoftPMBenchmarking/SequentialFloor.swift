// How fast the disk takes bytes in order: what a point of much new data cannot be faster than.

import CSoftPMLinux
import SoftPMStore

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Direct writes of 4 MiB, one after the other, to space that was written before; one flush.
public final class SequentialFloor {
  private let descriptor: Int32
  private let buffer = PageBuffer(byteCount: 4 << 20)
  private let byteCount: Int

  public init(_ path: String, byteCount: Int) throws {
    self.byteCount = max(1, (byteCount + (4 << 20) - 1) / (4 << 20)) * (4 << 20)
    descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | softpm_o_direct, 0o600)
    guard descriptor >= 0 else { throw BenchmarkFailure("\(path) cannot be opened directly") }
    try write()
  }

  deinit { close(descriptor) }

  public func write() throws {
    for place in stride(from: 0, to: byteCount, by: buffer.byteCount) {
      guard pwrite(descriptor, buffer.bytes.baseAddress, buffer.byteCount, place) > 0 else {
        throw BenchmarkFailure("the disk does not take direct writes")
      }
    }
    guard fdatasync(descriptor) == 0 else { throw BenchmarkFailure("the disk does not flush") }
  }

  /// Bytes that one `write` writes.
  public var size: Int { byteCount }
}
