import SoftPMBase
import SoftPMStore

/// Looks at crash states: what is recovered must be one of the allowed states, whole, and the
/// store must be able to go on.
package struct StoreCrashCheck {
  package private(set) var violations: [String] = []
  package private(set) var states = 0
  private var looks = 0
  private var images = StoreImageCache()
  private let options: StoreFileOptions
  /// Every so many states the costly questions are asked: a second recovery, a further point.
  private let deepEvery: Int

  package init(canary: StoreCanary? = nil, deepEvery: Int = 8) {
    var options = StoreFileOptions()
    options.canary = canary
    options.clock = { 2000 }
    self.options = options
    self.deepEvery = deepEvery
  }

  /// Enumerates a workload's trace; `name` begins the line that reproduces a violation.
  package mutating func run(
    _ workload: StoreWorkload, _ name: String, bounds: StoreCrashBounds, seed: UInt64,
    fromEpoch: Int = 0, violationsMost: Int = 10, statesMost: Int = .max
  ) {
    let content = NewStore.image(identity: Digest(low: 1, high: seed), byteCount: 64 << 10)
    var enumerator = StoreCrashEnumerator(content, bounds: bounds, seed: seed)
    let models = workload.states
    struct Enough: Error {}
    let before = looks
    try? enumerator.run(workload.device.trace, fromEpoch: fromEpoch) { state in
      looks += 1
      if let problem = look(at: state, models) {
        violations.append("\(name) seed=\(seed) \(state.name): \(problem)")
        if violations.count >= violationsMost { throw Enough() }
      }
      if looks - before >= statesMost { throw Enough() }
    }
    states += enumerator.distinctStates
  }

  private mutating func look(at state: StoreCrashState, _ models: [StoreModel]) -> String? {
    do {
      let store = try ChunkStore.open(on: state.image, options)
      var differences: [String] = []
      for id in state.allowed.reversed() {
        guard let difference = try models[id].difference(from: store, images: &images) else {
          return looks % deepEvery == 0 ? try goOn(state, models[id], store) : nil
        }
        differences.append(difference)
      }
      return "recovered none of the allowed states: \(differences)"
    } catch {
      return "\(error)"
    }
  }

  /// A second recovery finds the same; one more point works and is found.
  private mutating func goOn(
    _ state: StoreCrashState, _ model: StoreModel, _ store: ChunkStore
  ) throws -> String? {
    let second = try ChunkStore.open(on: state.image, options)
    if let difference = try model.difference(from: second, images: &images) {
      return "a second recovery differs: \(difference)"
    }
    let made = try second.createContainer(named: "after", chunkSize: .kibibytes(4))
    let buffer = PageBuffer(blocksHolding: images.image(77, 4096))
    let commit = try second.commit(
      CommitRequest(
        container: made.number, parent: nil, chunks: [ChunkIndex(0)],
        images: ChunkImages(buffer, count: 1, chunkBytes: 4096),
        digests: [Checksum.digest(buffer.readOnly)]))
    try commit.wait()
    var after = model
    after.containers["after"] = 4096
    after.versions[commit.version] = StoreModel.Version(
      container: "after", parent: nil, label: nil, metadata: [], chunks: [0: 77])
    let third = try ChunkStore.open(on: state.image, options)
    if let difference = try after.difference(from: third, images: &images) {
      return "after one more point: \(difference)"
    }
    // Folding makes everything free that nothing needs: nothing leaked, nothing is used twice.
    try third.checkpointNow()
    if let difference = try after.difference(from: third, images: &images) {
      return "after a fold: \(difference)"
    }
    return try third.spaceProblem()
  }
}
