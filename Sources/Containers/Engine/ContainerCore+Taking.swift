import SoftPMBase
import SoftPMHeap
import SoftPMStore
import SoftPMTracking
import SoftPMTypes

// Fixing the state at a point: what changed, and the bytes of it.

/// What a point found to differ from the version before.
struct Taken {
  /// In ascending order of their chunks.
  var changed: [NewImage]
  var removed: [ChunkIndex]
  /// What the images lie in, or where they went.
  var memory: [PageBuffer]
  var stream: ImageStream?
  var root: ArenaAddress
  var memberCount: Int
  var statistics: PointStatistics
}

/// The state at a point, fixed: nothing of it is read from the program's memory any more.
struct Fixed {
  var membership: Membership
  var imager: ChunkImager
  /// Where images go that are too many to be kept; whoever fails cancels it.
  var stream: ImageStream?
  /// Chunks whose images are still to be made, and where their bytes are.
  var copies: [(chunk: ChunkIndex, bytes: UnsafeRawPointer)] = []
  /// Chunks that have no member any more.
  var emptied: [ChunkIndex] = []
  var isWhole: Bool
  /// What a full trace made of the same moment, where that is compared.
  var expected: [ChunkIndex: Digest]?
  var statistics: PointStatistics
}

extension ContainerCore {
  /// Finds what changed and copies it aside. The caller holds the lock.
  ///
  /// `makesVersion` even if nothing changed. Where the caller waits for the whole point anyway, what
  /// is imaged under the lock is compared at once, while the processor has it.
  func fix(makesVersion: Bool, isAwaited: Bool) throws(ContainerError) -> Fixed {
    let clock = ContinuousClock()
    var statistics = PointStatistics()
    arena.beginQuarantine()
    defer { arena.endQuarantine() }
    let readsNursery = line.membership.map { $0.foreign.count > 0 } ?? false
    if readsNursery { Heap.beginNurseryQuarantine() }
    defer { if readsNursery { Heap.endNurseryQuarantine() } }
    let begun = clock.now
    let tracking = try currentTracking()
    try tracking.collect()
    let collected = clock.now
    let before = line.membership?.memberCount ?? 0
    let (membership, isWhole) = try discover(tracking.dirty, &statistics)
    do throws(ContainerError) {
      try tracking.watch(pages: membership.foreign.takeNewPages())
    } catch {
      // Pages with members that nobody watches: what is written there would be lost.
      line.membership = nil
      throw error
    }
    let discovered = clock.now
    var fixed = try rooted { () throws(ContainerError) in
      try copyMarked(
        membership, isWhole: isWhole, makesVersion: makesVersion, isAwaited: isAwaited)
    }
    statistics.collecting = collected - begun
    statistics.discovering = discovered - collected
    statistics.copying = clock.now - discovered
    statistics.dirtyChunks = fixed.imager.imaged.count + fixed.copies.count
    statistics.objectsNew = max(0, membership.memberCount - before)
    statistics.foreignBytes = membership.foreignBytes
    if DiscoveryMode.current.isChecked {
      try makeImages(of: &fixed)
      fixed.expected = try digestsByTrace(membership, types: fixed.imager.types)
    }
    fixed.statistics = statistics
    return fixed
  }

  private func currentTracking() throws(ContainerError) -> Tracking {
    if let tracking = line.tracking { return tracking }
    let tracking = try Tracking(arena, state.withLock { $0.attributes.tracking })
    line.tracking = tracking
    state.withLock { $0.statistics.tracking = tracking.tracker.explanation }
    return tracking
  }

  // MARK: Discovery

