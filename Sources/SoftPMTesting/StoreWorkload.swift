// Workloads: what a program might do to a store, in short sequences in which every ordered pair
// of operations occurs. Small sequences find nearly all crash bugs (ACE's observation).

import SoftPMBase
import SoftPMStore

package enum StoreOperation: String, CaseIterable, Sendable {
  /// Those of which every pair is tried. The others are for workloads of their own.
  package static let paired = allCases.filter {
    ![.wideWrite, .largeContainer, .largeUpdate].contains($0)
  }

  /// A container with its first version.
  case create
  /// One chunk of 4 KiB.
  case smallWrite
  /// Several chunks, and metadata in blocks of its own.
  case largeWrite
  /// The same, its images written before there is a version.
  case streamedWrite
  /// Images written for a version that does not come, and a point after it.
  case cancelledStream
  case removeChunk
  /// Two points of one container in flight together: one flush.
  case twoPoints
  /// Points of two containers in flight together.
  case twoContainers
  /// A container that begins with another one's version.
  case branch
  /// A point whose parent is not the newest version.
  case switchBack
  case label
  case deleteVersion
  case deleteContainer
  /// Closed, and opened again.
  case reopen
  /// Opened again without having been closed.
  case crash
  /// The tail becomes trees, and space is given back.
  case fold
  /// A superblock is told the newest version, for readers in other processes.
  case watermark
  /// As a fold, and all that lies at the end is moved, free space punched.
  case compact
  /// A point whose flush fails, and another one that succeeds.
  case failedFlush
  /// So many chunks that their table is a tree of several leaves.
  case wideWrite
  /// A container of about a MiB, with chunks of 16 KiB.
  case largeContainer
  /// A third of those chunks, others each time; what was oldest of it is dropped.
  case largeUpdate
}

