import SoftPMBase
import SoftPMHeap
import SoftPMStore

extension ContainerCore {
  /// Makes a past version the live one. Points made from now on descend from it.
  ///
  /// Objects that the program holds from before stay valid and are no longer part of the
  /// container; no `deinit` runs.
  func switchTo<Root>(_ version: VersionID, as root: Root.Type) throws(ContainerError) {
    try requireOpen()
    lock.requireHeldByNobodyHere(for: "switchTo")
    let restored = try restored(version, as: Root.self)
    finishPending()
    lock.lockExclusive(for: "switchTo")
    defer { lock.unlockExclusive() }
    pointMutex.lock()
    defer { pointMutex.unlock() }
    // The old line's points go on to be durable, or tell whoever waits for them.
    for commit in state.withLock({ $0.inFlight }) { try? commit.wait() }
    follow(lineFrom: version)
    line.endTracking()
    line.homes.giveBack(to: arena)
    let old = LettingGo(catalog: line.catalog, arena: arena)
    let oldBox = rootBox
    rootBox = restored.rootBox
    arena = restored.arena
    line = restored.line
    line.mustCommit = true
    old.run(from: oldBox)
    state.withLock { state in
      state.attributes = restored.attributes
      state.statistics.isAtHome = restored.arena.isAtHome
    }
    try store.follow(restored.attributes.retention, of: number)
    if restored.wasRehashed { try rememberRebuiltImages() }
  }

  /// The objects of a version, which is kept whatever the retention until they are let go.
  func snapshot<Root>(
    _ version: VersionID, as root: Root.Type
  ) throws(ContainerError) -> SnapshotCore {
    try store.chunks.pin(version)
    do throws(ContainerError) {
      return SnapshotCore(try restored(version, as: Root.self), of: store)
    } catch {
      store.chunks.unpin(version)
      throw error
    }
  }

  /// The objects of a version, at addresses of their own.
  func restored<Root>(
    _ version: VersionID, as root: Root.Type
  ) throws(ContainerError) -> Restored {
    try requireOpen()
    guard try store.chunks.versions(of: number).contains(where: { $0.id == version }) else {
      throw ContainerError.noSuchVersion(version, of: name)
    }
    return try Restored(
      version, as: Root.self, from: store, chunkSize: chunkSize, name: name)
  }
}
