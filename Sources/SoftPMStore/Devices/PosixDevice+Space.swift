// A file's space: making room, holes, giving storage back.

import CSoftPMLinux
import Glibc
import SoftPMBase

extension PosixDevice {
  package var pins: (any ReaderPins)? { FilePins(descriptor: descriptor, path: path) }

  package func allocate(to end: Int) throws(ContainerError) {
    try checkOpen()
    if let capacity {
      if end > capacity { throw .noSpace(capacity) }
      return
    }
    guard end > byteCount else { return }
    try checkLength()
    try fill(from: byteCount, to: end)
  }

  package func fill(from start: Int, to end: Int) throws(ContainerError) {
    guard capacity == nil, start < end else { return }
    while softpm_allocate(descriptor, Int64(start), Int64(end - start)) != 0 {
      switch errno {
      case EINTR: continue
      case EOPNOTSUPP, ENOSYS, EINVAL:
        // No such call here: zeros that are written have storage too.
        return try zero(from: start, to: end)
      default: throw .system(errno, doing: "making room in the store's file", path: path)
      }
    }
    grew(to: end)
  }

  package var holes: RangeSet<Int> {
    var holes = RangeSet<Int>()
    guard capacity == nil else { return holes }
    var position = 0
    while position < byteCount {
      let hole = Int(softpm_next_hole(descriptor, Int64(position)))
      // A file system that cannot say has none, as far as anybody can know.
      guard hole >= 0, hole < byteCount else { break }
      let data = Int(softpm_next_data(descriptor, Int64(hole)))
      let end = data < 0 ? byteCount : min(data, byteCount)
      holes.insert(contentsOf: hole..<end)
      position = end
    }
    return holes
  }

  /// A block device says so itself, but only after part of a write was made.
  func checkRoom(for writes: [DeviceWrite]) throws(ContainerError) {
    guard let capacity, writes.contains(where: { $0.offset + $0.bytes.count > capacity }) else {
      return
    }
    throw .system(ENOSPC, doing: "writing beyond the block device's end", path: path)
  }

  package var allocatedBytes: Int {
    if let capacity { return capacity }
    var status = stat()
    return fstat(descriptor, &status) == 0 ? Int(status.st_blocks) * 512 : byteCount
  }

  /// File systems and disks that cannot do it keep the storage, which is no harm.
  package func discard(from start: Int, to end: Int) throws(ContainerError) {
    try checkOpen()
    guard start < end else { return }
    while softpm_punch(descriptor, Int64(start), Int64(end - start), capacity == nil ? 0 : 1) != 0 {
      switch errno {
      case EINTR: continue
      case EOPNOTSUPP, ENOSYS, EINVAL, EPERM, ENOTTY: return
      default: throw .system(errno, doing: "giving back space", path: path)
      }
    }
  }

  package func truncate(to byteCount: Int) throws(ContainerError) {
    try checkOpen()
    guard capacity == nil, byteCount < self.byteCount else { return }
    while ftruncate(descriptor, off_t(byteCount)) != 0 {
      if errno == EINTR { continue }
      throw .system(errno, doing: "making the store's file shorter", path: path)
    }
    shrank(to: byteCount)
  }

  /// Throws when the file is shorter than what was made of it.
  func checkLength() throws(ContainerError) {
    guard capacity == nil else { return }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else {
      throw .system(errno, doing: "examining the store", path: path)
    }
    guard status.st_size >= byteCount else {
      throw ContainerError(
        code: .io,
        message: "The store's file was made shorter while it was in use. Restore it from a backup.",
        path: path)
    }
  }
}
