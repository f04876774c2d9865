import SoftPMBase
import SoftPMHeap
import Synchronization

/// The containers that the free functions know by their identifiers.
///
/// They have no handle in the program's hands, so they are kept here until `pCFree`.
enum AmbientContainers {
  private struct Entry: @unchecked Sendable {
    let core: ContainerCore
    /// Keeps `Container` and its store alive.
    let handle: any OpenContainer
  }

  private static let entries = Mutex<[ContainerID: Entry]>([:])

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
    guard let entry = entries.withLock({ $0[id] }) else {
      throw ContainerError(
        code: .closed,
        message: "\(id) is not open: it was freed or deleted. Restore it by its name.")
    }
    return entry
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