  /// The members now; and whether they were found by looking at all of them, so that any chunk may
  /// have changed.
  private func discover(
    _ dirty: DirtySet, _ statistics: inout PointStatistics
  ) throws(ContainerError) -> (Membership, Bool) {
    if let membership = line.membership {
      // Until it is right again, what is known is of no use.
      line.membership = nil
      let discovery = Discovery(membership, dirty: dirty)
      do {
        try discovery.run()
        statistics.objectsScanned = discovery.scannedCount
        line.membership = membership
        return (membership, false)
      } catch {
        // Too hard to tell, or an object that cannot be persisted: looking at all of them shows.
      }
    }
    let membership = Membership(arena: arena, catalog: line.catalog, homes: line.homes)
    line.homes.beginTrace()
    do {
      try membership.build(from: root)
    } catch {
      // The trace tells the way from the root to what cannot be persisted.
      _ = try traceEverything()
      throw error
    }
    line.homes.endTrace(in: arena)
    statistics.objectsScanned = membership.memberCount
    state.withLock { $0.statistics.pointsLookingAtAll += 1 }
    line.membership = membership
    return (membership, true)
  }

  private var root: UnsafeRawPointer {
    UnsafeRawPointer(Unmanaged.passUnretained(rootBox).toOpaque())
  }

  // MARK: Copies

  private func copyMarked(
    _ membership: Membership, isWhole: Bool, makesVersion: Bool, isAwaited: Bool
  ) throws(ContainerError) -> Fixed {
    let work = ImageWork(membership)
    let rebuilt = line.rebuilt
    let stored = line.stored
    // After a rehash, whether anything changed decides what the images are compared with.
    let choice = StreamChoice(
      imageBytes: work.imageCount * chunkSize.rawValue, isAwaited: isAwaited)
    let copies = choice != .always && rebuilt == nil
    let stream = choice != .never && rebuilt == nil ? try self.stream(work, choice) : nil
    var fixed = Fixed(
      membership: membership,
      imager: ChunkImager(
        membership, types: line.types, chunkCount: work.imageCount, stream: stream,
        known: { rebuilt?[$0] ?? stored[$0] }),
      stream: stream, emptied: work.emptied, isWhole: isWhole, statistics: PointStatistics())
    defer { line.types = fixed.imager.types }
    do throws(ContainerError) {
      try copy(
        work, of: membership, into: &fixed, copies: copies, comparesLater: copies && !isAwaited)
    } catch {
      stream?.cancel()
      throw error
    }
    if rebuilt != nil { try compareWithStored(&fixed, makesVersion) }
    return fixed
  }

  private func stream(
    _ work: ImageWork, _ choice: StreamChoice
  ) throws(ContainerError) -> ImageStream? {
    let parts = max(16, line.storedTypes.byteCount / chunkSize.rawValue + 1)
    let table = (0..<parts).map { ChunkIndex.typeTable(part: $0) }
    return try store.chunks.stream(
      work.chunks + table, of: number, waits: choice == .always, writesMost: choice.writesMost)
  }

  private func copy(
    _ work: ImageWork, of membership: Membership, into fixed: inout Fixed, copies: Bool,
    comparesLater: Bool
  ) throws(ContainerError) {
    if copies {
      line.copies.begin(byteCount: work.wholeCount * chunkSize.rawValue)
      let kept = line.copies.byteCount
      state.withLock { $0.statistics.copyPoolBytes = kept }
    }
    for (chunk, extent) in work.images {
      guard let extent else {
        try fixed.imager.makePart(chunk, comparesLater: comparesLater)
        continue
      }
      if copies, !membership.books[Int(chunk.rawValue)].isEntangled {
        let bytes = try line.copies.copy(
          chunk, extent: extent * chunkSize.rawValue, of: membership)
        fixed.copies.append((chunk, bytes))
      } else {
        try fixed.imager.make(chunk, from: nil, comparesLater: comparesLater)
      }
    }
  }

