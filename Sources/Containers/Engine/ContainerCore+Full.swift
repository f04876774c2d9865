import SoftPMBase
import SoftPMHeap
import SoftPMStore
import SoftPMTypes

// The slow and obviously correct way: everything is traced, everything is imaged, under the lock.
// It remembers nothing between points, and is what the fast way is checked against.

extension ContainerCore {
  /// Traces everything and makes all images. The caller holds the lock.
  func takeEverything(
    comparingWith stored: [ChunkIndex: Digest]
  ) throws(ContainerError) -> Taken {
    arena.beginQuarantine()
    defer { arena.endQuarantine() }
    let (trace, placement) = try traceEverything()
    defer { line.homes.endTrace(in: arena) }
    let maker = ImageMaker(
      arena: arena, trace: trace, placement: placement, types: line.types, stored: stored)
    let (images, types) = try maker.make()
    var statistics = PointStatistics()
    statistics.dirtyChunks = images.digests.count
    statistics.objectsScanned = trace.members.count
    statistics.objectsNew = max(0, trace.members.count - line.memberCount)
    statistics.foreignBytes = placement.foreignBytes
    line.types = types
    line.storedTypes = (types.count, types.encoded().count)
    let memory = images.images.pageBuffer()
    let changed = images.changed.enumerated().map { position, chunk in
      NewImage(
        chunk: chunk, digest: images.digests[chunk] ?? .zero,
        start: UnsafeRawPointer(memory.bytes.baseAddress.unsafelyUnwrapped)
          + position * chunkSize.rawValue)
    }
    return Taken(
      changed: changed,
      removed: stored.keys.filter { images.digests[$0] == nil }.sorted(),
      memory: [memory], root: placement.places[0].home,
      memberCount: trace.members.count, statistics: statistics)
  }

  func traceEverything() throws(ContainerError) -> (FullTrace, Placement) {
    let trace = FullTrace(catalog: line.catalog, expecting: line.memberCount, in: arena)
    try trace.run(from: UnsafeRawPointer(Unmanaged.passUnretained(rootBox).toOpaque()))
    return (trace, try Placement(of: trace.members, in: arena, homes: line.homes))
  }

  // MARK: The fast way against it

  /// All chunks' digests as the slow way finds them, after comparing the members.
  func digestsByTrace(
    _ membership: Membership, types: TypeTable
  ) throws(ContainerError) -> [ChunkIndex: Digest] {
    let (trace, placement) = try traceEverything()
    check(membership, against: trace, placement)
    let maker = ImageMaker(
      arena: arena, trace: trace, placement: placement, types: types, stored: [:])
    return try maker.make().0.digests
  }

  private func check(_ membership: Membership, against trace: FullTrace, _ placement: Placement) {
    guard membership.memberCount == trace.members.count else {
      misuse(
        "discovery found \(membership.memberCount) members, a full trace \(trace.members.count)")
    }
    for (position, member) in trace.members.enumerated() {
      let address = UInt(bitPattern: member.target)
      guard let known = membership.find(address, member.key) else {
        misuse("discovery missed a \(member.layout.typeName)")
      }
      guard membership.home(of: known) == placement.places[position].home,
        membership.inDegree(of: known) == Int(member.strongInDegree),
        membership.loose.unownedCount(to: address) == Int(member.unownedInDegree)
      else {
        misuse(
          "discovery counts \(membership.inDegree(of: known)) and "
            + "\(membership.loose.unownedCount(to: address)) references to a "
            + "\(member.layout.typeName), a full trace \(member.strongInDegree) and "
            + "\(member.unownedInDegree)")
      }
    }
  }
}