/// A store under test, its model, and the states that a crash may leave at any moment.
package final class StoreWorkload {
  package let device: StoreRecordingDevice
  package private(set) var states: [StoreModel] = [StoreModel()]
  package private(set) var problems: [String] = []
  private var allowed = [0]
  private var model = StoreModel()
  private var store: ChunkStore
  private let options: StoreFileOptions
  private var nextImage: UInt64
  private var nextName = 0
  private var images = StoreImageCache()
  private var needsReopening = false
  /// Operations may be refused, because faults are injected into some.
  package var toleratesRefusal = false
  /// Flushes before each operation began.
  package private(set) var epochs: [Int] = []
  package var epochOfSecondOperation: Int { epochs.count > 1 ? epochs[1] : 0 }

  /// With `reclaimsLittle` a fold gives back one leaf of a dropped version's table.
  package init(
    seed: UInt64, canary: StoreCanary? = nil, faults: StoreFaultPlan? = nil,
    reclaimsLittle: Bool = false
  ) throws {
    let content = NewStore.image(identity: Digest(low: 1, high: seed), byteCount: 64 << 10)
    device = StoreRecordingDevice(content, seed: seed, faults: faults)
    nextImage = seed &* 1_000_000
    var options = StoreFileOptions()
    options.canary = canary
    options.clock = { 1000 }
    // Folds come where the workload says, so that a run is the same every time.
    options.foldAfter = .max
    if reclaimsLittle {
      options.reclaimReads = 1
      options.reclaimReadsPerNode = 0
    }
    self.options = options
    toleratesRefusal = faults != nil
    device.mark(allowed: [0])
    store = try ChunkStore.open(on: device, options)
  }

  // MARK: Attempts

  private func state(_ model: StoreModel) -> Int {
    states.append(model)
    return states.count - 1
  }

  /// Runs what should lead through `afters`, one after the other.
  private func attempt(_ afters: [StoreModel], _ body: () throws -> Void) {
    let ids = afters.map(state)
    allowed += ids
    device.mark(allowed: allowed)
    do {
      try body()
      model = afters[afters.count - 1]
      allowed = [ids[ids.count - 1]]
    } catch {
      // Whatever failed may or may not be found, until the next point is durable.
    }
    device.mark(allowed: allowed)
    protectKept()
  }

  /// How often a fold left a dropped version partly given back.
  package private(set) var partlyReclaimed = 0

  private func protectKept() {
    device.protect((try? store.occupiedByListedVersions()) ?? [])
  }

  /// A point's request, and what the model is after it.
  private func point(
    _ container: String, parent: VersionID?, chunks: [UInt32], removed: [UInt32] = [],
    metadata: Int = 3, isStreamed: Bool = false, after before: StoreModel
  ) throws -> (Commit, StoreModel) {
    let size = container == StoreWorkload.large ? 16 << 10 : 4096
    let number =
      try store.container(named: container)?.number
      ?? store.createContainer(named: container, chunkSize: ByteCount(size)).number
    var table = parent.flatMap { before.versions[$0]?.chunks } ?? [:]
    for chunk in removed { table[chunk] = nil }
    let buffer = PageBuffer(byteCount: size * max(chunks.count, 1))
    var digests: [Digest] = []
    for (place, chunk) in chunks.enumerated() {
      nextImage += 1
      table[chunk] = nextImage
      images.image(nextImage, size).withUnsafeBytes {
        UnsafeMutableRawBufferPointer(rebasing: buffer.bytes[(place * size)...])
          .copyMemory(from: $0)
        digests.append(Checksum.digest($0))
      }
    }
    let blob = StoreModel.image(nextImage, byteCount: metadata)
    let images = ChunkImages(buffer, count: chunks.count, chunkBytes: size)
    var request = CommitRequest(
      container: number, parent: parent, chunks: chunks.map(ChunkIndex.init), images: images,
      digests: digests, removed: removed.map(ChunkIndex.init), metadata: blob)
    request.waitsAtOnce = true
    let commit = try isStreamed ? streamed(request) : store.commit(request)
    var after = before
    after.containers[container] = size
    after.versions[commit.version] = StoreModel.Version(
      container: container, parent: parent, label: nil, metadata: blob, chunks: table)
    return (commit, after)
  }

  private func onePoint(
    _ container: String, parent: VersionID?, chunks: [UInt32], removed: [UInt32] = [],
    metadata: Int = 3, isStreamed: Bool = false
  ) throws {
    let (commit, after) = try point(
      container, parent: parent, chunks: chunks, removed: removed, metadata: metadata,
      isStreamed: isStreamed, after: model)
    attempt([after]) { try commit.wait() }
  }

  /// Takes a version on its way whose images go there first, in two parts.
  private func streamed(_ request: CommitRequest) throws -> Commit {
    let stream = try stream(request)
    var rest = request
    rest.chunks = []
    rest.digests = []
    rest.images = ChunkImages()
    return try stream.commit(rest)
  }

  private func stream(_ request: CommitRequest) throws -> ImageStream {
    guard
      let stream = try store.stream(
        request.chunks, of: request.container, waits: true, writesMost: 1)
    else {
      throw ContainerError(code: .io, message: "nobody else leads, and there is no stream")
    }
    let images = zip(zip(request.chunks, request.digests), request.images.starts).map {
      ImageStream.Image(chunk: $0.0, digest: $0.1, start: $1)
    }
    do {
      let half = images.count / 2
      try stream.write(Array(images[..<half]), in: request.images.memory)
      try stream.write(Array(images[half...]), in: request.images.memory)
    } catch {
      stream.cancel()
      throw error
    }
    return stream
  }

  private func cancelStream(_ container: String) throws {
    guard let number = try store.container(named: container)?.number else { return }
    let buffer = PageBuffer(byteCount: 3 * 4096)
    buffer.bytes.initializeMemory(as: UInt8.self, repeating: 0xa5)
    let request = CommitRequest(
      container: number, parent: nil, chunks: [ChunkIndex(1), ChunkIndex(2), ChunkIndex(3)],
      images: ChunkImages(buffer, count: 3, chunkBytes: 4096),
      digests: [.zero, .zero, .zero])
    try stream(request).cancel()
  }

  // MARK: Operations

  private static let large = "large"
  private var someContainer: String? {
    model.containers.keys.filter { $0 != StoreWorkload.large }.min()
  }

  package func run(_ operations: [StoreOperation]) {
    for operation in operations {
      epochs.append(device.flushes)
      do { try run(operation) } catch {
        // Only a store that faults are injected into may refuse.
        if !toleratesRefusal { problems.append("\(operation.rawValue): \(error)") }
      }
    }
    problems += device.violations
    do {
      if let leak = try store.spaceProblem() { problems.append(leak) }
    } catch {
      problems.append("auditing: \(error)")
    }
  }

  private func run(_ operation: StoreOperation) throws {
    if needsReopening { try reopen(closing: false) }
    guard let name = someContainer, operation != .create else { return try create() }
    let newest = model.newest(of: name)
    switch operation {
    case .create: return
    case .smallWrite:
      try onePoint(name, parent: newest, chunks: [1])
    case .largeWrite:
      try onePoint(name, parent: newest, chunks: [0, 2, 3, 9], metadata: 5000)
    case .streamedWrite:
      try onePoint(
        name, parent: newest, chunks: [0, 2, 3, 9], metadata: 5000, isStreamed: true)
    case .cancelledStream:
      try cancelStream(name)
      try onePoint(name, parent: newest, chunks: [3])
    case .wideWrite:
      try onePoint(name, parent: newest, chunks: Array(0..<250))
    case .largeContainer:
      try onePoint(StoreWorkload.large, parent: nil, chunks: Array(0..<62))
    case .largeUpdate:
      let parent = model.newest(of: StoreWorkload.large)
      let first = UInt32(states.count % 3) * 20
      try onePoint(StoreWorkload.large, parent: parent, chunks: Array(first..<first + 20))
      try change(.deleteVersion, StoreWorkload.large)
    case .removeChunk:
      try onePoint(name, parent: newest, chunks: [4], removed: [0])
    case .twoPoints:
      try twoPoints(name, name)
    case .twoContainers:
      if model.containers.count < 2 { try create() }
      try twoPoints(name, model.containers.keys.max() ?? name)
    case .branch:
      nextName += 1
      try onePoint("branch \(nextName)", parent: newest, chunks: [])
    case .switchBack:
      let oldest = model.versions.filter { $0.value.container == name }.keys.min()
      try onePoint(name, parent: oldest, chunks: [1])
    case .label, .deleteVersion, .deleteContainer:
      try change(operation, name)
    case .watermark:
      attempt([model]) { try store.copyWatermark() }
    case .fold:
      attempt([model]) { try store.checkpointNow() }
      if store.isGivingBack { partlyReclaimed += 1 }
    case .compact:
      attempt([model]) { _ = try store.compact() }
    case .reopen, .crash:
      try reopen(closing: operation == .reopen)
    case .failedFlush:
      device.setFaults(StoreFaultPlan(.flush, at: 0, forEver: false))
      try? onePoint(name, parent: newest, chunks: [1])
      device.setFaults(nil)
      try onePoint(name, parent: newest, chunks: [2])
    }
  }

  private func create() throws {
    nextName += 1
    try onePoint("container \(nextName)", parent: nil, chunks: [0, 1])
  }

  private func twoPoints(_ first: String, _ second: String) throws {
    let (one, afterOne) = try point(
      first, parent: model.newest(of: first), chunks: [1], metadata: 1400, after: model)
    let (two, afterTwo) = try point(
      second, parent: afterOne.newest(of: second), chunks: [1, 5], after: afterOne)
    attempt([afterOne, afterTwo]) {
      try two.wait()
      try one.wait()
    }
  }

  private func change(_ operation: StoreOperation, _ name: String) throws {
    let listed = model.versions.filter { $0.value.container == name }.keys.sorted()
    guard let oldest = listed.first, let number = try store.container(named: name)?.number
    else { return }
    var after = model
    switch operation {
    case .label:
      after.versions[oldest]?.label = "label \(states.count)"
      attempt([after]) { try store.setLabel("label \(states.count - 1)", on: oldest) }
    case .deleteVersion:
      guard listed.count > 1 else { return }
      after.versions[oldest] = nil
      attempt([after]) { try store.deleteVersion(oldest) }
    default:
      after.containers[name] = nil
      after.versions = after.versions.filter { $0.value.container != name }
      attempt([after]) { try store.deleteContainer(number) }
    }
  }

  private func reopen(closing: Bool) throws {
    // From here on the old store is another process's: it must not be used again.
    needsReopening = true
    if closing { try? store.close() }
    device.reopened()
    store = try ChunkStore.open(on: device, options)
    // After a failure either outcome may be what is found.
    needsReopening = false
    var differences: [String] = []
    for id in allowed.reversed() {
      let difference = try states[id].difference(from: store, images: &images)
      differences.append(difference ?? "")
      if difference == nil {
        model = states[id]
        allowed = [id]
        device.mark(allowed: allowed)
        protectKept()
        // As a container that is opened does; after a crash the next operation has to.
        if closing { try store.startWriting() }
        return
      }
    }
    problems.append("the reopened store holds none of the allowed states: \(differences)")
  }

  /// Takes the faults away and sees that the store can go on as it is and after reopening.
  package func settle() {
    device.setFaults(nil)
    do {
      if needsReopening { try reopen(closing: false) }
      try onePoint("last", parent: model.newest(of: "last"), chunks: [7])
      try reopen(closing: false)
      try onePoint("last", parent: model.newest(of: "last"), chunks: [8])
      try reopen(closing: true)
    } catch {
      problems.append("going on after faults: \(error)")
    }
    problems += device.violations
  }
}