  /// Hash tables were rebuilt when the version was restored. If something else has changed too, the
  /// new version gets all that differs from the stored one, so that its tables have one seed.
  private func compareWithStored(
    _ fixed: inout Fixed, _ makesVersion: Bool
  ) throws(ContainerError) {
    let emptied = fixed.emptied.contains { line.stored[$0] != nil }
    guard emptied || !fixed.imager.changed.isEmpty || makesVersion else { return }
    line.types = fixed.imager.types
    fixed = try imageAll(fixed.membership, comparingWith: line.stored)
    line.rebuilt = nil
  }

  /// Images of all members, made under the lock.
  func imageAll(
    _ membership: Membership, comparingWith stored: [ChunkIndex: Digest]
  ) throws(ContainerError) -> Fixed {
    let chunks = (0..<membership.bookCount).map { ChunkIndex(UInt32($0)) }
      .filter { ChunkImager.extent(of: $0, in: membership) > 0 }
    let imager = ChunkImager(
      membership, types: line.types, chunkCount: chunks.count, known: { stored[$0] })
    defer { line.types = imager.types }
    for chunk in chunks { try imager.make(chunk, from: nil) }
    return Fixed(
      membership: membership, imager: imager, isWhole: true, statistics: PointStatistics())
  }

  // MARK: After the lock

  /// Makes the images that are still to be made, and says what differs.
  func finish(_ fixed: inout Fixed) throws(ContainerError) -> Taken {
    do throws(ContainerError) {
      return try finishImages(&fixed)
    } catch {
      fixed.stream?.cancel()
      throw error
    }
  }

  private func finishImages(_ fixed: inout Fixed) throws(ContainerError) -> Taken {
    let clock = ContinuousClock()
    let begun = clock.now
    try makeImages(of: &fixed)
    let imager = fixed.imager
    if fixed.isWhole || imager.types.count != line.storedTypes.count {
      let bytes = imager.types.encoded()
      imager.makeTypeTable(bytes)
      line.storedTypes = (imager.types.count, bytes.count)
    }
    try imager.end()
    var removed = fixed.emptied.filter { line.stored[$0] != nil }
    if fixed.isWhole {
      let parts = (line.storedTypes.byteCount + chunkSize.rawValue - 1) / chunkSize.rawValue
      removed = line.stored.keys.filter {
        // After a migration the table may be shorter than it was.
        $0.isOfArena ? !imager.imaged.contains($0) : $0 >= .typeTable(part: parts)
      }
    }
    if let expected = fixed.expected { check(imager, removed, against: expected) }
    fixed.statistics.imaging = clock.now - begun
    return Taken(
      changed: imager.changed, removed: removed.sorted(),
      memory: imager.pieces, stream: fixed.stream,
      root: fixed.membership.home(of: fixed.membership.rootMember),
      memberCount: fixed.membership.memberCount, statistics: fixed.statistics)
  }

  private func makeImages(of fixed: inout Fixed) throws(ContainerError) {
    defer { line.types = fixed.imager.types }
    fixed.imager.compare()
    for (chunk, bytes) in fixed.copies { try fixed.imager.make(chunk, from: bytes) }
    fixed.copies = []
  }

  private func check(
    _ imager: ChunkImager, _ removed: [ChunkIndex], against expected: [ChunkIndex: Digest]
  ) {
    var found = (line.rebuilt ?? line.stored).filter { $0.key.isOfArena }
    for chunk in removed { found[chunk] = nil }
    for image in imager.changed { found[image.chunk] = image.digest }
    for (chunk, digest) in expected where chunk.isOfArena && found[chunk] != digest {
      misuse("the image of \(chunk) is not what a full trace makes of it")
    }
    for chunk in found.keys where chunk.isOfArena && expected[chunk] == nil {
      misuse("\(chunk) is kept, and a full trace finds no member in it")
    }
  }

  /// Gives an error of an image its path from the root, which a full trace knows.
  func rooted<Result>(
    _ body: () throws(ContainerError) -> Result
  ) throws(ContainerError) -> Result {
    do {
      return try body()
    } catch {
      line.membership = nil
      _ = try takeEverything(comparingWith: [:])
      throw error
    }
  }
}
