import SoftPMBase
import SoftPMHeap
import SoftPMStore

extension ContainerCore {
  /// A new container of the same store whose first version descends from `version`, or from the
  /// newest; durable when this returns.
  ///
  /// Costs one durable point whatever the size: the versions share their chunks.
  func branch(_ branchName: String, from version: VersionID?) throws(ContainerError) {
    try requireOpen()
    try store.requireWritable()
    try StoreCore.check(name: branchName)
    let versions = try store.chunks.versions(of: number)
    let base: StoredVersion?
    if let version {
      base = versions.first { $0.id == version }
    } else {
      guard let newest = try newestDurable(versions) else {
        throw ContainerError(
          code: .noSuchVersion,
          message: "The container \"\(name)\" has no version yet; make a point before a branch.")
      }
      base = newest
    }
    guard let base else { throw ContainerError.noSuchVersion(version ?? 0, of: name) }
    let stored = try store.createNew(branchName, chunkSize: chunkSize)
    do {
      let commit = try store.chunks.commit(
        CommitRequest(
          container: stored.number, parent: base.id, chunks: [],
          images: ChunkImages(), digests: [], removed: [],
          metadata: try store.chunks.metadata(of: base.id), label: nil,
          objectCount: base.objectCount))
      try commit.wait()
    } catch {
      try? store.chunks.deleteContainer(stored.number)
      throw error
    }
  }

  /// The version that a branch without a given base starts from: what the live graph was last
  /// persisted as, once that is durable.
  private func newestDurable(
    _ versions: [StoredVersion]
  ) throws(ContainerError) -> StoredVersion? {
    guard let current = currentVersion else { return nil }
    if let known = versions.first(where: { $0.id == current }) { return known }
    if let failure = drain() { throw failure }
    return try store.chunks.versions(of: number).first { $0.id == current }
  }
}

extension StoreCore {
  /// Throws `.exists` where an open or stored container has the name.
  func requireFree(_ name: String) throws(ContainerError) {
    guard openContainer(name) == nil, try chunks.container(named: name)?.newest == nil else {
      throw ContainerError(
        code: .exists,
        message: "The store already has a container named \"\(name)\"; open that one, or use "
          + "another name.", path: path)
    }
  }

  /// Takes a name that no container of the store may have.
  func createNew(
    _ name: String, chunkSize: ByteCount
  ) throws(ContainerError) -> StoredContainer {
    try requireFree(name)
    return try chunks.createContainer(named: name, chunkSize: chunkSize)
  }
}
