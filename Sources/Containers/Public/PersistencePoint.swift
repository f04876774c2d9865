import SoftPMHeap
import SoftPMStore

/// A persistence point that was made: its version, and when that is durable.
public struct PersistencePoint: Sendable {
  private let outcome: PointOutcome

  init(_ outcome: PointOutcome) {
    self.outcome = outcome
  }

  /// The version made; the version before, where nothing had changed. Never waits for the disk.
  public var version: VersionID { outcome.version }

  /// Whether the version survives a crash from now on.
  public var isDurable: Bool { outcome.commit?.isDurable ?? true }

  /// Returns when the version is durable; throws why it never will be.
  public func wait() throws {
    guard let commit = outcome.commit else { return }
    try withoutScopes { try commit.wait() }
  }

  /// Like `wait()`, for tasks: suspends instead of blocking a thread.
  public func durable() async throws {
    guard let commit = outcome.commit else { return }
    try await withCheckedThrowingContinuation {
      (continuation: CheckedContinuation<Void, any Error>) in
      commit.whenDone { error in
        if let error {
          continuation.resume(throwing: error)
        } else {
          continuation.resume()
        }
      }
    }
  }

  /// What it cost. Flushes are counted as they happen.
  public var statistics: PointStatistics {
    var statistics = outcome.statistics
    statistics.flushes = outcome.commit?.flushes ?? 0
    return statistics
  }
}
