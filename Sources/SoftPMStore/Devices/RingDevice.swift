// A file through io_uring, past the page cache where the file system allows it.
//
// Facts:
// 1. One ring, used by one thread at a time (the leader); reads do not go through it.
// 2. A flush does not cover writes that are under way: all requests of a batch are submitted with
//    one system call, and when they have completed, `fdatasync` is called on this thread. A flush
//    as a request of the ring, linked or drained, goes through a worker of the kernel: 16 KiB
//    durable took 87 µs with it and 83 without (51 and 49 when the disk was quicker). A write
//    with RWF_DSYNC took 70 on a quiet machine, but completes through a kernel thread that waits
//    its turn: 3.5 ms in each of four runs with load 20 on two processors, the others far less.
// 3. A write that completed short is finished, and flushed, again.
// 4. Memory handed to the kernel is kept until its completion has been taken from the ring,
//    errors or not.
// 5. O_DIRECT was measured to pay at every size up to some MiB (4 KiB: 71 µs against 100 µs) and
//    to cost nothing beyond, so it is used for all writes.

import CLibURing
import CSoftPMLinux
import Glibc
import SoftPMBase
import Synchronization

package final class RingDevice: Device, @unchecked Sendable {
  private static let entries: UInt32 = 64
  /// One request's bytes: larger ones keep the disk no busier and complete later.
  private static let requestBytesMost = 4 << 20

  private let file: PosixDevice
  private let ring: UnsafeMutablePointer<io_uring>
  private let descriptor: Int32
  private let ownsDescriptor: Bool
  private let path: String

  package let driver = "uring"
  package let reason: String

  /// Nil, with the reason, when the kernel or a filter in front of it has no io_uring.
  static func probe(
    _ file: StoreFile, posix: PosixDevice, reason: String
  ) -> (RingDevice?, String) {
    let ring = UnsafeMutablePointer<io_uring>.allocate(capacity: 1)
    let result = io_uring_queue_init(entries, ring, 0)
    guard result == 0 else {
      ring.deallocate()
      let text = String(cString: strerror(-result))
      return (nil, "io_uring is not available here (\(text)); using pwrite and fdatasync")
    }
    return (RingDevice(file, posix, ring, reason: reason), "")
  }

  private init(
    _ file: StoreFile, _ posix: PosixDevice, _ ring: UnsafeMutablePointer<io_uring>,
    reason: String
  ) {
    self.file = posix
    self.ring = ring
    self.reason = reason
    path = file.path
    let direct = open(
      "/proc/self/fd/\(file.descriptor)", O_RDWR | softpm_o_direct | O_CLOEXEC)
    ownsDescriptor = direct >= 0
    descriptor = direct >= 0 ? direct : file.descriptor
  }

  deinit {
    close()
    io_uring_queue_exit(ring)
    ring.deallocate()
  }

  package var medium: String { file.medium }
  package var byteCount: Int { file.byteCount }
  package var capacity: Int? { file.capacity }
  package var allocatedBytes: Int { file.allocatedBytes }
  package var pins: (any ReaderPins)? { file.pins }

  package func allocate(to end: Int) throws(ContainerError) {
    try file.allocate(to: end)
  }

  package func fill(from start: Int, to end: Int) throws(ContainerError) {
    try file.fill(from: start, to: end)
  }

  package var holes: RangeSet<Int> { file.holes }

  package func discard(from start: Int, to end: Int) throws(ContainerError) {
    try file.discard(from: start, to: end)
  }

  package func truncate(to byteCount: Int) throws(ContainerError) {
    try file.truncate(to: byteCount)
  }

  package func read(
    into target: UnsafeMutableRawBufferPointer, at offset: Int, from source: ReadSource
  ) throws(ContainerError) {
    try file.read(into: target, at: offset, from: source)
  }

  package func write(_ writes: [DeviceWrite]) throws(ContainerError) {
    try run(writes, flushing: false)
  }

  package func flush() throws(ContainerError) {
    try run([], flushing: true)
  }

  package func writeAndFlush(_ writes: [DeviceWrite]) throws(ContainerError) {
    try run(writes, flushing: true)
  }

  package func zero(from start: Int, to end: Int) throws(ContainerError) {
    // Through the page cache, because a direct write that makes the file longer keeps all others
    // waiting until it is done; then out of it, so that direct writes find nothing to throw out.
    try file.zero(from: start, to: end)
    posix_fadvise(descriptor, start, end - start, POSIX_FADV_DONTNEED)
  }

  package func close() {
    let wasOpen = file.closeOnce()
    if wasOpen, ownsDescriptor { Glibc.close(descriptor) }
  }

  /// One write request: a run of buffers that follow each other on the medium.
  private struct Request {
    var offset: Int
    var vectors: UnsafeMutablePointer<iovec>
    var vectorCount: Int
    var byteCount: Int
  }

  private func requests(_ writes: [DeviceWrite]) -> [Request] {
    var requests: [Request] = []
    var run: [iovec] = []
    var start = 0
    var end = 0
    func finish() {
      guard !run.isEmpty else { return }
      let vectors = UnsafeMutablePointer<iovec>.allocate(capacity: run.count)
      vectors.initialize(from: run, count: run.count)
      requests.append(
        Request(offset: start, vectors: vectors, vectorCount: run.count, byteCount: end - start))
      run = []
    }
    for write in writes.sorted(by: { $0.offset < $1.offset }) {
      var done = 0
      while done < write.bytes.count {
        let offset = write.offset + done
        if run.isEmpty || offset != end || end - start >= RingDevice.requestBytesMost
          || run.count == 512
        {
          finish()
          start = offset
          end = offset
        }
        let count = min(write.bytes.count - done, RingDevice.requestBytesMost - (end - start))
        run.append(
          iovec(
            iov_base: UnsafeMutableRawPointer(mutating: write.bytes.baseAddress! + done),
            iov_len: count))
        done += count
        end += count
      }
    }
    finish()
    return requests
  }

  private func run(_ writes: [DeviceWrite], flushing: Bool) throws(ContainerError) {
    try file.checkOpen()
    try file.checkRoom(for: writes)
    let requests = self.requests(writes)
    defer { for request in requests { request.vectors.deallocate() } }
    var first = 0
    var isShort = false
    while first < requests.count {
      let part = requests[first..<min(first + Int(RingDevice.entries), requests.count)]
      first = part.endIndex
      isShort = try submit(part) || isShort
    }
    if let end = requests.last.map({ $0.offset + $0.byteCount }) { file.grew(to: end) }
    // Rare (a signal, a nearly full disk): the ordinary way finishes or explains it.
    if isShort { try file.write(writes) }
    if flushing { try file.flush() }
  }

  /// Submits requests and waits for all of them; true when one was short.
  private func submit(_ requests: ArraySlice<Request>) throws(ContainerError) -> Bool {
    for (index, request) in zip(requests.indices, requests) {
      guard let entry = io_uring_get_sqe(ring) else { throw refused(EBUSY) }
      io_uring_prep_writev(
        entry, descriptor, request.vectors, UInt32(request.vectorCount), UInt64(request.offset))
      entry.pointee.user_data = UInt64(index + 1)
    }
    return try complete(requests.count, requests)
  }

  private func complete(
    _ count: Int, _ requests: ArraySlice<Request>
  ) throws(ContainerError) -> Bool {
    var waiting = count
    var failure: Int32 = 0
    var isShort = false
    while waiting > 0 {
      let result = io_uring_submit_and_wait(ring, UInt32(waiting))
      if result < 0, result != -EINTR, result != -EAGAIN, result != -EBUSY {
        // Nothing can be said of what was submitted; the ring is of no more use.
        throw refused(-result)
      }
      var completion: UnsafeMutablePointer<io_uring_cqe>?
      while io_uring_peek_cqe(ring, &completion) == 0, let done = completion {
        let (number, outcome) = (done.pointee.user_data, done.pointee.res)
        io_uring_cqe_seen(ring, done)
        waiting -= 1
        if outcome == -EINTR || outcome == -EAGAIN {
          isShort = true
        } else if outcome < 0 {
          failure = -outcome
        } else if Int(outcome) < requests[Int(number) - 1].byteCount {
          isShort = true
        }
      }
    }
    if failure != 0 { throw refused(failure) }
    return isShort
  }

  private func refused(_ number: Int32) -> ContainerError {
    .system(number, doing: "writing the store through io_uring", path: path)
  }
}
