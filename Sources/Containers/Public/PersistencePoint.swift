import SoftPMHeap
import SoftPMStore

/// A persistence point that was made: its version, and when that is durable.
public struct PersistencePoint: Sendable {
  private let pending: PendingPoint
  /// The version before.
  private let base: VersionID?

  init(_ pending: PendingPoint, after base: VersionID?) {
    self.pending = pending
    self.base = base
  }

  /// The version made; the version before, where nothing had changed or the point failed.
  ///
  /// Waits for the comparison of images, and for the disk only where more than 64 MiB changed: then
  /// they are written while they are made.
  public var version: VersionID {
    switch withoutScopes({ pending.awaitedOutcome() }) {
    case .success(let outcome): outcome.version
    case .failure: base ?? VersionID(0)
    }
  }

  /// Whether the version survives a crash from now on.
  public var isDurable: Bool {
    switch pending.outcome {
    case .success(let outcome):
      // In a forked child nobody will tell, and the store's locks may be held for ever.
      outcome.commit.map { !pending.isForked && $0.isDurable } ?? true
    case .failure, nil: false
    }
  }

  /// Returns when the version is durable; throws why it never will be.
  public func wait() throws {
    try withoutScopes {
      try pending.requireSameProcess()
      try pending.awaitedOutcome().get().commit?.wait()
    }
  }

  /// Like `wait()`, for tasks: suspends instead of blocking a thread.
  public func durable() async throws {
    try withoutScopes { try pending.requireSameProcess() }
    try await withCheckedThrowingContinuation {
      (continuation: CheckedContinuation<Void, any Error>) in
      pending.whenMade { outcome in
        switch outcome {
        case .failure(let error): continuation.resume(throwing: error)
        case .success(let outcome):
          guard let commit = outcome.commit else { return continuation.resume() }
          commit.whenDone { error in
            if let error {
              continuation.resume(throwing: error)
            } else {
              continuation.resume()
            }
          }
        }
      }
    }
  }

  /// What it cost. Waits like `version`; writing and flushing are known when the point is durable.
  public var statistics: PointStatistics {
    guard case .success(let outcome) = withoutScopes({ pending.awaitedOutcome() }) else {
      return PointStatistics()
    }
    var statistics = outcome.statistics
    // Where nothing was written the commit is another point's.
    guard let commit = outcome.commit, statistics.writtenBytes > 0, !pending.isForked else {
      return statistics
    }
    statistics.flushes = commit.flushes
    let times = commit.writeTimes
    statistics.writing = times.writing
    statistics.flushing = times.flushing
    return statistics
  }
}
