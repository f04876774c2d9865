import Dispatch
import SoftPMBase
import SoftPMHeap
import SoftPMStore
import SoftPMTypes
import Synchronization

/// One open container: its lock, its arena, its root, and what the store has of it.
///
/// Knows nothing of the root's type; `Container<Root>` is a typed view of it.
///
/// 1. `lock` guards the program's objects: shared for reading and for a point's stall, exclusive
///    for updates.
/// 2. `pointMutex` makes points one at a time, and guards `line`. It is taken after `lock`, so
///    that a point may be made inside a `read`; a point lets go of `lock` first, and ends on
///    another thread perhaps. So whoever holds `pointMutex` waits for `lock` never.
/// 3. `state` is taken last, for moments, and never while anything is waited for.
/// 4. Whatever the engine itself allocates is allocated outside scopes, so that the arena holds
///    the program's objects only.
final class ContainerCore: @unchecked Sendable {
  let name: String
  let id: ContainerID
  let number: ContainerNumber
  let store: StoreCore
  let rootType: any Any.Type
  let chunkSize: ByteCount
  let lock = ContainerLock()

  /// The root's box. Replaced only under the exclusive lock.
  var rootBox: AnyObject
  var arena: Arena

  let pointMutex = PointMutex()
  /// Where the images of points are made.
  let pointQueue = DispatchQueue(label: "softpm.points")
  /// What points build on. Guarded by `pointMutex`.
  var line: Line

  /// What was migrated when the container was opened. Set before anybody else sees the container.
  var migration: MigrationReport?

  let state: Mutex<State>
  let clock = AutoPersistClock()

  /// The one `Container<Root>` of this core, while the program holds it.
  let handle = Mutex<WeakHandle>(WeakHandle())

  struct WeakHandle: @unchecked Sendable {
    weak var object: AnyObject?
  }

  struct Line {
    /// The version that the live graph descends from, in flight perhaps; nil before the first.
    var version: VersionID?
    /// What that version has of each chunk.
    var stored: [ChunkIndex: Digest] = [:]
    /// What images of unchanged chunks look like now, where that differs from `stored`: after
    /// hash tables were rebuilt.
    var rebuilt: [ChunkIndex: Digest]?
    var metadata: [UInt8] = []
    /// Grows only, also by points that failed: numbers of types never change their meaning.
    var types = TypeTable()
    /// Types, and bytes of their table, in what was handed to the store last.
    var storedTypes: (count: Int, byteCount: Int) = (0, 0)
    let homes = ForeignHomes()
    /// The members at the last point; nil where nothing is known of them, and all are looked at.
    var membership: Membership?
    /// Sees what is written from the last point on.
    var tracking: Tracking?
    let copies = PointCopies()
    /// What is left out; the layouts of `catalog` follow it.
    private(set) var exclusions: ExclusionSet
    private(set) var catalog: TypeCatalog
    var memberCount = 0
    /// The next point makes a version even if nothing changed: the graph was switched to another
    /// version than the newest.
    var mustCommit = false

    init(exclusions: ExclusionSet = ExclusionSet()) {
      self.exclusions = exclusions
      catalog = TypeCatalog(exclusions: exclusions)
    }

    /// Before the arena's memory is given back.
    mutating func endTracking() {
      tracking?.tracker.stop()
      tracking = nil
      membership = nil
    }

    mutating func exclude<Root, Value>(_ field: KeyPath<Root, Value>) throws(ContainerError) {
      try exclusions.exclude(field)
      catalog = TypeCatalog(exclusions: exclusions)
      membership = nil
    }
  }

