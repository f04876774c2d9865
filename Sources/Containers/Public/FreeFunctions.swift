import SoftPMHeap
import SoftPMStore
import Synchronization

// The vocabulary of SoftPM. Each of these functions makes its container *ambient* for the
// calling thread: what Swift allocates on that thread lands in the container, until `pCFree`,
// `pCDelete`, or the next `pCAlloc` or `pCRestore` on it. Keeping other threads from changing
// the graph during a point is the caller's duty, as it was in SoftPM; `Container.update` does
// that by itself.

/// Creates a container whose root is `root`; its first version is made by the first `pPoint`.
///
/// ```swift
/// var list = List()
/// let id = try pCRestore("list", &list) ?? pCAlloc("list", list)
/// ```
///
/// Throws `.exists` where the store has a container of that name. `store: nil` means
/// `Store.default`.
@discardableResult
public func pCAlloc<Root: AnyObject>(
  _ name: String, _ root: Root, in store: Store? = nil, attributes: ContainerAttributes = .init()
) throws -> ContainerID {
  try withoutScopes {
    let store = try store ?? Store.default
    let core = try store.core.make(name, root: root, attributes: attributes)
    let container = Container<Root>.handle(of: core, in: store)
    AmbientContainers.remember(container, core)
    return core.id
  }
}

/// Restores a container: `root` is replaced by the restored root.
///
/// Nil when the store has no container of that name; then `root` is left as it is. A container
/// that is open already is handed out as it lives, or switched to `version` where one is given.
/// Throws `.noSuchVersion` for a version that the container does not have.
public func pCRestore<Root: AnyObject>(
  _ name: String, _ root: inout Root, version: VersionID? = nil, in store: Store? = nil
) throws -> ContainerID? {
  let restored: (ContainerID, Root)? = try withoutScopes {
    let store = try store ?? Store.default
    guard let core = try store.core.find(name, as: Root.self, version: version)
    else { return nil }
    let container = Container<Root>.handle(of: core, in: store)
    AmbientContainers.remember(container, core)
    return (core.id, container.root)
  }
  guard let restored else { return nil }
  root = restored.1
  return restored.0
}

/// Makes a persistence point; returns once the state at the call is fixed.
@discardableResult
public func pPoint(_ container: ContainerID) throws -> PersistencePoint {
  try withoutScopes {
    try AmbientContainers.core(of: container).persist(label: nil)
  }
}

/// Makes a persistence point; it is durable when this returns.
@discardableResult
public func pPointSync(_ container: ContainerID) throws -> VersionID {
  let point = try pPoint(container)
  try point.wait()
  return point.version
}

/// Forgets the container in this process. What is durable stays in the store.
public func pCFree(_ container: ContainerID) throws {
  let core = try withoutScopes { try AmbientContainers.core(of: container) }
  if core.arena.isCurrent { Arena.clearAmbient() }
  try withoutScopes {
    AmbientContainers.forget(container)
    try core.close()
  }
}

/// Removes the container, and every version of it, from the store.
public func pCDelete(_ container: ContainerID) throws {
  let core = try withoutScopes { try AmbientContainers.core(of: container) }
  if core.arena.isCurrent { Arena.clearAmbient() }
  try withoutScopes {
    try core.store.delete(core.name)
    AmbientContainers.forget(container)
  }
}

/// Makes a past version the live one: `root` becomes that version's, and points made from now on
/// descend from it.
public func pCSwitch<Root: AnyObject>(
  _ container: ContainerID, to version: VersionID, _ root: inout Root
) throws {
  let switched: Root = try withoutScopes {
    let core = try AmbientContainers.core(of: container)
    try core.requireRoot(Root.self)
    try AmbientContainers.switching(container) { try core.switchTo(version, as: Root.self) }
    return unsafeDowncast(core.rootBox, to: RootBox<Root>.self).value
  }
  root = switched
}

/// Makes a container of another name whose first version descends from `version`, or from the
/// version persisted last. Durable when it returns.
///
/// The new container is open, with the same type of root, and ambient for the calling thread.
public func pCClone(
  _ container: ContainerID, as name: String, at version: VersionID? = nil
) throws -> ContainerID {
  try withoutScopes {
    try AmbientContainers.clone(container, as: name, at: version)
  }
}

/// Leaves a stored property out of the container: from the next point on it is stored as nil, zero
/// or empty. Remembered in the store.
public func pExclude<T, F>(_ container: ContainerID, _ field: KeyPath<T, F>) throws {
  try withoutScopes { try AmbientContainers.core(of: container).exclude(field) }
}

/// Sets one attribute; stored by the next point.
public func pCSetAttr(_ container: ContainerID, _ attribute: ContainerAttribute) throws {
  try withoutScopes {
    let core = try AmbientContainers.core(of: container)
    try core.requireOpen()
    var attributes = core.state.withLock { $0.attributes }
    switch attribute {
    case .autoPersist(let value): attributes.autoPersist = value
    case .retention(let value): attributes.retention = value
    case .tracking(let value): attributes.tracking = value
    case .chunkSize(let value): attributes.chunkSize = value
    case .addressSpace(let value): attributes.addressSpace = value
    }
    try core.setAttributes(attributes)
  }
}

/// The attributes of a container.
public func pCGetAttr(_ container: ContainerID) throws -> ContainerAttributes {
  try withoutScopes {
    let core = try AmbientContainers.core(of: container)
    try core.requireOpen()
    return core.state.withLock { $0.attributes }
  }
}

/// Runs `body` with allocations being ordinary, volatile ones, whatever scope is open.
///
/// For scratch work inside `update`, or caches that would stay in the container's memory.
public func withoutScope<R>(_ body: () throws -> R) rethrows -> R {
  try withoutScopes(body)
}
