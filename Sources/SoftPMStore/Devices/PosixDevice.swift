import CSoftPMLinux
import Glibc
import SoftPMBase
import Synchronization

/// A file through `pread`, `pwritev` and `fdatasync`: works everywhere.
package final class PosixDevice: Device, @unchecked Sendable {
  let descriptor: Int32
  /// The same file opened with O_DIRECT, where the file system allows it: for reading past the
  /// page cache. −1 otherwise.
  private let direct: Int32
  let path: String
  private let length: Mutex<Int>
  private let isClosed = Mutex(false)
  package let capacity: Int?

  package let driver = "posix"
  package internal(set) var reason: String
  /// Only a block device has its size for ever.
  package var medium: String { capacity == nil ? "file" : "block device" }

  init(_ file: StoreFile, readOnly: Bool, reason: String) {
    descriptor = file.descriptor
    path = file.path
    self.reason = reason
    length = Mutex(file.byteCount)
    capacity = file.capacity
    direct = Glibc.open(
      "/proc/self/fd/\(file.descriptor)", O_RDONLY | softpm_o_direct | O_CLOEXEC)
  }

  deinit {
    close()
  }

  package var byteCount: Int { length.withLock { $0 } }

  package func read(
    into target: UnsafeMutableRawBufferPointer, at offset: Int, from source: ReadSource
  ) throws(ContainerError) {
    try open()
    var handle = descriptor
    if source == .medium {
      if direct >= 0, offset % Block.byteCount == 0, target.count % Block.byteCount == 0,
        Int(bitPattern: target.baseAddress) % Block.byteCount == 0
      {
        handle = direct
      } else {
        posix_fadvise(descriptor, offset, target.count, POSIX_FADV_DONTNEED)
      }
    }
    var done = 0
    while done < target.count {
      let count = pread(handle, target.baseAddress! + done, target.count - done, offset + done)
      if count == 0 { break }
      if count < 0 {
        if errno == EINTR { continue }
        if errno == EINVAL, handle == direct {
          // After a short read at the end of the file the rest is no longer aligned.
          handle = descriptor
          continue
        }
        throw .system(errno, doing: "reading the store", path: path)
      }
      done += count
    }
    UnsafeMutableRawBufferPointer(rebasing: target[done...])
      .initializeMemory(as: UInt8.self, repeating: 0)
  }

  package func write(_ writes: [DeviceWrite]) throws(ContainerError) {
    try open()
    try checkRoom(for: writes)
    let sorted = writes.sorted { $0.offset < $1.offset }
    var index = 0
    while index < sorted.count {
      var vectors: [iovec] = []
      let start = sorted[index].offset
      var end = start
      while index < sorted.count, sorted[index].offset == end, vectors.count < 512 {
        let bytes = sorted[index].bytes
        vectors.append(
          iovec(
            iov_base: UnsafeMutableRawPointer(mutating: bytes.baseAddress), iov_len: bytes.count))
        end += bytes.count
        index += 1
      }
      try write(&vectors, from: start, to: end)
    }
  }

  private func write(
    _ vectors: inout [iovec], from start: Int, to end: Int
  ) throws(ContainerError) {
    var position = start
    var first = 0
    while position < end {
      let count = pwritev(
        descriptor, Array(vectors[first...]), Int32(vectors.count - first), position)
      if count < 0 {
        if errno == EINTR { continue }
        throw .system(errno, doing: "writing the store", path: path)
      }
      guard count > 0 else {
        throw ContainerError(code: .io, message: "A write took no bytes.", path: path)
      }
      position += count
      var rest = count
      while first < vectors.count, rest >= vectors[first].iov_len {
        rest -= vectors[first].iov_len
        first += 1
      }
      if rest > 0 {
        vectors[first].iov_base += rest
        vectors[first].iov_len -= rest
      }
    }
    length.withLock { $0 = max($0, end) }
  }

  package func flush() throws(ContainerError) {
    try open()
    while fdatasync(descriptor) != 0 {
      if errno == EINTR { continue }
      throw .system(errno, doing: "flushing the store", path: path)
    }
  }

  /// The process that opened the file, and with it holds its lock.
  private let opener = getpid()

  package func zero(from start: Int, to end: Int) throws(ContainerError) {
    let zeros = PageBuffer(byteCount: 1 << 20)
    var position = start
    while position < end {
      let part = UnsafeRawBufferPointer(
        rebasing: zeros.readOnly[..<min(zeros.byteCount, end - position)])
      try write([DeviceWrite(offset: position, bytes: part)])
      position += part.count
    }
    try flush()
  }

  package func close() { _ = closeOnce() }

  /// True for the first caller.
  func closeOnce() -> Bool {
    let first = isClosed.withLock { closed in
      defer { closed = true }
      return !closed
    }
    if first {
      if direct >= 0 { Glibc.close(direct) }
      WriterLock.letGo(descriptor, takenBy: opener)
      Glibc.close(descriptor)
    }
    return first
  }

  /// Somebody else wrote up to `end`.
  func grew(to end: Int) { length.withLock { $0 = max($0, end) } }

  func shrank(to end: Int) { length.withLock { $0 = end } }

  func checkOpen() throws(ContainerError) { try open() }

  private func open() throws(ContainerError) {
    if isClosed.withLock({ $0 }) { throw .closedStore }
  }
}
