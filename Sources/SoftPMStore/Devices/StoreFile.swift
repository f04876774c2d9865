// A store's file: finding it, making it whole, and keeping other writers out.
//
// Facts:
// 1. A store exists whole or not at all: it is made without a name, flushed, then linked, then
//    its folder is flushed.
// 2. The path is resolved once; after that the last component is opened with O_NOFOLLOW, so a
//    link put there in between is refused.
// 3. The writer holds an open-file-description lock far beyond the content. Unlike POSIX record
//    locks it is not lost when some other descriptor of the file is closed, and unlike `flock` it
//    leaves room for readers' pins beside it. Its length tells whose it is: the kernel tells
//    others no process of such a lock, and a store that is only opened is not written.
// 4. After taking the lock the name must still lead to the locked file: otherwise somebody
//    replaced it while we waited.
// 5. Descriptors are at least 3: a program that lost its standard error must not write messages
//    into the store.

import CSoftPMLinux
import Glibc
import SoftPMBase

struct StoreFile {
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
        let holder = WriterLock.holder(descriptor).map { " by process \($0)" } ?? ""
        throw ContainerError(
          code: .storeInUse,
          message: "The store is open for writing\(holder). Close it there, wait with "
            + "`lockTimeout`, or open it read-only.",
          path: place.path)
      }
      usleep(2_000)
    }
  }

  /// False when somebody else holds the writer's lock.
  static func tryLock(_ descriptor: Int32, path: String) throws(ContainerError) -> Bool {
    guard let taken = WriterLock.take(descriptor) else {
      throw .system(errno, doing: "locking the store", path: path)
    }
    return taken
  }
}

/// The one writer's lock on a store's file: a range of bytes, one longer than its process's number.
enum WriterLock {
  /// Beyond content and readers' pins.
  private static let start = off_t(1) << 62
  /// Longer than any process's number.
  private static let lengthMost = off_t(1) << 32

  /// False when somebody else holds it, nil when the system cannot say (`errno`).
  static func take(_ descriptor: Int32) -> Bool? {
    while true {
      var range = range(F_WRLCK, 1 + off_t(getpid()))
      if control(descriptor, softpm_f_ofd_setlk, &range) == 0 { return true }
      if errno == EAGAIN || errno == EACCES { return false }
      if errno != EINTR { return nil }
    }
  }

  /// The process that holds it, where that is another opening of the file.
  static func holder(_ descriptor: Int32) -> pid_t? {
    var range = range(F_WRLCK, 1)
    guard control(descriptor, softpm_f_ofd_getlk, &range) == 0,
      range.l_type == Int16(F_WRLCK), range.l_start == start, range.l_len > 1
    else { return nil }
    return pid_t(exactly: range.l_len - 1)
  }

  /// Whether another opening of the file holds it; true also where the system does not say.
  static func isTaken(_ descriptor: Int32) -> Bool {
    var range = range(F_WRLCK, lengthMost)
    guard control(descriptor, softpm_f_ofd_getlk, &range) == 0 else { return true }
    return range.l_type != Int16(F_UNLCK)
  }

  /// Lets go of it, if this process holds it.
  ///
  /// Closing the descriptor is not enough: a process just forked, on its way to another program,
  /// has a duplicate of it for a moment, and the lock would last as long. A forked child that
  /// stays must not unlock what its parent holds.
  static func letGo(_ descriptor: Int32, takenBy opener: pid_t) {
    guard getpid() == opener else { return }
    var range = range(F_UNLCK, lengthMost)
    _ = control(descriptor, softpm_f_ofd_setlk, &range)
  }

  private static func range(_ kind: Int32, _ length: off_t) -> flock {
    var range = flock()
    range.l_type = Int16(kind)
    range.l_whence = Int16(SEEK_SET)
    range.l_start = start
    range.l_len = length
    return range
  }

  private static func control(
    _ descriptor: Int32, _ command: Int32, _ range: inout flock
  ) -> Int32 {
    withUnsafeMutablePointer(to: &range) {
      fcntl(descriptor, command, UnsafeMutableRawPointer($0))
    }
  }
}
