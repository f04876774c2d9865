import SoftPMBase
import SoftPMHeap
import SoftPMStore
import SoftPMTypes

/// A version brought back, and its root's type compared.
///
/// Where types have changed since it was written, it is migrated, in memory; the version itself is
/// not touched.
struct Restored {
  let arena: Arena
  let rootBox: AnyObject
  let line: ContainerCore.Line
  let attributes: ContainerAttributes
  let wasRehashed: Bool
  /// What became of the stored types; nil where they are the program's.
  let migration: MigrationReport?

  init<Root>(
    _ version: VersionID, as root: Root.Type, from store: StoreCore, chunkSize: ByteCount,
    name: String
  ) throws(ContainerError) {
    let log = MigrationLog(version)
    self = try Restored(
      version, as: root, from: store, chunkSize: chunkSize, name: name, noting: log)
  }

  /// `log` is told what would change also where it cannot be done.
  init<Root>(
    _ version: VersionID, as root: Root.Type, from store: StoreCore, chunkSize: ByteCount,
    name: String, noting log: MigrationLog
  ) throws(ContainerError) {
    ShapeIndex.noteRoot(Root.self)
    var restoration = try Restoration(of: version, from: store.chunks, chunkSize: chunkSize)
    if store.migrations.renames(anyOf: restoration.types) {
      restoration.abandon()
      self = try Restored(migrating: restoration, as: root, from: store, name: name, noting: log)
      return
    }
    do throws(ContainerError) {
      self = try Restored(&restoration, as: root, from: store, name: name)
    } catch {
      guard error.code == .typeChanged || error.code == .typeMissing, !restoration.wasRun else {
        throw error
      }
      self = try Restored(migrating: restoration, as: root, from: store, name: name, noting: log)
    }
  }

  /// Types are as they were.
  private init<Root>(
    _ restoration: inout Restoration, as root: Root.Type, from store: StoreCore, name: String
  ) throws(ContainerError) {
    var line = ContainerCore.Line(exclusions: restoration.metadata.exclusions)
    let box = try restoration.run(in: line.catalog, trusting: store.trust)
    guard box is RootBox<Root> else {
      let found = restoration.rootName(of: box)
      LettingGo(catalog: line.catalog, arena: restoration.arena).run(from: box)
      throw ContainerCore.rootDiffers(name, stored: found, asked: Root.self)
    }
    line.version = restoration.version
    line.stored = restoration.digests
    line.metadata = try store.chunks.metadata(of: restoration.version)
    line.types = restoration.types
    line.storedTypes = (restoration.types.count, restoration.metadata.typeTableBytes)
    line.memberCount = restoration.memberCount
    self.line = line
    arena = restoration.arena
    rootBox = box
    attributes = restoration.metadata.attributes
    wasRehashed = restoration.wasRehashed
    migration = nil
  }

  /// The line goes on from the version as it is stored: the next point writes all of the graph, in
  /// its new form and with a type table of its own.
  private init<Root>(
    migrating restoration: Restoration, as root: Root.Type, from store: StoreCore, name: String,
    noting log: MigrationLog
  ) throws(ContainerError) {
    let exclusions = store.migrations.current(restoration.metadata.exclusions)
    var line = ContainerCore.Line(exclusions: exclusions)
    let migration = try Migration(of: restoration, in: store, catalog: line.catalog)
    defer { log.changes = migration.changes }
    if let found = try migration.otherRoot(than: RootBox<Root>.self) {
      migration.abandon()
      throw ContainerCore.rootDiffers(name, stored: found, asked: Root.self)
    }
    let box = try migration.run(as: RootBox<Root>.self)
    line.version = restoration.version
    line.stored = restoration.digests
    line.metadata = try store.chunks.metadata(of: restoration.version)
    line.memberCount = migration.memberCount
    self.line = line
    arena = migration.arena
    rootBox = box
    attributes = restoration.metadata.attributes
    wasRehashed = false
    log.changes = migration.changes
    log.objectCount = migration.memberCount
    self.migration = log.report
  }
}
