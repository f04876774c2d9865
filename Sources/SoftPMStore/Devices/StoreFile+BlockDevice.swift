// A store on a block device: no file system, a fixed size, nobody else.
//
// Facts:
// 1. The writer opens the device exclusively, which the kernel grants to one, and not while the
//    device is mounted.
// 2. A device is formatted only where its first MiB is zero, or holds nothing but a formatting
//    that was interrupted. Anything else is a store or is left alone.
// 3. Formatting writes the checkpoint, flushes, and only then writes the superblocks that name it.

import Glibc
import SoftPMBase

extension StoreFile {
  /// What must be zero before a device is formatted.
  static let blankBytes = 1 << 20

  /// Takes the descriptor over.
  static func blockDevice(
    _ descriptor: Int32, _ place: Place, _ options: StoreFileOptions,
    deadline: ContinuousClock.Instant, image: () -> [UInt8]
  ) throws(ContainerError) -> StoreFile {
    var descriptor = descriptor
    var keep = false
    defer { if !keep { Glibc.close(descriptor) } }
    if !options.readOnly {
      let exclusive = try exclusive(descriptor, place, until: deadline)
      Glibc.close(descriptor)
      descriptor = exclusive
      try lock(descriptor, place, until: deadline)
    }
    let size = Int(lseek(descriptor, 0, SEEK_END))
    guard size > 0 else {
      throw .system(errno, doing: "finding the block device's size", path: place.path)
    }
    let capacity = size / Block.byteCount * Block.byteCount
    if isBlank(try head(of: descriptor, min(blankBytes, capacity), place)) {
      guard options.createIfMissing, !options.readOnly else {
        throw ContainerError(
          code: .notFound, message: "The block device is blank: no store has been made on it yet.",
          path: place.path)
      }
      try format(descriptor, image(), capacity, place)
    }
    keep = true
    return StoreFile(
      descriptor: descriptor, path: place.path, byteCount: capacity, capacity: capacity)
  }

  /// The same device, opened so that nobody else can open it so (fact 1).
  private static func exclusive(
    _ descriptor: Int32, _ place: Place, until deadline: ContinuousClock.Instant
  ) throws(ContainerError) -> Int32 {
    while true {
      let opened = Glibc.open("/proc/self/fd/\(descriptor)", O_RDWR | O_EXCL | O_CLOEXEC)
      if opened >= 0 {
        let raised = try Place.raised(opened, place.path)
        // Only to be named in the message that others get.
        _ = WriterLock.take(raised)
        return raised
      }
      let number = errno
      if number == EINTR { continue }
      guard number == EBUSY else {
        throw .system(number, doing: "opening the block device", path: place.path)
      }
      if ContinuousClock.now >= deadline {
        let holder = WriterLock.holder(descriptor).map { "; process \($0) has a store on it" }
        throw ContainerError(
          code: .storeInUse,
          message: "The block device is mounted or open for writing elsewhere\(holder ?? ""). "
            + "Unmount or close it there, or wait with `lockTimeout`.",
          path: place.path)
      }
      usleep(2_000)
    }
  }

  private static func head(
    of descriptor: Int32, _ count: Int, _ place: Place
  ) throws(ContainerError) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    var done = 0
    while done < count {
      let read = bytes.withUnsafeMutableBytes {
        pread(descriptor, $0.baseAddress! + done, count - done, off_t(done))
      }
      if read < 0, errno == EINTR { continue }
      guard read > 0 else {
        throw .system(read < 0 ? errno : EIO, doing: "reading the block device", path: place.path)
      }
      done += read
    }
    return bytes
  }

  /// Whether nothing but zeros, or what an interrupted formatting left, is there (fact 2).
  static func isBlank(_ head: [UInt8]) -> Bool {
    func block(_ number: Int) -> ArraySlice<UInt8> {
      let start = min(number * Block.byteCount, head.count)
      return head[start..<min(start + Block.byteCount, head.count)]
    }
    func isZero(_ bytes: ArraySlice<UInt8>) -> Bool { bytes.allSatisfy { $0 == 0 } }
    let checkpoint = Int(NewStore.checkpoint.rawValue)
    guard isZero(block(2)), isZero(head[min((checkpoint + 1) * Block.byteCount, head.count)...])
    else { return false }
    // A store that was ever written to has its writer's mark in block 2.
    guard isZero(block(checkpoint)) || block(checkpoint).starts(with: Checkpoint.magic) else {
      return false
    }
    if isZero(head[..<(2 * Block.byteCount)]) { return true }
    return (0..<2).allSatisfy { slot in
      let bytes = block(slot)
      if isZero(bytes) { return true }
      guard bytes.starts(with: Superblock.magic) else { return false }
      return bytes.withUnsafeBytes {
        if case .damaged = Superblock.slot($0, number: slot) { true } else { false }
      }
    }
  }

  private static func format(
    _ descriptor: Int32, _ image: [UInt8], _ capacity: Int, _ place: Place
  ) throws(ContainerError) {
    guard capacity >= image.count else {
      throw ContainerError(
        code: .noSpace,
        message: "The block device has \(ByteCount(capacity)); a store takes at least "
          + "\(ByteCount(image.count)).",
        path: place.path)
    }
    let superblocks = 2 * Block.byteCount
    for part in [superblocks..<image.count, 0..<superblocks] {
      let buffer = PageBuffer(blocksHolding: Array(image[part]))
      try write(buffer.readOnly, at: part.lowerBound, of: descriptor, place.path)
      guard fsync(descriptor) == 0 else {
        throw .system(errno, doing: "formatting the block device", path: place.path)
      }
    }
  }
}
