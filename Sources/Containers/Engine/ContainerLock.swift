#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// The lock of one container: `read` is shared, `update` exclusive.
///
/// 1. A thread that holds it shared may take it shared again, also while a writer waits.
/// 2. A thread that holds it exclusively may take it shared: that nests.
/// 3. Other nestings would deadlock or break a point's isolation, so they trap with a message.
/// 4. They take turns: a waiting writer holds back new readers, and when a writer is done, the
///    readers that wait go before the next one. So neither can starve the other.
///
/// It knows its holders by thread, because bodies are synchronous and stay on theirs.
final class ContainerLock: @unchecked Sendable {
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let changed = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
  private var writer: ThreadID?
  /// Shared holds inside the writer's own exclusive one.
  private var writerReads = 0
  private var readers: [ThreadID: Int] = [:]
  private var writersWaiting = 0
  private var readersWaiting = 0
  /// Readers whose turn it is, and who have not got in yet.
  private var readersAdmitted = 0
  /// Counts the writers that are done.
  private var turn = 0

  init() {
    pthread_mutex_init(mutex, nil)
    pthread_cond_init(changed, nil)
  }

  deinit {
    pthread_cond_destroy(changed)
    pthread_mutex_destroy(mutex)
    changed.deallocate()
    mutex.deallocate()
  }

  /// True where this thread holds it exclusively.
  @discardableResult
  func lockShared() -> Bool {
    let me = ThreadID.current
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    if writer == me {
      writerReads += 1
      return true
    }
    if readers[me] == nil, writer != nil || writersWaiting > 0 { waitForTurn() }
    readers[me, default: 0] += 1
    return false
  }

  private func waitForTurn() {
    readersWaiting += 1
    let begun = turn
    while writer != nil || writersWaiting > 0 && turn == begun {
      pthread_cond_wait(changed, mutex)
    }
    readersWaiting -= 1
    if readersAdmitted > 0 { readersAdmitted -= 1 }
    if readersAdmitted == 0 { pthread_cond_broadcast(changed) }
  }

  /// Takes it shared if that needs no waiting.
  func tryLockShared() -> Bool {
    let me = ThreadID.current
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    if writer == me {
      writerReads += 1
      return true
    }
    guard readers[me] != nil || writer == nil && writersWaiting == 0 else { return false }
    readers[me, default: 0] += 1
    return true
  }

  func unlockShared() {
    let me = ThreadID.current
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    if writer == me {
      precondition(writerReads > 0, "unlockShared without lockShared")
      writerReads -= 1
      return
    }
    guard let depth = readers[me] else { preconditionFailure("unlockShared without lockShared") }
    readers[me] = depth == 1 ? nil : depth - 1
    if depth == 1 { pthread_cond_broadcast(changed) }
  }

  /// Traps, naming `operation`, where this thread already holds the lock.
  func lockExclusive(for operation: StaticString) {
    requireHeldByNobodyHere(for: operation)
    let me = ThreadID.current
    pthread_mutex_lock(mutex)
    writersWaiting += 1
    while writer != nil || !readers.isEmpty || readersAdmitted > 0 {
      pthread_cond_wait(changed, mutex)
    }
    writersWaiting -= 1
    writer = me
    pthread_mutex_unlock(mutex)
  }

  func unlockExclusive() {
    pthread_mutex_lock(mutex)
    precondition(writer == .current, "unlockExclusive by a thread that does not hold the lock")
    writer = nil
    writerReads = 0
    readersAdmitted = readersWaiting
    turn += 1
    pthread_cond_broadcast(changed)
    pthread_mutex_unlock(mutex)
  }

  /// Traps, naming `operation`, inside this thread's own `update`.
  func requireNotUpdating(for operation: StaticString) {
    pthread_mutex_lock(mutex)
    let updating = writer == .current
    pthread_mutex_unlock(mutex)
    if updating {
      misuse("`\(operation)` of a container inside its own `update`: finish the update first.")
    }
  }

  /// Traps, naming `operation`, where this thread holds the lock in any way.
  func requireHeldByNobodyHere(for operation: StaticString) {
    pthread_mutex_lock(mutex)
    let conflict = conflict(of: .current)
    pthread_mutex_unlock(mutex)
    if let conflict {
      misuse(
        "`\(operation)` of a container inside its own `\(conflict)`: finish the \(conflict) first.")
    }
  }

  private func conflict(of thread: ThreadID) -> String? {
    if writer == thread { return "update" }
    if readers[thread] != nil { return "read" }
    return nil
  }
}

/// A thread's identity while it lives.
struct ThreadID: Hashable {
  private let rawValue: UInt

  static var current: ThreadID {
    #if canImport(Glibc)
      ThreadID(rawValue: UInt(pthread_self()))
    #else
      ThreadID(rawValue: UInt(bitPattern: pthread_self()))
    #endif
  }
}
