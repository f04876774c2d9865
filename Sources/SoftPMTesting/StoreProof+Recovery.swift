import SoftPMBase
import SoftPMStore

// Crashes while the store recovers from a crash, and errors of the device meanwhile.
extension StoreProof {
  /// Recovers from a sample of crash states on a recording device, and looks at every crash state
  /// of the recovery's own trace; then again with each of its operations failing in each way.
  ///
  /// What the second recovery finds must be allowed, and once an opening has returned, equal to
  /// what that one found: a program has already seen it.
  package mutating func recoveries() {
    let workloads: [[StoreOperation]] = [
      [.create, .twoPoints, .crash, .smallWrite],
      [.create, .fold, .smallWrite, .twoContainers],
      [.create, .failedFlush, .label, .largeWrite],
      [.create, .smallWrite, .reopen, .deleteVersion],
    ]
    var check = NestedCheck(isThorough: isThorough, isDeep: isDeep)
    for (number, operations) in workloads.enumerated() {
      if !isThorough, number > 0 { break }
      let name = "recovery workload=\(number)"
      do {
        let workload = try StoreWorkload(seed: UInt64(number))
        workload.run(operations)
        failures += workload.problems.map { "\(name) \($0)" }
        check.run(workload, name, seed: UInt64(number))
      } catch {
        failures.append("\(name) \(error)")
      }
    }
    failures += check.violations
    say(
      "crash states of recoveries: \(check.states) of \(check.recoveries) recoveries, "
        + "\(check.failedRecoveries) of them with a failing operation; "
        + "\(check.violations.count) violations")
  }
}

private struct NestedCheck {
  private(set) var violations: [String] = []
  private(set) var states = 0
  private(set) var recoveries = 0
  private(set) var failedRecoveries = 0
  private var images = StoreImageCache()
  private let options: StoreFileOptions
  /// Every so many states of the workload one is recovered from under observation.
  private let sampleEvery: Int
  private let bounds: StoreCrashBounds
  private let faultEvery: Int

  init(isThorough: Bool, isDeep: Bool) {
    var options = StoreFileOptions()
    options.clock = { 2000 }
    options.foldAfter = .max
    self.options = options
    sampleEvery = isThorough ? (isDeep ? 101 : 1499) : 2503
    var bounds = StoreCrashBounds.smoke
    if isThorough {
      bounds.exhaustiveAtomsMost = 6
      bounds.tearStep = 120
      bounds.randomSubsets = 6
      bounds.pairsMost = 8
    }
    self.bounds = bounds
    faultEvery = isThorough ? 1 : 4
  }

  mutating func run(_ workload: StoreWorkload, _ name: String, seed: UInt64) {
    let content = NewStore.image(identity: Digest(low: 1, high: seed), byteCount: 64 << 10)
    var outer = StoreCrashEnumerator(content, bounds: .quick, seed: seed)
    let models = workload.states
    var number = 0
    outer.run(workload.device.trace) { state in
      number += 1
      guard number % sampleEvery == 0, violations.count < 10 else { return }
      recover(state, models, "\(name) \(state.name)", seed: seed)
    }
  }

  private mutating func recover(
    _ state: StoreCrashState, _ models: [StoreModel], _ name: String, seed: UInt64
  ) {
    let image = state.image.content
    observe(image, state.allowed, models, name, seed: seed, fault: nil)
    // A recovery is a flush, and before the first write two superblocks, each written and flushed:
    // five operations.
    for kind in StoreFaultPlan.Kind.allCases {
      for place in stride(from: 0, to: 6, by: faultEvery) {
        observe(
          image, state.allowed, models, "\(name) \(kind.rawValue) at=\(place)", seed: seed,
          fault: StoreFaultPlan(kind, at: place, forEver: false))
      }
    }
  }

  private mutating func observe(
    _ content: [UInt8], _ allowed: [Int], _ models: [StoreModel], _ name: String, seed: UInt64,
    fault: StoreFaultPlan?
  ) {
    recoveries += 1
    if fault != nil { failedRecoveries += 1 }
    let device = StoreRecordingDevice(content, seed: seed, faults: fault)
    device.mark(allowed: allowed)
    var found: Int?
    do {
      let store = try ChunkStore.open(on: device, options)
      found = try allowed.last { try models[$0].difference(from: store, images: &images) == nil }
      guard let found else {
        violations.append("\(name): recovered none of the allowed states")
        return
      }
      // A program has seen it: from now on nothing else may be found.
      device.mark(allowed: [found])
      try store.startWriting()
    } catch {
      if fault == nil { violations.append("\(name): \(error)") }
    }
    var inner = StoreCrashEnumerator(content, bounds: bounds, seed: seed, allowed: allowed)
    inner.run(device.trace) { state in
      guard violations.count < 10 else { return }
      do {
        let store = try ChunkStore.open(on: state.image, options)
        let isAllowed = try state.allowed.contains {
          try models[$0].difference(from: store, images: &images) == nil
        }
        if !isAllowed {
          violations.append("\(name), then \(state.name): none of the states \(state.allowed)")
        }
      } catch {
        violations.append("\(name), then \(state.name): \(error)")
      }
    }
    states += inner.distinctStates
  }
}
