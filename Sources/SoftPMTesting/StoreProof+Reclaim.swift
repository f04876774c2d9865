import SoftPMBase
import SoftPMStore

// A version that is too large to be given back in one fold.
extension StoreProof {
  /// Crash states while a dropped version is given back leaf by leaf over several folds; and how
  /// many blocks a fold reads where a version of very many chunks was dropped.
  package mutating func reclaims() {
    reclaimStates()
    do {
      let chunks = isDeep ? 1 << 20 : isThorough ? 1 << 17 : 6_000
      for share in [100, 1] { try countReads(chunks: chunks, changedPercent: share) }
    } catch {
      fail("giving a large version back: \(error)")
    }
  }

  private mutating func reclaimStates() {
    let workloads: [[StoreOperation]] = [
      // All of it goes, and the version that its blocks are compared with is dropped meanwhile.
      [
        .create, .wideWrite, .wideWrite, .smallWrite, .fold, .deleteVersion, .deleteVersion, .fold,
        .deleteVersion, .crash, .fold, .smallWrite, .fold, .fold, .fold, .fold, .compact,
      ],
      // The next version and a branch share most of it, and go one after the other.
      [
        .create, .wideWrite, .smallWrite, .branch, .fold, .deleteVersion, .deleteVersion, .fold,
        .reopen, .fold, .wideWrite, .fold, .deleteVersion, .fold, .fold, .deleteContainer, .fold,
        .fold, .compact, .smallWrite,
      ],
    ]
    // A look at one of these stores takes 2 ms, and ten times that without optimisation.
    var bounds = isDeep ? StoreCrashBounds.quick : .smoke
    bounds.tornAtomsMost = isDeep ? 64 : isThorough ? 4 : 1
    bounds.pairsMost = isDeep ? 24 : isThorough ? 4 : 1
    bounds.prefixesMost = isDeep ? 64 : isThorough ? 6 : 1
    var check = StoreCrashCheck(deepEvery: isThorough ? 8 : 53)
    var partly = 0
    for (number, operations) in workloads.enumerated() {
      let name = "reclaim workload=\(number)"
      do {
        let workload = try StoreWorkload(seed: UInt64(number), reclaimsLittle: true)
        workload.run(operations)
        failures += workload.problems.map { "\(name) \($0)" }
        partly += workload.partlyReclaimed
        check.run(
          workload, name, bounds: bounds, seed: UInt64(number),
          fromEpoch: workload.epochs[isThorough ? 4 : operations.count - 6],
          statesMost: isThorough ? .max : 60)
      } catch {
        failures.append("\(name) \(error)")
      }
    }
    failures += check.violations
    if partly < 6 { fail("only \(partly) folds left a version partly given back") }
    say(
      "crash states while a version is given back over \(partly) folds: \(check.states), "
        + "\(check.violations.count) violations")
  }

  /// One version writes all chunks, the next some of them; then the first is dropped.
  private mutating func countReads(chunks: Int, changedPercent: Int) throws {
    let device = SparseDevice()
    var options = StoreFileOptions()
    options.watermarkDelay = nil
    options.foldAfter = .max
    if !isDeep { options.reclaimReads = chunks / 256 }
    let store = try ChunkStore.open(on: device, options)
    let container = try store.createContainer(named: "a", chunkSize: .kibibytes(4))
    let zeros = PageBuffer(byteCount: chunks * 4096)
    let digest = Checksum.digest(UnsafeRawBufferPointer(rebasing: zeros.readOnly[..<4096]))
    var last: VersionID?
    for step in [1, 100 / changedPercent] {
      let indices = stride(from: 0, to: chunks, by: step).map { ChunkIndex(UInt32($0)) }
      var request = CommitRequest(
        container: container.number, parent: last, chunks: indices,
        images: ChunkImages(zeros, count: indices.count, chunkBytes: 4096),
        digests: Array(repeating: digest, count: indices.count))
      request.waitsAtOnce = true
      let commit = try store.commit(request)
      try commit.wait()
      last = commit.version
    }
    try store.checkpointNow()
    try store.checkpointNow()
    var before = store.statistics.reads
    try store.checkpointNow()
    let idle = store.statistics.reads - before
    let free = try store.usage().freeBytes
    try store.deleteVersion(try store.versions(of: container.number)[0].id)
    var folds = 0
    var most = 0
    var total = 0
    repeat {
      before = store.statistics.reads
      try store.checkpointNow()
      let reads = store.statistics.reads - before - idle
      most = max(most, reads)
      total += reads
      folds += 1
      // (Looking at every block of a store of millions takes longer than all the rest.)
      if !isThorough, let problem = try store.spaceProblem() {
        fail("after fold \(folds): \(problem)")
      }
    } while store.isGivingBack && folds < 1000
    try store.checkpointNow()
    let freed = try store.usage().freeBytes - free
    let due = chunks / (100 / changedPercent) * 4096
    say(
      "a version of \(chunks) chunks of which the next one changed \(changedPercent) %: given back "
        + "in \(folds) folds, which read \(total) blocks, none more than \(most)")
    // The tree of free extents is read by each fold too.
    if most > options.reclaimReads + options.reclaimReads / 4 + 16 {
      fail("a fold read \(most) blocks")
    }
    if freed < due { fail("\(freed) bytes were given back, not \(due)") }
    if let problem = try store.spaceProblem() { fail("giving back: \(problem)") }
    try store.close()
  }
}
