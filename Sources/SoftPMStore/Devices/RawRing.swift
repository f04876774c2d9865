// The floor that benchmarks compare the store with: bare io_uring requests, no store around them.

import CLibURing
import CSoftPMLinux
import Glibc
import SoftPMBase

/// A file written with zeros, and a ring to write it over. For benchmarks, one thread.
package final class RawRing {
  private let ring = UnsafeMutablePointer<io_uring>.allocate(capacity: 1)
  private let descriptor: Int32

  package init(_ path: String, byteCount: Int) throws(ContainerError) {
    let buffered = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard buffered >= 0 else { throw .system(errno, doing: "making a file", path: path) }
    let zeros = PosixDevice(
      StoreFile(descriptor: buffered, path: path, byteCount: 0), readOnly: false, reason: "")
    try zeros.zero(from: 0, to: byteCount)
    zeros.close()
    descriptor = open(path, O_RDWR | softpm_o_direct | O_CLOEXEC)
    guard descriptor >= 0 else { throw .system(errno, doing: "opening a file", path: path) }
    let result = io_uring_queue_init(8, ring, 0)
    guard result == 0 else { throw .system(-result, doing: "making a ring", path: path) }
  }

  deinit {
    io_uring_queue_exit(ring)
    ring.deallocate()
    close(descriptor)
  }

  /// Writes and makes durable: by a flush drained behind the write, or by `fdatasync`
  /// on this thread when it has completed.
  package func write(
    _ bytes: UnsafeRawBufferPointer, at offset: Int, drained: Bool
  ) throws(ContainerError) {
    guard let entry = io_uring_get_sqe(ring) else {
      throw .system(EBUSY, doing: "writing a file")
    }
    io_uring_prep_write(
      entry, descriptor, bytes.baseAddress, UInt32(bytes.count), UInt64(offset))
    if drained {
      guard let flush = io_uring_get_sqe(ring) else {
        throw .system(EBUSY, doing: "writing a file")
      }
      io_uring_prep_fsync(flush, descriptor, UInt32(IORING_FSYNC_DATASYNC))
      flush.pointee.flags |= 1 << 1
    }
    var waiting: UInt32 = drained ? 2 : 1
    while waiting > 0 {
      let result = io_uring_submit_and_wait(ring, waiting)
      if result < 0, result != -EINTR { throw .system(-result, doing: "writing a file") }
      var completion: UnsafeMutablePointer<io_uring_cqe>?
      while io_uring_peek_cqe(ring, &completion) == 0, let done = completion {
        let outcome = done.pointee.res
        io_uring_cqe_seen(ring, done)
        waiting -= 1
        if outcome < 0 { throw .system(-outcome, doing: "writing a file") }
      }
    }
    if !drained, fdatasync(descriptor) != 0 { throw .system(errno, doing: "flushing a file") }
  }
}
