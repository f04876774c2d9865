import SoftPMBase
import SoftPMHeap
import SoftPMStore
import SoftPMTypes

/// What `persist` hands out: a version, and how to wait for it.
struct PointOutcome: Sendable {
  let version: VersionID
  /// What makes the version durable; nil where it is so already. When nothing had changed, it is
  /// the commit of the point that made the version.
  let commit: Commit?
  let statistics: PointStatistics
}

extension ContainerCore {
  /// Makes a persistence point: the state at the call, fixed before it returns.
  ///
  /// Under the lock it is found what changed, and the bytes of that are copied. Images, comparing
  /// and writing come after, behind the caller's back unless the point `isAwaited`.
  func persist(
    label: String?, isAwaited: Bool = false
  ) throws(ContainerError) -> PersistencePoint {
    let (pending, base) = try beginPoint(label: label, isAwaited: isAwaited)
    return PersistencePoint(pending, after: base)
  }

  /// Throws, where the program asked for the point, the error of one before that nobody asked for.
  func beginPoint(
    label: String?, isAwaited: Bool, isAsked: Bool = true
  ) throws(ContainerError) -> (pending: PendingPoint, base: VersionID?) {
    try requireOpen()
    try store.requireWritable()
    lock.requireNotUpdating(for: "persist")
    if let label { try Self.check(label) }
    let (base, images) = try takeLocked(
      isLabelled: label != nil, isAwaited: isAwaited, isAsked: isAsked)
    let pending = PendingPoint(forkGeneration: store.forkGeneration) { [self] in
      finishPoint(images, label: label, isAwaited: isAwaited)
    }
    state.withLock { $0.pending = pending }
    if isAwaited {
      pending.run()
    } else {
      pointQueue.async { withoutScopes { pending.run() } }
    }
    return (pending, base)
  }

  /// The last part of a point. Lets go of `pointMutex`.
  private func finishPoint(
    _ images: () throws(ContainerError) -> Taken, label: String?, isAwaited: Bool
  ) -> PendingPoint.Outcome {
    do throws(ContainerError) {
      let outcome = try commit(try images(), label: label, isAwaited: isAwaited)
      let tracking = line.tracking
      endPoint(nil)
      tracking?.gatherLater()
      return .success(outcome)
    } catch {
      // What was found to have changed is not on its way: the next point looks at everything.
      line.membership = nil
      endPoint(error)
      return .failure(traced(error))
    }
  }

  private func endPoint(_ failure: ContainerError?) {
    state.withLock { state in
      state.pending = nil
      state.unmade = failure
    }
    pointMutex.unlock()
  }

  /// An error of an image with the path from the root, if the program is not at work there now and
  /// has not mended it.
  private func traced(_ error: ContainerError) -> ContainerError {
    guard error.path != nil, lock.tryLockShared() else { return error }
    defer { lock.unlockShared() }
    guard pointMutex.tryLock() else { return error }
    defer { pointMutex.unlock() }
    do throws(ContainerError) {
      _ = try takeEverything(comparingWith: [:])
      return error
    } catch {
      return error
    }
  }

  /// The next point finds the members by a full trace from the root, not by what was written.
  func traceAtNextPoint() {
    pointMutex.lock()
    defer { pointMutex.unlock() }
    line.membership = nil
  }

  /// How many members the newest point found.
  var knownMemberCount: Int {
    pointMutex.lock()
    defer { pointMutex.unlock() }
    return line.memberCount
  }

  /// Fixes the state under the lock: the version before, and what makes the images after it.
  /// `pointMutex` is held from then on.
  private func takeLocked(
    isLabelled: Bool, isAwaited: Bool, isAsked: Bool
  ) throws(ContainerError) -> (VersionID?, () throws(ContainerError) -> Taken) {
    let clock = ContinuousClock()
    lockForPoint()
    defer { lock.unlockShared() }
    let started = clock.now
    do throws(ContainerError) {
      try requireOpen()
      if isAsked, let error = takeUntold() { throw error }
      try repairLine()
      let makesVersion = isLabelled || line.mustCommit
      guard looksAtChanges else {
        line.membership = nil
        var taken = try takeEverything(comparingWith: line.rebuilt ?? line.stored)
        if line.rebuilt != nil,
          makesVersion || !taken.changed.isEmpty || !taken.removed.isEmpty
        {
          taken = try takeEverything(comparingWith: line.stored)
        }
        taken.statistics.stall = clock.now - started
        return (line.version, { () throws(ContainerError) in taken })
      }
      var fixed = try fix(makesVersion: makesVersion, isAwaited: isAwaited)
      fixed.statistics.stall = clock.now - started
      return (line.version, { () throws(ContainerError) in try self.finish(&fixed) })
    } catch {
      pointMutex.unlock()
      throw error
    }
  }

  /// Takes `lock`, shared, and `pointMutex`, and waits for a point before this one, or for room in
  /// flight, without holding either.
  private func lockForPoint() {
    while true {
      finishPending()
      waitForRoomInFlight()
      lock.lockShared()
      if pointMutex.tryLock() {
        if state.withLock({ $0.inFlight.count < Limits.pointsInFlight }) { return }
        pointMutex.unlock()
      }
      lock.unlockShared()
      pointMutex.waitUntilFree()
    }
  }

