import SoftPMBase
import SoftPMHeap
import SoftPMStore

extension ContainerCore {
  // MARK: Reading and updating

  /// True inside this thread's own update.
  func beginRead(for operation: StaticString) -> Bool {
    requireUsable(for: operation)
    return withoutScopes { lock.lockShared() }
  }

  func endRead() {
    withoutScopes { lock.unlockShared() }
  }

  /// Takes the container for this thread alone and opens its scope.
  func beginUpdate(for operation: StaticString) -> OpenScope {
    requireUsable(for: operation)
    if store.isReadOnly { misuse("`\(operation)` of \"\(name)\", which was opened read-only.") }
    withoutScopes { lock.lockExclusive(for: operation) }
    return arena.enterScope()
  }

  func endUpdate(_ scope: OpenScope) {
    Arena.leave(scope)
    withoutScopes {
      lock.unlockExclusive()
      guard state.withLock({ $0.attributes.autoPersist }) == .everyUpdate else { return }
      persistUnasked()
    }
  }

  /// A point that nobody asked for: its error waits for the next call that can throw. Meanwhile
  /// points of this kind go on.
  func persistUnasked() {
    do {
      let point = try beginPoint(label: nil, isAwaited: false, isAsked: false).pending
      point.whenMade { [weak self] outcome in
        switch outcome {
        case .failure(let error): self?.remember(untold: error)
        case .success(let outcome):
          outcome.commit?.whenDone { [weak self] error in
            if let error { self?.remember(untold: error) }
          }
        }
      }
    } catch {
      remember(untold: error)
    }
  }

  private func remember(untold error: ContainerError) {
    state.withLock { state in
      state.statistics.lastError = error
      state.untold.append(error)
    }
  }

  // MARK: State

  var currentVersion: VersionID? {
    finishPending()
    pointMutex.lock()
    defer { pointMutex.unlock() }
    return lineVersion
  }

  var currentStatistics: ContainerStatistics {
    finishPending()
    return state.withLock { state in
      var statistics = state.statistics
      // Who waited for a point may ask before its callback has taken it off the list.
      statistics.pointsInFlight = state.inFlight.count { !$0.isDurable && $0.failure == nil }
      return statistics
    }
  }

  func versions() throws(ContainerError) -> [VersionInfo] {
    try requireOpen()
    return try store.chunks.versions(of: number).map { VersionInfo($0, of: name) }
  }

  /// Leaves a stored property out from the next point on.
  func exclude<Object, Value>(_ field: KeyPath<Object, Value>) throws(ContainerError) {
    try requireOpen()
    try store.requireWritable()
    finishPending()
    lock.lockShared()
    defer { lock.unlockShared() }
    pointMutex.lock()
    defer { pointMutex.unlock() }
    try line.exclude(field)
  }

  func setAttributes(_ attributes: ContainerAttributes) throws(ContainerError) {
    try attributes.validate()
    let present = state.withLock { $0.attributes }
    guard attributes.chunkSize == present.chunkSize,
      attributes.addressSpace == present.addressSpace
    else {
      throw ContainerError(
        code: .invalidArgument,
        message: "chunkSize and addressSpace are fixed when a container is made; make another "
          + "container with the sizes you need.")
    }
    state.withLock { $0.attributes = attributes }
    try store.follow(attributes.retention, of: number)
    clock.follow(attributes.autoPersist, of: self)
  }
}

extension VersionInfo {
  init(_ version: StoredVersion, of container: String) {
    self.init(
      id: version.id, parent: version.parent, container: container, label: version.label,
      secondsSince1970: version.secondsSince1970, bytesWritten: version.bytesWritten,
      objectCount: version.objectCount)
  }
}
