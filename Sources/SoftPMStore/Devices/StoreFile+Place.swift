import CSoftPMLinux
import Glibc
import SoftPMBase

extension StoreFile {
  /// Where a store is or will be: its folder resolved once, and its name in it.
  struct Place {
    let folder: String
    let name: String

    var path: String { folder == "/" ? "/" + name : folder + "/" + name }

    init(resolving path: String) throws(ContainerError) {
      // The system would take what precedes a NUL for the whole path: another file.
      guard !path.isEmpty, !path.utf8.contains(0) else {
        throw ContainerError(
          code: .invalidArgument,
          message:
            "\(path.debugDescription) cannot name a store: a path is not empty and has no NUL.")
      }
      let whole = Place.real(path) ?? path
      let slash = whole.utf8.lastIndex(of: UInt8(ascii: "/"))
      let last = String(slash.map { whole[whole.utf8.index(after: $0)...] } ?? whole[...])
      let parent = slash.map { $0 == whole.startIndex ? "/" : String(whole[..<$0]) } ?? "."
      guard let folder = Place.real(parent) else {
        throw .system(errno, doing: "finding the store's folder", path: path)
      }
      guard !last.isEmpty, last != ".", last != ".." else {
        throw ContainerError(code: .notAStore, message: "This is a folder.", path: path)
      }
      self.folder = folder
      name = last
    }

    private static func real(_ path: String) -> String? {
      guard let resolved = realpath(path, nil) else { return nil }
      defer { free(resolved) }
      return String(cString: resolved)
    }

    /// Nil when nothing has that name.
    func open(readOnly: Bool) throws(ContainerError) -> Int32? {
      let flags = (readOnly ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY
      while true {
        let descriptor = Glibc.open(path, flags)
        if descriptor >= 0 { return try Place.raised(descriptor, path) }
        switch errno {
        case EINTR: continue
        case ENOENT: return nil
        case ELOOP where Place.real(path) == nil:
          throw ContainerError(
            code: .notFound,
            message:
              "This is a symbolic link that leads nowhere. Remove it, or make the store where "
              + "it leads.",
            path: path)
        case EISDIR, ENXIO:
          throw ContainerError(
            code: .notAStore, message: "This is not an ordinary file.", path: path)
        default: throw .system(errno, doing: "opening the store", path: path)
        }
      }
    }

    /// The same file under a number of at least 3 (fact 5).
    static func raised(_ descriptor: Int32, _ path: String) throws(ContainerError) -> Int32 {
      guard descriptor < 3 else { return descriptor }
      let raised = fcntl(descriptor, F_DUPFD_CLOEXEC, 3)
      let number = errno
      Glibc.close(descriptor)
      guard raised >= 0 else { throw .system(number, doing: "opening the store", path: path) }
      return raised
    }

    func leads(to opened: stat) -> Bool {
      var named = stat()
      guard lstat(path, &named) == 0 else { return false }
      return named.st_ino == opened.st_ino && named.st_dev == opened.st_dev
    }

    /// Makes the store aside, locks it, and gives it its name; nil when another process was
    /// first. With `replacing`, an empty file of that name (whose lock we hold) gives way.
    func create(
      _ image: [UInt8], replacing: Bool
    ) throws(ContainerError) -> StoreFile? {
      let descriptor = try make(replacing: replacing) { (descriptor) throws(ContainerError) in
        let buffer = PageBuffer(blocksHolding: image)
        try StoreFile.write(buffer.readOnly, at: 0, of: descriptor, path)
      }
      return descriptor.map { StoreFile(descriptor: $0, path: path, byteCount: image.count) }
    }

    /// Makes a file aside, has it filled, locks it, flushes it and gives it its name; nil when
    /// there is one of that name.
    func make(
      replacing: Bool, _ fill: (Int32) throws(ContainerError) -> Void
    ) throws(ContainerError) -> Int32? {
      let (descriptor, temporary) = try aside()
      var keep = false
      defer {
        if let temporary { unlink(temporary) }
        if !keep { Glibc.close(descriptor) }
      }
      // Whatever the umask took away from 0600.
      guard fchmod(descriptor, 0o600) == 0 else {
        throw .system(errno, doing: "making the store", path: path)
      }
      try fill(descriptor)
      guard fsync(descriptor) == 0 else {
        throw .system(errno, doing: "making the store", path: path)
      }
      guard try StoreFile.tryLock(descriptor, path: path) else { return nil }
      guard try link(descriptor, temporary, replacing: replacing) else { return nil }
      try flushFolder()
      keep = true
      return descriptor
    }

    /// A file without a name; where the file system has none, one with a name of its own.
    private func aside() throws(ContainerError) -> (Int32, String?) {
      let nameless = Glibc.open(folder, softpm_o_tmpfile | O_RDWR | O_CLOEXEC, 0o600)
      if nameless >= 0 { return (try Place.raised(nameless, path), nil) }
      guard errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL else {
        throw .system(errno, doing: "making the store", path: path)
      }
      let temporary = temporaryPath
      let named = Glibc.open(temporary, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0o600)
      guard named >= 0 else { throw .system(errno, doing: "making the store", path: path) }
      return (try Place.raised(named, path), temporary)
    }

    private var temporaryPath: String {
      "\(folder)/.\(name.prefix(100)).\(UInt64.random(in: 0...UInt64.max)).softpm"
    }

    private func link(
      _ descriptor: Int32, _ temporary: String?, replacing: Bool
    ) throws(ContainerError) -> Bool {
      let source = temporary ?? "/proc/self/fd/\(descriptor)"
      let target = replacing ? temporaryPath : path
      guard linkat(AT_FDCWD, source, AT_FDCWD, target, AT_SYMLINK_FOLLOW) == 0 else {
        if errno == EEXIST { return false }
        throw .system(errno, doing: "naming the store", path: path)
      }
      guard replacing else { return true }
      guard rename(target, path) == 0 else {
        let number = errno
        unlink(target)
        throw .system(number, doing: "naming the store", path: path)
      }
      return true
    }

    private func flushFolder() throws(ContainerError) {
      let handle = Glibc.open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
      guard handle >= 0 else {
        throw .system(errno, doing: "flushing the store's folder", path: folder)
      }
      defer { Glibc.close(handle) }
      guard fsync(handle) == 0 else {
        throw .system(errno, doing: "flushing the store's folder", path: folder)
      }
    }
  }
}

extension StoreFile {
  /// All of `bytes`, at a place of a file that nobody else knows yet.
  static func write(
    _ bytes: UnsafeRawBufferPointer, at offset: Int, of descriptor: Int32, _ path: String
  ) throws(ContainerError) {
    var done = 0
    while done < bytes.count {
      let count = pwrite(
        descriptor, bytes.baseAddress! + done, bytes.count - done, off_t(offset + done))
      if count < 0, errno == EINTR { continue }
      guard count > 0 else {
        throw .system(count < 0 ? errno : EIO, doing: "writing the store's file", path: path)
      }
      done += count
    }
  }
}
