import SoftPMBase
import SoftPMHeap
import Synchronization

/// The containers that the free functions know by their identifiers.
///
/// Those that the free functions opened have no handle in the program's hands, so they are kept here
/// until `pCFree`. Others belong to their store, and are known here as long as they are open.
enum AmbientContainers {
  private struct Entry: @unchecked Sendable {
    let core: ContainerCore
    /// Keeps `Container` and its store alive.
    let handle: any OpenContainer
  }

  private struct Known: @unchecked Sendable {
    weak var core: ContainerCore?
    let handle: (ContainerCore) -> (any OpenContainer)?
  }

  private static let entries = Mutex<[ContainerID: Entry]>([:])
  private static let known = Mutex<[ContainerID: Known]>([:])

  /// Makes an open container known by its identifier. The first handle of it brings it here.
  static func know<Root>(_ core: ContainerCore, in store: Store, as: Root.Type) {
    let entry = Known(core: core) { [weak store] core in
      store.map { Container<Root>.handle(of: core, in: $0) }
    }
    known.withLock { known in
      known = known.filter { $0.value.core.map { !$0.isClosed } ?? false }
      known[core.id] = entry
    }
  }

  /// Makes the container known, and ambient for the calling thread.
  static func remember<Root>(_ handle: Container<Root>, _ core: ContainerCore) {
    entries.withLock { $0[core.id] = Entry(core: core, handle: handle) }
    core.arena.makeAmbient()
  }

  static func forget(_ id: ContainerID) {
    entries.withLock { $0[id] = nil }
  }

  static func core(of id: ContainerID) throws(ContainerError) -> ContainerCore {
    try entry(of: id).core
  }

  private static func entry(of id: ContainerID) throws(ContainerError) -> Entry {
    if let entry = entries.withLock({ $0[id] }) { return entry }
    let known = known.withLock { $0[id] }
    guard let core = known?.core, !core.isClosed, let handle = known?.handle(core) else {
      throw ContainerError(
        code: .closed,
        message: "\(id) is not open: it was freed or deleted. Restore it by its name.")
    }
    return Entry(core: core, handle: handle)
  }

  /// A switch gives the container another arena: what was ambient before stays so after it.
  static func switching(_ id: ContainerID, _ body: () throws -> Void) throws {
    let entry = try entry(of: id)
    try body()
    entry.core.arena.makeAmbient()
  }

  static func clone(
    _ id: ContainerID, as name: String, at version: VersionID?
  ) throws -> ContainerID {
    try entry(of: id).handle.clone(as: name, at: version)
  }
}

/// A container whose root's type only the container itself knows.
protocol OpenContainer: AnyObject, Sendable {
  func clone(as name: String, at version: VersionID?) throws -> ContainerID
}

extension Container: OpenContainer {
  func clone(as name: String, at version: VersionID?) throws -> ContainerID {
    let branch = try branch(name, from: version)
    AmbientContainers.remember(branch, branch.core)
    return branch.id
  }
}
