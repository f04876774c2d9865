import SoftPMHeap
import Synchronization

/// A root and everything reachable from it, with its versions.
///
/// ```swift
/// let book = try store.container("phone book", initial: PhoneBook())
/// book.update { $0.people["Ann"] = Person(name: "Ann", number: "555-0199") }
/// try book.persistAndWait()
/// ```
///
/// `Root` is any copyable type; what it reaches are ordinary Swift values and objects. Nothing
/// needs to be declared, and what cannot be persisted is refused with the path to it.
public final class Container<Root>: Sendable {
  let core: ContainerCore
  /// Keeps the store open as long as one of its containers is in use.
  private let store: Store
  /// What the running update found, for reads inside it.
  private let found = FoundRoot<Root>()

  private init(_ core: ContainerCore, in store: Store) {
    self.core = core
    self.store = store
  }

  /// The one handle of an open container.
  static func handle(of core: ContainerCore, in store: Store) -> Container<Root> {
    withoutScopes {
      core.handle.withLock { slot in
        if let handle = slot.object as? Container<Root> { return handle }
        let handle = Container(core, in: store)
        slot.object = handle
        AmbientContainers.know(core, in: store, as: Root.self)
        return handle
      }
    }
  }

  public var name: String { core.name }
  public var id: ContainerID { core.id }

  // MARK: The root

  private var box: RootBox<Root> {
    // The root's type was compared when the container was opened.
    unsafeDowncast(core.rootBox, to: RootBox<Root>.self)
  }

  /// The root itself. Getting it is a `read`; setting it, or changing it in place, an `update`.
  public var root: Root {
    get { read { $0 } }
    _modify {
      let scope = core.beginUpdate(for: "root")
      found.keep(box.value)
      defer {
        found.letGo()
        core.endUpdate(scope)
      }
      yield &box.value
    }
  }

  /// Runs `body` with the root while no update runs; any number of reads run at once.
  ///
  /// Changing objects here is a data race with points; use `update`.
  ///
  /// Inside the container's own `update` it gives the root that the update found: the same object,
  /// with all that was changed of it, where the root is an object; the number as it was, where it is
  /// a number. A root that is another value, an array for instance, belongs to the update's body
  /// alone as long as that runs: reading it elsewhere traps, as Swift's law of exclusivity has it.
  public func read<R>(_ body: (Root) throws -> R) rethrows -> R {
    let isInsideUpdate = core.beginRead(for: "read")
    defer { core.endRead() }
    guard isInsideUpdate, found.isInUse else { return try body(box.value) }
    guard let root = found.root else {
      misuse(
        "`read` of \"\(name)\" inside its own `update`: its root is a value, \(Root.self), which the "
          + "update is changing. Use what the update's body was given.")
    }
    return try body(root)
  }

  /// Runs `body` alone, with what it allocates landing in the container.
  ///
  /// If `body` throws, what it did so far stays, as in any Swift code. Allocating here and not
  /// elsewhere is an optimisation: objects from anywhere may be linked into the graph.
  public func update<R>(_ body: (inout Root) throws -> R) rethrows -> R {
    let scope = core.beginUpdate(for: "update")
    found.keep(box.value)
    defer {
      found.letGo()
      core.endUpdate(scope)
    }
    return try body(&box.value)
  }

  // MARK: Points

  /// Makes a persistence point and returns once the state at the call is fixed; the returned
  /// point tells when it is durable.
  ///
  /// Where more than 64 MiB changed, the call returns when nearly all of it is written: such a point is
  /// not held in memory. Changes made after the call never reach the version. With nothing changed the version is
  /// the one there was, and nothing is written, unless there is a label.
  @discardableResult
  public func persist(label: String? = nil) throws -> PersistencePoint {
    try withoutScopes { try core.persist(label: label) }
  }

  /// Makes a persistence point and returns when it is durable.
  @discardableResult
  public func persistAndWait(label: String? = nil) throws -> VersionID {
    let point = try withoutScopes { try core.persist(label: label, isAwaited: true) }
    try point.wait()
    return point.version
  }

  /// Finds the container's objects by a full trace from the root, makes a point of what it finds,
  /// and returns when it is durable.
  ///
  /// ```swift
  /// container.update { $0.clubs.removeAll() }      // members refer to each other in circles
  /// let report = try container.collectGarbage()
  /// print("\(report.objectsBefore - report.objects) objects are no longer stored")
  /// try store.compact()                             // and their space is given back
  /// ```
  ///
  /// Every point leaves out what the root does not reach, circles too, and what only a process that
  /// died had held was never stored. A point finds that from what was written since the one before;
  /// this looks at every object, as the first point after opening does. So it finds nothing that
  /// other points would have missed, and is for whoever wants to be sure. Costs a first point.
  @discardableResult
  public func collectGarbage() throws -> GarbageReport {
    try withoutScopes {
      try core.requireOpen()
      let before = core.knownMemberCount
      core.traceAtNextPoint()
      let version = try persistAndWait()
      return GarbageReport(
        version: version, objectsBefore: before, objects: core.knownMemberCount)
    }
  }

