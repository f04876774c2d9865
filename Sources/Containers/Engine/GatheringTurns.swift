import Synchronization

/// Who gathers a container's cold memory after a pause: whoever asked last, so that a row of points
/// that follow closely makes no use of its turns, but for one now and then.
final class GatheringTurns: Sendable {
  private struct State {
    var requests = 0
    var isOn = false
  }
  private let state = Mutex(State())

  /// In a row without a pause every so many turns are taken all the same.
  static let patience = 32

  /// A turn, for `begin` after the pause.
  func request() -> Int {
    state.withLock { state in
      state.requests += 1
      return state.requests
    }
  }

  /// Whether to gather now; `end` must follow then. False where somebody is at it already.
  func begin(_ turn: Int) -> Bool {
    state.withLock { state in
      let isLast = turn == state.requests
      guard !state.isOn, isLast || turn.isMultiple(of: Self.patience) else { return false }
      state.isOn = true
      return true
    }
  }

  func end() { state.withLock { $0.isOn = false } }
}
