import SoftPMHeap
import SoftPMStore
import Synchronization

/// The objects of a past version, alive beside the present ones.
///
/// ```swift
/// let yesterday = try notebook.snapshot(12)
/// let before = yesterday.read { $0.people["Ann"]?.age }
/// yesterday.close()
/// ```
///
/// A snapshot is for reading: nothing that is changed in it reaches the store. Its objects are
/// copies with their own identity; linked into a live graph they persist there like any others.
public final class Snapshot<Root>: Sendable {
  private let core: SnapshotCore

  init(_ core: SnapshotCore) {
    self.core = core
  }

  deinit {
    // A forked child leaves the version to its parent.
    guard !core.isForked else { return }
    withoutScopes { core.close() }
  }

  /// Runs `body` with the version's root.
  public func read<R>(_ body: (Root) throws -> R) rethrows -> R {
    try body(root)
  }

  /// The version's root. Objects that the program keeps stay valid after `close()`.
  public var root: Root {
    core.requireSameProcess(for: "root")
    guard let box = core.box else { misuse("`root` of a closed snapshot.") }
    return unsafeDowncast(box, to: RootBox<Root>.self).value
  }

  /// Gives the version's memory back, but for the objects that the program still holds.
  public func close() {
    core.requireSameProcess(for: "close")
    withoutScopes { core.close() }
  }
}

/// What a snapshot holds, without its type.
final class SnapshotCore: Sendable {
  private struct Held: @unchecked Sendable {
    let arena: Arena
    let box: AnyObject
    let line: ContainerCore.Line
    let store: StoreCore
  }

  private let held: Mutex<Held?>
  private let forkGeneration: Int

  /// The version is pinned already; closing unpins it.
  init(_ restored: Restored, of store: StoreCore) {
    forkGeneration = store.forkGeneration
    held = Mutex(
      Held(arena: restored.arena, box: restored.rootBox, line: restored.line, store: store))
  }

  var isForked: Bool { ForkGuard.isForked(since: forkGeneration) }

  func requireSameProcess(for operation: StaticString) {
    ForkGuard.requireSameProcess(as: forkGeneration, for: operation)
  }

  var box: AnyObject? { held.withLock { $0?.box } }

  func close() {
    let last = held.withLock { slot in
      defer { slot = nil }
      return slot
    }
    guard let last else { return }
    if let version = last.line.version { last.store.chunks.unpin(version) }
    LettingGo(catalog: last.line.catalog, arena: last.arena).run(from: last.box)
  }
}