  // MARK: Versions

  /// The versions that are durable, oldest first.
  public var versions: [VersionInfo] {
    get throws { try withoutScopes { try core.versions() } }
  }

  /// The version that the live graph descends from; nil before the first point.
  public var version: VersionID? {
    core.requireSameProcess(for: "version")
    return withoutScopes { core.currentVersion }
  }

  /// The objects of a past version, alive beside the present ones.
  ///
  /// Several may be open at once. What the program keeps of one stays valid after it is closed.
  public func snapshot(_ version: VersionID) throws -> Snapshot<Root> {
    try withoutScopes {
      Snapshot(try core.snapshot(version, as: Root.self))
    }
  }

  /// Makes a past version the live one: the root becomes that version's, and points made from
  /// now on descend from it.
  ///
  /// Objects held from before stay valid and are no longer part of the container. Until the next
  /// point, reopening gives what was persisted last.
  public func switchTo(_ version: VersionID) throws {
    try withoutScopes { try core.switchTo(version, as: Root.self) }
  }

  /// A new container of that name whose first version descends from `version`, or from the
  /// version persisted last. Durable when it returns; both lines live on side by side.
  ///
  /// Costs one durable point, whatever the size. Throws `.exists` where the name is taken.
  public func branch(_ name: String, from version: VersionID? = nil) throws -> Container<Root> {
    let branch: Container<Root>? = try withoutScopes {
      try core.branch(name, from: version)
      guard let branch = try core.store.find(name, as: Root.self) else { return nil }
      return Container.handle(of: branch, in: store)
    }
    guard let branch else { misuse("a branch that was made durable is not in the store") }
    return branch
  }

  /// What differs between two versions of the store, leaf by leaf: one change for each stored
  /// number, string, flag or reference. What came or went is one change for each of its leaves.
  ///
  /// Found from the chunks that differ and those on the way to them: a change deep in a large
  /// graph costs reading what lies above it. The versions may be of branches of each other. The
  /// live objects are not looked at.
  public func diff(_ a: VersionID, _ b: VersionID) throws -> [ContainerChange] {
    try withoutScopes { try core.diff(a, b) }
  }

  /// Gives a version a label, or takes it away. Labelled versions are kept whatever the retention.
  /// Durable when it returns.
  public func setLabel(_ label: String?, on version: VersionID) throws {
    try withoutScopes { try core.setLabel(label, on: version) }
  }

  /// Drops a version; its space is used again. Durable when it returns.
  ///
  /// Refused with `.invalidArgument` for the newest version, and for the one that the live graph
  /// descends from.
  public func deleteVersion(_ version: VersionID) throws {
    try withoutScopes { try core.deleteVersion(version) }
  }

  // MARK: Settings and state

  /// What can be set. Stored by the next point. Assigning another value to `chunkSize` or
  /// `addressSpace` traps: they are fixed when the container is made.
  public var attributes: ContainerAttributes {
    get {
      core.requireSameProcess(for: "attributes")
      return core.state.withLock { $0.attributes }
    }
    set {
      core.requireUsable(for: "attributes")
      withoutScopes {
        do throws(ContainerError) {
          try core.setAttributes(newValue)
        } catch {
          misuse("`attributes` of \"\(name)\": \(error.message)")
        }
      }
    }
  }

  /// Leaves a stored property out: from the next point on it is stored as nil, zero or empty. The
  /// live value is untouched. Remembered in the store.
  ///
  /// ```swift
  /// try notebook.exclude(\Page.renderedImage)
  /// ```
  ///
  /// Throws `.notExcludable` unless the key path is one stored property of optional, number, Bool,
  /// String or standard collection type.
  public func exclude<T, F>(_ field: KeyPath<T, F>) throws {
    try withoutScopes { try core.exclude(field) }
  }

  public var statistics: ContainerStatistics {
    core.requireSameProcess(for: "statistics")
    return withoutScopes { core.currentStatistics }
  }

  /// Waits for the points in flight, and lets go of the container. What the program still holds
  /// of its objects stays valid; no `deinit` runs, for the objects live on in the store.
  public func close() throws {
    try withoutScopes { try core.close() }
  }
}
