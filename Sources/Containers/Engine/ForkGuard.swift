import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Knows whether this process is a fork of the one that opened the stores.
///
/// A forked child shares the parent's open files and not its threads, so whatever it did to a
/// store would break the parent's. Counting forks costs one atomic load per call; asking for the
/// process number would cost a system call.
enum ForkGuard {
  private static let generation = Atomic<Int>(0)
  private static let installed: Void = {
    pthread_atfork(nil, nil, { ForkGuard.generation.wrappingAdd(1, ordering: .relaxed) })
  }()

  /// Call when a store is opened; compare later with `requireSameProcess`.
  static func currentGeneration() -> Int {
    _ = installed
    return generation.load(ordering: .relaxed)
  }

  static func isForked(since opened: Int) -> Bool {
    generation.load(ordering: .relaxed) != opened
  }

  static func requireSameProcess(as opened: Int) throws(ContainerError) {
    guard isForked(since: opened) else { return }
    throw ContainerError(
      code: .forked,
      message: "This process was forked after the store was opened; only the parent may use it. "
        + "Open stores after forking, or start another program with posix_spawn.")
  }

  /// For what cannot throw. Comes before any lock is touched: whoever held it may have stayed in
  /// the parent, and then it is never free again.
  static func requireSameProcess(as opened: Int, for operation: StaticString) {
    guard isForked(since: opened) else { return }
    misuse("`\(operation)` in a process forked after its store was opened (.forked).")
  }
}
