import SoftPMBase
import SoftPMHeap
import SoftPMStore
import SoftPMTypes
import Synchronization

/// An open store and its open containers. `Store` is the public handle.
///
/// 1. A name is open at most once; whoever opens it again gets the same container.
/// 2. `opening` is held while a container is opened, and may be taken again by the same thread:
///    `initial` may open another container.
final class StoreCore: @unchecked Sendable {
  let chunks: ChunkStore
  let path: String?
  let isReadOnly: Bool
  let trust: StoreOptions.Trust
  let migrations: Migrations
  let ordinal: UInt64
  let forkGeneration: Int

  private let opening = RecursiveLock()
  private let open = Mutex<OpenContainers>(OpenContainers())

  private struct OpenContainers {
    var byName: [String: ContainerCore] = [:]
    /// The names whose `initial` is being evaluated.
    var beingMade: Set<String> = []
    var isClosed = false
  }

  private static let lastOrdinal = Atomic<UInt64>(0)

  init(
    _ chunks: ChunkStore, path: String?, isReadOnly: Bool = false,
    trust: StoreOptions.Trust = .sameUser, migrations: Migrations = Migrations()
  ) {
    self.chunks = chunks
    self.trust = trust
    self.migrations = migrations
    self.path = path
    self.isReadOnly = isReadOnly
    ordinal = Self.lastOrdinal.wrappingAdd(1, ordering: .relaxed).newValue
    forkGeneration = ForkGuard.currentGeneration()
  }

  // MARK: Requirements

  var isClosed: Bool { open.withLock { $0.isClosed } }

  func requireOpen() throws(ContainerError) {
    try ForkGuard.requireSameProcess(as: forkGeneration)
    guard !isClosed else {
      throw ContainerError(
        code: .closed, message: "The store has been closed; open it again.", path: path)
    }
  }

  /// For properties that cannot throw.
  func deviceStatistics(for operation: StaticString) -> StoreStatistics {
    ForkGuard.requireSameProcess(as: forkGeneration, for: operation)
    return chunks.statistics
  }

  func requireWritable() throws(ContainerError) {
    guard !isReadOnly else {
      throw ContainerError(
        code: .readOnly,
        message: "The store was opened read-only; open it without `readOnly` to persist.",
        path: path)
    }
  }

  // MARK: Containers

  var openContainers: [ContainerCore] {
    open.withLock { Array($0.byName.values) }
  }

  func openContainer(_ name: String) -> ContainerCore? {
    open.withLock { $0.byName[name] }
  }

  func forget(_ core: ContainerCore) {
    open.withLock { open in
      if open.byName[core.name] === core { open.byName[core.name] = nil }
    }
  }

  /// Runs `body` with no other thread opening, making or deleting containers of this store.
  func whileOpening<R>(
    _ name: String, _ body: () throws -> R
  ) throws -> R {
    opening.lock()
    defer { opening.unlock() }
    let isNew = open.withLock { $0.beingMade.insert(name).inserted }
    if !isNew { misuse("`initial` of the container \"\(name)\" opens \"\(name)\" itself.") }
    defer { _ = open.withLock { $0.beingMade.remove(name) } }
    try requireOpen()
    return try body()
  }

  func register(_ core: ContainerCore) {
    open.withLock { $0.byName[core.name] = core }
  }

  static func check(name: String) throws(ContainerError) {
    guard !name.isEmpty, name.utf8.count <= Limits.containerNameBytes, !name.contains("\0") else {
      throw ContainerError(
        code: .invalidArgument,
        message: "\"\(name)\" cannot name a container: use 1 to \(Limits.containerNameBytes) bytes "
          + "of UTF-8 without NUL.")
    }
  }

  // MARK: Closing

  /// Closes the containers, waits for what is in flight, and lets go of the file. The first
  /// error is thrown when everything is closed.
  func close() throws(ContainerError) {
    try ForkGuard.requireSameProcess(as: forkGeneration)
    var first: ContainerError?
    for core in openContainers {
      do { try core.close() } catch { first = first ?? error }
    }
    let alreadyClosed = open.withLock { open in
      defer { open.isClosed = true }
      return open.isClosed
    }
    if !alreadyClosed {
      ExitDrain.forget(self)
      do { try chunks.close() } catch { first = first ?? error }
    }
    if let first { throw first }
  }

  /// At normal exit: waits until nothing is in flight.
  func drain() {
    guard !ForkGuard.isForked(since: forkGeneration) else { return }
    for core in openContainers { _ = core.drain() }
    try? chunks.close()
  }
}
