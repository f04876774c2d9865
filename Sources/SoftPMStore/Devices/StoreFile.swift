// A store's file: finding it, making it whole, and keeping other writers out.
//
// Facts:
// 1. A store exists whole or not at all: it is made without a name, flushed, then linked, then
//    its folder is flushed.
// 2. The path is resolved once; after that the last component is opened with O_NOFOLLOW, so a
//    link put there in between is refused.
// 3. The writer holds an open-file-description lock on one byte far beyond the content. Unlike
//    POSIX record locks it is not lost when some other descriptor of the file is closed, and
//    unlike `flock` it leaves room for readers' pins beside it.
// 4. After taking the lock the name must still lead to the locked file: otherwise somebody
//    replaced it while we waited.
// 5. Descriptors are at least 3: a program that lost its standard error must not write messages
//    into the store.

import CSoftPMLinux
import Glibc
import SoftPMBase

struct StoreFile {
  /// The writer's lock: one byte where no content can be. Readers' pins lie below it.
  static let writerLockOffset = off_t(1) << 62

  let descriptor: Int32
  /// The resolved path, for messages and for a second descriptor.
  let path: String
  let byteCount: Int
  /// Its size for ever, where it is a block device.
  var capacity: Int?

  /// Opens the file at `path`, making it of `image` when it does not exist or is empty.
  static func open(
    _ path: String, _ options: StoreFileOptions, image: () -> [UInt8]
  ) throws(ContainerError) -> StoreFile {
    let deadline = ContinuousClock.now + options.lockTimeout
    let place = try Place(resolving: path)
    while true {
      guard let descriptor = try place.open(readOnly: options.readOnly) else {
        guard options.createIfMissing, !options.readOnly else {
          throw ContainerError(
            code: .notFound, message: "There is no store, and it was not to be made.",
            path: place.path)
        }
        if let made = try place.create(image(), replacing: false) { return made }
        continue
      }
      if let file = try opened(descriptor, place, options, deadline: deadline, image: image) {
        return file
      }
    }
  }

  /// Takes the lock and checks what was opened; nil when the name now leads elsewhere.
  private static func opened(
    _ descriptor: Int32, _ place: Place, _ options: StoreFileOptions,
    deadline: ContinuousClock.Instant, image: () -> [UInt8]
  ) throws(ContainerError) -> StoreFile? {
    var keep = false
    defer { if !keep { Glibc.close(descriptor) } }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else {
      throw .system(errno, doing: "examining the store", path: place.path)
    }
    if status.st_mode & S_IFMT == S_IFBLK {
      keep = true
      return try blockDevice(descriptor, place, options, deadline: deadline, image: image)
    }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw ContainerError(
        code: .notAStore, message: "This is not an ordinary file.", path: place.path)
    }
    if !options.readOnly {
      try lock(descriptor, place, until: deadline)
      guard place.leads(to: status) else { return nil }
      guard fstat(descriptor, &status) == 0 else {
        throw .system(errno, doing: "examining the store", path: place.path)
      }
    }
    if status.st_size == 0 {
      guard !options.readOnly else {
        throw ContainerError(
          code: .notFound, message: "The file is empty: no store has been made in it yet.",
          path: place.path)
      }
      return try place.create(image(), replacing: true)
    }
    keep = true
    return StoreFile(
      descriptor: descriptor, path: place.path, byteCount: Int(status.st_size))
  }

  static func lock(
    _ descriptor: Int32, _ place: Place, until deadline: ContinuousClock.Instant
  ) throws(ContainerError) {
    while true {
      if try tryLock(descriptor, path: place.path) { return }
      if ContinuousClock.now >= deadline {
        let holder = Holder.read(descriptor).map { " by process \($0)" } ?? ""
        throw ContainerError(
          code: .storeInUse,
          message: "The store is open for writing\(holder). Close it there, wait with "
            + "`lockTimeout`, or open it read-only.",
          path: place.path)
      }
      usleep(2_000)
    }
  }

  /// Lets go of the writer's lock, if this process holds it.
  ///
  /// Closing the descriptor is not enough: a process just forked, on its way to another program,
  /// has a duplicate of it for a moment, and the lock would last as long. A forked child that
  /// stays must not unlock what its parent holds.
  static func unlock(_ descriptor: Int32, lockedBy opener: pid_t) {
    guard getpid() == opener else { return }
    var range = flock()
    range.l_type = Int16(F_UNLCK)
    range.l_whence = Int16(SEEK_SET)
    range.l_start = writerLockOffset
    range.l_len = 1
    withUnsafeMutablePointer(to: &range) {
      _ = fcntl(descriptor, softpm_f_ofd_setlk, UnsafeMutableRawPointer($0))
    }
  }

  /// False when somebody else holds the writer's lock.
  static func tryLock(_ descriptor: Int32, path: String) throws(ContainerError) -> Bool {
    var range = flock()
    range.l_type = Int16(F_WRLCK)
    range.l_whence = Int16(SEEK_SET)
    range.l_start = writerLockOffset
    range.l_len = 1
    while true {
      let result = withUnsafeMutablePointer(to: &range) {
        fcntl(descriptor, softpm_f_ofd_setlk, UnsafeMutableRawPointer($0))
      }
      if result == 0 { return true }
      if errno == EAGAIN || errno == EACCES { return false }
      if errno != EINTR { throw .system(errno, doing: "locking the store", path: path) }
    }
  }
}

/// The process that holds the writer's lock, as it wrote into block 2 when it opened the store.
///
///     OFFSET SIZE MEANING
///          0    8 magic "SPMholds"
///          8    8 process number
///
/// The kernel does not say who holds an open-file-description lock. The block is only ever shown
/// in a message, so it needs no checksum.
enum Holder {
  static let block = Block(2)
  private static let magic: [UInt8] = Array("SPMholds".utf8)

  static func encoded() -> [UInt8] {
    var writer = ByteWriter(capacity: Block.byteCount)
    writer.append(magic)
    writer.integer(UInt64(getpid()))
    writer.pad(to: Block.byteCount)
    return writer.bytes
  }

  static func read(_ descriptor: Int32) -> Int? {
    var bytes = [UInt8](repeating: 0, count: 16)
    guard pread(descriptor, &bytes, 16, block.offset) == 16, bytes[..<8].elementsEqual(magic)
    else { return nil }
    return bytes.withUnsafeBytes {
      Int(exactly: UInt64(littleEndian: $0.loadUnaligned(fromByteOffset: 8, as: UInt64.self)))
    }
  }
}
