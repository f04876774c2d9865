import Dispatch
import SoftPMHeap
import Synchronization

/// Makes the points of containers whose `autoPersist` is `.every(interval)`.
final class AutoPersistClock: Sendable {
  private let timer: Mutex<(any DispatchSourceTimer)?> = Mutex(nil)
  /// A serial queue has a thread when it needs one. A concurrent one shares those of the program's
  /// tasks, and would wait while these are at work.
  private let queue = DispatchQueue(label: "softpm.auto-persist")

  /// Starts, restarts or stops, as the attribute says.
  func follow(_ setting: ContainerAttributes.AutoPersist, of core: ContainerCore) {
    timer.withLock { timer in
      timer?.cancel()
      timer = nil
      guard case .every(let interval) = setting else { return }
      let nanoseconds = Int(clamping: interval.wholeNanoseconds)
      let next = DispatchSource.makeTimerSource(queue: queue)
      next.schedule(
        deadline: .now() + .nanoseconds(nanoseconds), repeating: .nanoseconds(nanoseconds))
      next.setEventHandler { [weak core] in
        withoutScopes { core?.persistUnasked() }
      }
      next.activate()
      timer = next
    }
  }

  func stop() {
    timer.withLock { timer in
      timer?.cancel()
      timer = nil
    }
  }
}
