import SoftPMBase

/// A point on its way to being durable.
package final class Commit: @unchecked Sendable {
  /// Its number; never given to another version, even when this one fails.
  package let version: VersionID
  /// What it writes: images, metadata, barrier.
  package let writtenBytes: Int
  private let store: ChunkStore
  // Guarded by the store's monitor.
  private var outcome: Result<Int, ContainerError>?
  private var times = WriteTimes()
  private var bodies: [@Sendable (ContainerError?) -> Void] = []

  init(version: VersionID, writtenBytes: Int, store: ChunkStore) {
    self.version = version
    self.writtenBytes = writtenBytes
    self.store = store
  }

  package var isDurable: Bool {
    store.monitor.locked { if case .success = outcome { true } else { false } }
  }

  /// Why it will never be durable; nil while it may still be, and when it is.
  package var failure: ContainerError? {
    store.monitor.locked { if case .failure(let error) = outcome { error } else { nil } }
  }

  /// Flushes that were made for it, shared or not: 1, once it is durable; more after a failure
  /// of an earlier point had to be put right.
  package var flushes: Int {
    store.monitor.locked { (try? outcome?.get()) ?? 0 }
  }

  /// How long its bytes and the flush took, with those of the points made durable together with
  /// it; zero until then.
  package var writeTimes: WriteTimes {
    store.monitor.locked { times }
  }

  /// Returns when the version is durable, doing the work on this thread if nobody else does.
  package func wait() throws(ContainerError) {
    try store.drive { self.outcome }
  }

  /// Calls `body` once the version is durable or has failed; at once when it already has.
  /// Bodies run in the order of versions, on a thread of the store, without any lock held.
  package func whenDone(_ body: @Sendable @escaping (ContainerError?) -> Void) {
    let known = store.monitor.locked { () -> Result<Int, ContainerError>? in
      if outcome == nil { bodies.append(body) }
      return outcome
    }
    switch known {
    case nil: break
    case .success: body(nil)
    case .failure(let error): body(error)
    }
  }

  /// Monitor held. Returns what is to be called without it.
  func finish(
    _ result: Result<Int, ContainerError>, _ times: WriteTimes
  ) -> [@Sendable () -> Void] {
    outcome = result
    self.times = times
    defer { bodies = [] }
    let error: ContainerError? = if case .failure(let error) = result { error } else { nil }
    return bodies.map { body in { body(error) } }
  }
}