  /// Members are numbered by their place, with as many bits as there are (`MemberID`); an arena whose
  /// used part is larger is traced in full at each point.
  var looksAtChanges: Bool {
    DiscoveryMode.current != .full
      && UInt(arena.chunkCount) * UInt(chunkSize.rawValue) < MemberID.reach
  }

  static func check(_ label: String) throws(ContainerError) {
    guard !label.isEmpty, label.utf8.count <= Limits.labelBytes else {
      throw ContainerError(
        code: .invalidArgument,
        message: "A label has 1 to \(Limits.labelBytes) bytes of UTF-8; this one has "
          + "\(label.utf8.count).")
    }
  }

  /// Writes what was taken, if it differs from what the store has. The lock is free again.
  private func commit(
    _ taken: Taken, label: String?, isAwaited: Bool
  ) throws(ContainerError) -> PointOutcome {
    let attributes = state.withLock { $0.attributes }
    var statistics = taken.statistics
    let metadata = ContainerMetadata(
      home: arena.home, addressSpace: arena.addressSpace, root: taken.root,
      typeTableBytes: line.storedTypes.byteCount, seeds: .current, attributes: attributes,
      exclusions: line.exclusions
    ).encoded()
    if let version = line.version, label == nil, !line.mustCommit, taken.changed.isEmpty,
      taken.removed.isEmpty, line.rebuilt != nil || metadata == line.metadata
    {
      // It may be in flight still, or have failed: then that is what becomes of this point too.
      let (commit, failure) = state.withLock { state in
        state.statistics.pointsUnchanged += 1
        return (state.inFlight.last { $0.version == version }, state.lineFailure)
      }
      taken.stream?.cancel()
      if let failure { throw failure }
      return PointOutcome(version: version, commit: commit, statistics: statistics)
    }
    let images = taken.stream == nil ? taken.changed : []
    var request = CommitRequest(
      container: number, parent: line.version, chunks: images.map(\.chunk),
      images: ChunkImages(at: images.map(\.start), in: taken.memory),
      digests: images.map(\.digest), removed: taken.removed, metadata: metadata, label: label,
      objectCount: taken.memberCount)
    request.waitsAtOnce = isAwaited
    let commit =
      if let stream = taken.stream { try stream.commit(request) } else {
        try store.chunks.commit(request)
      }
    line.version = commit.version
    for image in taken.changed { line.stored[image.chunk] = image.digest }
    for chunk in taken.removed { line.stored[chunk] = nil }
    line.rebuilt = nil
    line.mustCommit = false
    line.metadata = metadata
    line.memberCount = taken.memberCount
    statistics.writtenChunks = taken.changed.count
    statistics.writtenBytes = commit.writtenBytes
    note(commit, memberCount: taken.memberCount)
    return PointOutcome(version: commit.version, commit: commit, statistics: statistics)
  }

  // MARK: Points in flight

  private func waitForRoomInFlight() {
    while true {
      let oldest = state.withLock { state in
        state.inFlight.count < Limits.pointsInFlight ? nil : state.inFlight.first
      }
      guard let oldest else { return }
      try? oldest.wait()
    }
  }

  private func note(_ commit: Commit, memberCount: Int) {
    let lineNumber = state.withLock { state in
      state.inFlight.append(commit)
      state.statistics.pointsMade += 1
      state.statistics.bytesWritten += commit.writtenBytes
      state.statistics.objectCount = memberCount
      return state.lineNumber
    }
    commit.whenDone { [weak self] error in
      self?.state.withLock { state in
        guard state.lineNumber == lineNumber else { return }
        state.inFlight.removeAll { $0.version == commit.version }
        if let error {
          state.lineFailure = state.lineFailure ?? error
        } else {
          state.durable = commit.version
        }
      }
    }
  }

  /// After a failed point: what is durable of this line is what the next point builds on, and
  /// every chunk that differs from it is written again.
  ///
  /// `wait` may tell of a failure before the callback above does, so the points themselves are
  /// asked too.
  private func repairLine() throws(ContainerError) {
    guard isLineBroken else { return }
    let durable = durableOfBrokenLine()
    var stored: [ChunkIndex: Digest] = [:]
    if let durable {
      for chunk in try store.chunks.chunks(of: durable) { stored[chunk.index] = chunk.digest }
      line.metadata = try store.chunks.metadata(of: durable)
    }
    line.version = durable
    line.stored = stored
    line.rebuilt = nil
    line.membership = nil
    // A line that was switched to and has no version of its own yet must still get one.
    line.mustCommit = try durable != store.chunks.versions(of: number).last?.id
    follow(lineFrom: durable)
  }

  private var isLineBroken: Bool {
    state.withLock { state in
      state.lineFailure != nil || state.inFlight.contains { $0.failure != nil }
    }
  }

  private func durableOfBrokenLine() -> VersionID? {
    let commits = state.withLock { $0.inFlight }
    for commit in commits { try? commit.wait() }
    return commits.last { $0.isDurable }?.version ?? state.withLock { $0.durable }
  }

  /// The version that the next point descends from. Where a point failed that is what is durable,
  /// though the line is not laid anew before the next point. `pointMutex` is held.
  var lineVersion: VersionID? { isLineBroken ? durableOfBrokenLine() : line.version }

  /// Begins a line at a durable version: what became of points before it is behind it.
  func follow(lineFrom version: VersionID?) {
    state.withLock { state in
      state.lineNumber += 1
      state.inFlight.removeAll()
      state.durable = version
      state.lineFailure = nil
    }
  }
}
