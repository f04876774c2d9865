import SoftPMTypes

/// How a store is opened.
public struct StoreOptions: Sendable {
  /// What carries the bytes to the medium.
  public enum Driver: Sendable, Hashable {
    /// The fastest that works here; `SOFTPM_DRIVER` (`uring`, `pmem`, `posix`) overrides it.
    case automatic
    /// io_uring, for files and block devices on solid-state disks.
    case uring
    /// libpmem, for persistent memory, and memory-mapped files elsewhere.
    case pmem
    /// `pwrite` and `fdatasync`: everywhere.
    case posix
  }

  /// Whom the file's content is trusted to come from.
  public enum Trust: Sendable, Hashable {
    /// A program of this user wrote the file: damage is detected, forgery is not.
    case sameUser
    /// Anybody may have written it: everything is validated before any object exists.
    case untrusted
  }

  public var driver: Driver = .automatic
  /// Make a new store where there is no file.
  public var createIfMissing = true
  /// See durable versions only, and write nothing; any number of processes may.
  public var readOnly = false
  public var trust: Trust = .sameUser
  /// How long to wait for another process to let go of the store.
  public var lockTimeout: Duration = .zero
  /// What the program's types were called and looked like in earlier programs.
  public var migrations = Migrations()

  public init() {}
}
