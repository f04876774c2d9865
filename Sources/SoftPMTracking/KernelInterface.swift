// The kernel's side of asynchronous write-protection: one descriptor of each kind per process.

import CSoftPMLinux
import SoftPMBase

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Descriptors of userfaultfd and pagemap, probed once, and a buffer for scans.
///
/// 1. There is one for the process: a page belongs to one userfaultfd at most, and two containers
///    may watch one page.
/// 2. The buffer is used under the lock of the kernel's table.
/// 3. It is never closed: closing a userfaultfd ends the tracking of all memory at once.
struct KernelInterface: @unchecked Sendable {
  let userfaultfd: Int32
  let pagemap: Int32
  let buffer: UnsafeMutablePointer<softpm_page_region>

  /// How many runs one system call can report; where there are more, another call goes on.
  static let bufferCapacity = 16 << 10

  /// Why the kernel's way cannot be used here, in a few words.
  struct Unavailable: Error {
    let reason: String
  }

  static let probed: Result<KernelInterface, Unavailable> = probe()

  private static func probe() -> Result<KernelInterface, Unavailable> {
    let userfaultfd = softpm_userfaultfd_open()
    guard userfaultfd >= 0 else {
      return .failure(Unavailable(reason: explain(-userfaultfd)))
    }
    let pagemap = softpm_pagemap_open()
    guard pagemap >= 0 else {
      softpm_descriptor_close(userfaultfd)
      return .failure(
        Unavailable(reason: "/proc/self/pagemap cannot be opened: \(errorText(-pagemap))"))
    }
    guard
      let memory = mapMemory(
        byteCount: bufferCapacity * MemoryLayout<softpm_page_region>.stride)
    else {
      softpm_descriptor_close(userfaultfd)
      softpm_descriptor_close(pagemap)
      return .failure(Unavailable(reason: "no memory for a buffer"))
    }
    let buffer = memory.bindMemory(to: softpm_page_region.self, capacity: bufferCapacity)
    let interface = KernelInterface(
      userfaultfd: userfaultfd, pagemap: pagemap, buffer: buffer)
    if let reason = interface.failureOfTrial() {
      softpm_descriptor_close(userfaultfd)
      softpm_descriptor_close(pagemap)
      return .failure(Unavailable(reason: reason))
    }
    return .success(interface)
  }

  private static func explain(_ number: Int32) -> String {
    switch number {
    case EPERM, EACCES:
      "userfaultfd is forbidden here: \(errorText(number)); "
        + "containers often filter it with seccomp"
    case ENOSYS:
      "this kernel has no userfaultfd"
    case EINVAL:
      "this kernel is older than Linux 6.7"
    default:
      "userfaultfd cannot be opened: \(errorText(number))"
    }
  }

  /// Tracks one write to two pages of its own; nil when exactly that write was reported.
  ///
  /// A kernel may have the calls and not the behaviour (PAGEMAP_SCAN came in the release after
  /// WP_ASYNC's first patches, and some sandboxes answer ioctls with success).
  private func failureOfTrial() -> String? {
    guard let memory = mapMemory(byteCount: 2 * pageBytes) else { return "no memory for a trial" }
    defer { unmapMemory(memory, byteCount: 2 * pageBytes) }
    let start = UInt(bitPattern: memory)
    let end = start + UInt(2 * pageBytes)
    let registered = softpm_userfaultfd_register(userfaultfd, start, 2 * pageBytes)
    guard registered == 0 else {
      return "userfaultfd cannot write-protect memory here: \(errorText(-registered))"
    }
    memory.storeBytes(of: 1, as: UInt8.self)
    memory.storeBytes(of: 1, toByteOffset: pageBytes, as: UInt8.self)
    let first = softpm_pagemap_collect(pagemap, start, end, buffer, Self.bufferCapacity)
    guard first.regions >= 0 else {
      return "PAGEMAP_SCAN does not work here: \(errorText(Int32(-first.regions)))"
    }
    memory.storeBytes(of: 2, toByteOffset: pageBytes, as: UInt8.self)
    let second = softpm_pagemap_collect(pagemap, start, end, buffer, Self.bufferCapacity)
    let written = start + UInt(pageBytes)
    guard first.regions == 1, second.regions == 1,
      buffer[0].start == UInt64(written), buffer[0].end == UInt64(end)
    else {
      return "PAGEMAP_SCAN did not report a trial's write"
    }
    return nil
  }
}
