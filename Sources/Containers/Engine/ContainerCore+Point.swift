import SoftPMBase
import SoftPMHeap
import SoftPMStore
import SoftPMTypes

/// What `persist` hands out: a version, and how to wait for it.
struct PointOutcome: Sendable {
  let version: VersionID
  /// Nil when nothing had changed.
  let commit: Commit?
  let statistics: PointStatistics
}

extension ContainerCore {
  /// Makes a persistence point: the state at the call, fixed before it returns.
  ///
  /// For now the simplest honest way: everything is traced, everything is taken to be dirty, and
  /// tracing and imaging happen under the lock.
  func persist(label: String?) throws(ContainerError) -> PointOutcome {
    try requireOpen()
    try store.requireWritable()
    lock.requireNotUpdating(for: "persist")
    if let label { try Self.check(label) }
    waitForRoomInFlight()
    let clock = ContinuousClock()
    lock.lockShared()
    let started = clock.now
    pointMutex.lock()
    defer { pointMutex.unlock() }
    var taken: Taken
    do throws(ContainerError) {
      try requireOpen()
      if let error = takeUntold() { throw error }
      try repairLine()
      taken = try takeImages(comparingWith: line.stored)
    } catch {
      lock.unlockShared()
      throw error
    }
    taken.statistics.stall = clock.now - started
    lock.unlockShared()
    return try commit(taken, label: label)
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
  private func commit(_ taken: Taken, label: String?) throws(ContainerError) -> PointOutcome {
    let attributes = state.withLock { $0.attributes }
    var statistics = taken.statistics
    let metadata = ContainerMetadata(
      home: arena.home, addressSpace: arena.addressSpace, root: taken.root,
      typeTableBytes: taken.types.encoded().count, seeds: .current, attributes: attributes,
      exclusions: line.exclusions
    ).encoded()
    let digests = taken.images.digests
    if let version = line.version, label == nil, !line.mustCommit,
      isUnchanged(digests, metadata)
    {
      line.homes.endTrace(in: arena)
      state.withLock { $0.statistics.pointsUnchanged += 1 }
      return PointOutcome(version: version, commit: nil, statistics: statistics)
    }
    let commit = try store.chunks.commit(
      CommitRequest(
        container: number, parent: line.version, chunks: taken.images.changed,
        images: taken.images.images.pageBuffer(),
        digests: taken.images.changed.map { digests[$0] ?? .zero },
        removed: line.stored.keys.filter { digests[$0] == nil }.sorted(), metadata: metadata,
        label: label, objectCount: taken.memberCount))
    line.homes.endTrace(in: arena)
    line.version = commit.version
    line.stored = digests
    line.rebuilt = nil
    line.mustCommit = false
    line.metadata = metadata
    line.types = taken.types
    line.memberCount = taken.memberCount
    statistics.writtenChunks = taken.images.changed.count
    statistics.writtenBytes = commit.writtenBytes
    note(commit, memberCount: taken.memberCount)
    return PointOutcome(version: commit.version, commit: commit, statistics: statistics)
  }

  private func isUnchanged(_ digests: [ChunkIndex: Digest], _ metadata: [UInt8]) -> Bool {
    digests == (line.rebuilt ?? line.stored) && (line.rebuilt != nil || metadata == line.metadata)
  }

  // MARK: Images

  struct Taken {
    var images: ImageMaker.Result
    var types: TypeTable
    var root: ArenaAddress
    var memberCount: Int
    var statistics: PointStatistics
  }

  /// Traces everything and makes all images. The caller holds the lock.
  func takeImages(
    comparingWith stored: [ChunkIndex: Digest]
  ) throws(ContainerError) -> Taken {
    arena.beginQuarantine()
    defer { arena.endQuarantine() }
    let trace = FullTrace(catalog: line.catalog, expecting: line.memberCount)
    try trace.run(from: UnsafeRawPointer(Unmanaged.passUnretained(rootBox).toOpaque()))
    let placement = try Placement(of: trace.members, in: arena, homes: &line.homes)
    let maker = ImageMaker(
      arena: arena, trace: trace, placement: placement, types: line.types, stored: stored)
    let (images, types) = try maker.make()
    var statistics = PointStatistics()
    statistics.dirtyChunks = images.digests.count
    statistics.objectsScanned = trace.members.count
    statistics.objectsNew = max(0, trace.members.count - line.memberCount)
    statistics.foreignBytes = placement.foreignBytes
    return Taken(
      images: images, types: types, root: placement.places[0].home,
      memberCount: trace.members.count, statistics: statistics)
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
    let isBroken = state.withLock { state in
      state.lineFailure != nil || state.inFlight.contains { $0.failure != nil }
    }
    guard isBroken else { return }
    let commits = state.withLock { $0.inFlight }
    for commit in commits { try? commit.wait() }
    let durable = commits.last { $0.isDurable }?.version ?? state.withLock { $0.durable }
    var stored: [ChunkIndex: Digest] = [:]
    if let durable {
      for chunk in try store.chunks.chunks(of: durable) { stored[chunk.index] = chunk.digest }
      line.metadata = try store.chunks.metadata(of: durable)
    }
    line.version = durable
    line.stored = stored
    line.rebuilt = nil
    // A line that was switched to and has no version of its own yet must still get one.
    line.mustCommit = try durable != store.chunks.versions(of: number).last?.id
    follow(lineFrom: durable)
  }

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