  struct State {
    var attributes: ContainerAttributes
    var statistics = ContainerStatistics()
    /// The point whose images are being made. `pointMutex` is held for it.
    var pending: PendingPoint?
    /// Why the last point could not be made, where only its `wait` was told.
    var unmade: ContainerError?
    /// Points of the present line that may not be durable yet, in their order.
    var inFlight: [Commit] = []
    /// Counts switches, so that what becomes of an earlier line's points leaves this one alone.
    var lineNumber = 0
    /// The newest version of the present line that is durable; what it began from, at first.
    var durable: VersionID?
    /// Why a point in flight failed: `line` must be laid anew from what is durable.
    var lineFailure: ContainerError?
    /// Errors that nobody has been told of yet.
    var untold: [ContainerError] = []
    var isClosed = false
  }

  init(
    name: String, number: ContainerNumber, store: StoreCore, rootType: any Any.Type,
    attributes: ContainerAttributes, arena: Arena, rootBox: AnyObject, line: Line
  ) {
    self.name = name
    self.number = number
    self.store = store
    self.rootType = rootType
    self.arena = arena
    self.rootBox = rootBox
    self.line = line
    id = ContainerID(store: store.ordinal, number: number)
    chunkSize = ByteCount(attributes.chunkSize)
    state = Mutex(State(attributes: attributes, durable: line.version))
  }

  // MARK: Requirements

  var isClosed: Bool { state.withLock { $0.isClosed } }

  func requireOpen() throws(ContainerError) {
    try ForkGuard.requireSameProcess(as: store.forkGeneration)
    guard !isClosed else { throw Self.closed(name) }
  }

  /// For members that cannot throw: a closed or forked container is a mistake of the program.
  func requireUsable(for operation: StaticString) {
    requireSameProcess(for: operation)
    if isClosed { misuse("`\(operation)` of the closed container \"\(name)\".") }
  }

  /// For members that cannot throw, and go on after the container was closed.
  func requireSameProcess(for operation: StaticString) {
    ForkGuard.requireSameProcess(as: store.forkGeneration, for: operation)
  }

  static func closed(_ name: String) -> ContainerError {
    ContainerError(
      code: .closed, message: "The container \"\(name)\" has been closed; open it again.")
  }

  // MARK: Closing

  /// Waits for the points in flight and lets go; objects that the program holds stay valid.
  ///
  /// No `deinit` runs: the objects live on in the store.
  func close() throws(ContainerError) {
    try ForkGuard.requireSameProcess(as: store.forkGeneration)
    lock.requireHeldByNobodyHere(for: "close")
    let alreadyClosed = state.withLock { state in
      defer { state.isClosed = true }
      return state.isClosed
    }
    guard !alreadyClosed else { return }
    finishPending()
    lock.lockExclusive(for: "close")
    defer { lock.unlockExclusive() }
    pointMutex.lock()
    defer { pointMutex.unlock() }
    let failure = drain()
    store.forget(self)
    clock.stop()
    line.endTracking()
    line.homes.giveBack(to: arena)
    LettingGo(catalog: line.catalog, arena: arena).run(from: rootBox)
    // Nothing of the arena is left in use here: it goes when the program's last object in it does.
    rootBox = ClosedRoot.shared
    if let failure { throw failure }
  }

  /// Waits until no point is in flight. The error that was not made good by a later point, or
  /// that nobody was told of, if any.
  func drain() -> ContainerError? {
    finishPending()
    let commits = state.withLock { $0.inFlight }
    var failure: ContainerError?
    for commit in commits {
      do throws(ContainerError) { try commit.wait() } catch { failure = failure ?? error }
    }
    return takeUntold() ?? failure ?? state.withLock { $0.lineFailure ?? $0.unmade }
  }

  /// Returns when the images of every point that was begun are made.
  func finishPending() {
    _ = state.withLock { $0.pending }?.awaitedOutcome()
  }

  func takeUntold() -> ContainerError? {
    state.withLock { state in
      defer { state.untold.removeAll() }
      return state.untold.first
    }
  }
}

/// What stands in the place of a closed container's root.
private final class ClosedRoot: Sendable {
  static let shared = ClosedRoot()
}
