@_exported import SoftPMBase
import SoftPMHeap
import SoftPMStore
import Synchronization

/// A file that holds containers.
///
/// ```swift
/// let store = try Store.open("notes.softpm")
/// let notes = try store.container("notes", initial: [String]())
/// notes.update { $0.append("Buy milk") }
/// try notes.persistAndWait()
/// ```
///
/// One process writes a store; any number of others may open it with `readOnly`. What is durable
/// survives the crash of the process and of the machine; see `docs/testing.md` for how that is
/// known.
public final class Store: Sendable {
  let core: StoreCore

  init(_ core: StoreCore) {
    self.core = core
    ExitDrain.remember(core)
  }

  deinit {
    // Errors of points nobody waited for have nowhere to go from here; `close()` throws them.
    withoutScopes { try? core.close() }
  }

  /// The format that this library writes; it reads no newer one.
  public static let formatVersion = Int(Superblock.formatVersion)

  // MARK: Opening

  private static let defaultStore = Mutex<Store?>(nil)

  private static let storedDefaultOptions = Mutex<StoreOptions>(StoreOptions())

  /// How `Store.default` is opened: to be set before it is first asked for, by a program that
  /// registers migrations, for instance.
  public static var defaultOptions: StoreOptions {
    get { storedDefaultOptions.withLock { $0 } }
    set { storedDefaultOptions.withLock { $0 = newValue } }
  }

  /// The store named by the environment variable `SOFTPM_STORE`, else `softpm.store` in the
  /// working directory. The same instance each time, until it is closed.
  public static var `default`: Store {
    get throws {
      try withoutScopes {
        try defaultStore.withLock { store in
          if let store, !store.core.isClosed { return store }
          let opened = try open(
            Environment.value(of: "SOFTPM_STORE") ?? "softpm.store", defaultOptions)
          store = opened
          return opened
        }
      }
    }
  }

  /// Opens the store at `path`, or makes a new one there.
  ///
  /// A store is made aside and linked into place when it is whole, so there is never half a one.
  /// Throws `.storeInUse` while another process, or this one, has it open for writing.
  public static func open(_ path: String, _ options: StoreOptions = .init()) throws -> Store {
    try withoutScopes {
      let chunks = try ChunkStore.open(path, StoreFileOptions(options))
      return Store(
        StoreCore(
          chunks, path: path, isReadOnly: options.readOnly, trust: options.trust,
          migrations: options.migrations))
    }
  }

  /// A store in memory, for tests: the same code over a device that is gone with the process.
  public static func inMemory() throws -> Store {
    try withoutScopes {
      Store(StoreCore(try ChunkStore.inMemory(), path: nil))
    }
  }

  // MARK: Containers

  /// The container of that name, restored if the store has it, else new with `initial` as root.
  ///
  /// `initial` is evaluated at most once, in the container's scope, and only where the name has
  /// no version yet. An open container is handed out again (`===`); with another `Root` that
  /// throws `.typeChanged`. `attributes` matter for a new container only.
  public func container<Root>(
    _ name: String, initial: @autoclosure () throws -> Root,
    attributes: ContainerAttributes = .init()
  ) throws -> Container<Root> {
    let core = try core.container(name, initial: initial, attributes: attributes)
    return Container.handle(of: core, in: self)
  }

  /// Every container that has a durable version, by name.
  public var containers: [ContainerSummary] {
    get throws {
      try withoutScopes {
        try core.requireOpen()
        return try core.chunks.containers
          .filter { $0.newest != nil }
          .map { stored in
            ContainerSummary(
              name: stored.name, versionCount: stored.versionCount, newest: stored.newest,
              chunkSize: stored.chunkSize.rawValue)
          }
          .sorted { $0.name < $1.name }
      }
    }
  }

  /// The durable versions of a container, oldest first, without opening it.
  public func versions(of name: String) throws -> [VersionInfo] {
    try withoutScopes {
      try core.requireOpen()
      guard let stored = try core.chunks.container(named: name), stored.newest != nil else {
        throw core.noSuchContainer(name)
      }
      return try core.chunks.versions(of: stored.number).map { VersionInfo($0, of: name) }
    }
  }

  /// Removes a container and every version of it. Its objects stay valid in memory while the
  /// program holds them. Durable when it returns.
  public func delete(_ name: String) throws {
    try withoutScopes { try core.delete(name) }
  }

  /// Reads and checks every byte that any version needs.
  ///
  /// Goes on past damage, so that the report names every damaged place.
  public func verify(_ progress: ((StoreProgress) -> Void)? = nil) throws -> VerifyReport {
    try withoutScopes {
      try core.requireOpen()
      let found = try core.chunks.verify { done, total in
        progress?(StoreProgress(bytesDone: done, bytesTotal: total))
      }
      return VerifyReport(
        versions: found.versions, bytesRead: found.bytes,
        problems: found.problems.map { problem in
          ContainerError(code: .corrupt, message: problem, path: core.path)
        })
    }
  }

  /// Waits for the points in flight and closes every container and the file. Throws the errors
  /// of points that failed; everything is closed all the same.
  public func close() throws {
    try withoutScopes { try core.close() }
  }
}

extension StoreFileOptions {
  init(_ options: StoreOptions) {
    self.init()
    switch options.driver {
    case .automatic: driver = .automatic
    case .uring: driver = .uring
    case .pmem: driver = .pmem
    case .posix: driver = .posix
    }
    createIfMissing = options.createIfMissing
    readOnly = options.readOnly
    lockTimeout = options.lockTimeout
  }
}
