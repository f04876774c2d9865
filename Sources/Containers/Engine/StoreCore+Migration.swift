import SoftPMBase
import SoftPMHeap
import SoftPMStore

extension StoreCore {
  /// Migrates a version in memory and lets go of it again.
  func migrationReport<Root>(
    of name: String, as root: Root.Type, version: VersionID?
  ) throws(ContainerError) -> MigrationReport {
    try requireOpen()
    guard let stored = try chunks.container(named: name), let newest = stored.newest else {
      throw noSuchContainer(name)
    }
    let version = version ?? newest
    guard try chunks.versions(of: stored.number).contains(where: { $0.id == version }) else {
      throw ContainerError.noSuchVersion(version, of: name)
    }
    try HeapSupport.require()
    try chunks.pin(version)
    defer { chunks.unpin(version) }
    let log = MigrationLog(version)
    do throws(ContainerError) {
      let restored = try Restored(
        version, as: Root.self, from: self, chunkSize: stored.chunkSize, name: name, noting: log)
      LettingGo(catalog: restored.line.catalog, arena: restored.arena).run(from: restored.rootBox)
    } catch {
      guard error.code == .typeChanged || error.code == .typeMissing else { throw error }
      log.failure = error
    }
    return log.report
  }
}
