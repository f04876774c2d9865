import Dispatch
import SoftPMBase
import Synchronization

/// A point whose state is fixed: its images are made, compared and handed to the store behind the
/// program's back, or by whoever cannot wait for that.
///
/// 1. The work is done once, by the first of: the container's queue, and whoever waits for it.
/// 2. It needs nothing of the program's memory and waits for no lock, so whoever waits for it may
///    hold any. Where images are streamed it leads the store already, and waits for its own writes.
final class PendingPoint: @unchecked Sendable {
  typealias Outcome = Result<PointOutcome, ContainerError>

  private enum Stage {
    case fixed(work: () -> Outcome)
    case atWork
    case made(Outcome)

    var outcome: Outcome? {
      if case .made(let outcome) = self { outcome } else { nil }
    }
  }

  private struct State: @unchecked Sendable {
    var stage: Stage
    var callbacks: [@Sendable (Outcome) -> Void] = []
  }

  private let state: Mutex<State>
  private let made = DispatchGroup()
  private let forkGeneration: Int

  init(forkGeneration: Int, work: @escaping () -> Outcome) {
    state = Mutex(State(stage: .fixed(work: work)))
    self.forkGeneration = forkGeneration
    made.enter()
  }

  /// This process was forked after the point was made: what becomes of it is its parent's business.
  var isForked: Bool { ForkGuard.isForked(since: forkGeneration) }

  func requireSameProcess() throws(ContainerError) {
    try ForkGuard.requireSameProcess(as: forkGeneration)
  }

  /// Does the work, if nobody has begun with it.
  func run() {
    guard !isForked else { return }
    let begun = state.withLock { state -> State? in
      guard case .fixed = state.stage else { return nil }
      let begun = state
      state.stage = .atWork
      return begun
    }
    guard case .fixed(let work) = begun?.stage else { return }
    let outcome = work()
    let callbacks = state.withLock { state in
      state.stage = .made(outcome)
      defer { state.callbacks = [] }
      return state.callbacks
    }
    made.leave()
    for callback in callbacks { callback(outcome) }
  }

  /// What became of it. Waits for the comparison of images; for the disk only if they are streamed.
  func awaitedOutcome() -> Outcome {
    run()
    if let outcome { return outcome }
    do { try requireSameProcess() } catch { return .failure(error) }
    made.wait()
    guard let outcome else { misuse("a point was made and has no outcome") }
    return outcome
  }

  /// What became of it; nil while that is not known.
  var outcome: Outcome? {
    // Whoever held the lock at a fork may have stayed in the parent.
    if isForked { return state.withLockIfAvailable { $0.stage.outcome } ?? nil }
    return state.withLock { $0.stage.outcome }
  }

  /// Calls `body` when it is known what became of it, or now.
  func whenMade(_ body: @escaping @Sendable (Outcome) -> Void) {
    let outcome = state.withLock { state -> Outcome? in
      if case .made(let outcome) = state.stage { return outcome }
      state.callbacks.append(body)
      return nil
    }
    if let outcome { body(outcome) }
  }
}

/// Makes points one at a time. Whoever ends a point may be another thread than who began it.
final class PointMutex: Sendable {
  private let free = DispatchSemaphore(value: 1)

  func lock() { free.wait() }
  func unlock() { free.signal() }
  /// Whether it was free, and is now the caller's.
  func tryLock() -> Bool { free.wait(timeout: .now()) == .success }
  /// Returns when it is free, for a moment at least.
  func waitUntilFree() {
    lock()
    unlock()
  }
}
