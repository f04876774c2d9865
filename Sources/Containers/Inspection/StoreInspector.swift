import SoftPMBase
import SoftPMHeap
import SoftPMStore
import SoftPMTracking
import SoftPMTypes

/// Looks into a store without the program that wrote it.
///
/// ```swift
/// let store = try StoreInspector("notes.softpm")
/// let newest = try store.version(of: "notebook")
/// print(try newest.text(at: "root.people[\"Ann\"]"))
/// for change in try store.diff(3, 5) { print(change) }
/// ```
///
/// A store describes its own types, so nothing of the program is needed; and no object is brought
/// to life, so nothing of it runs. The store is opened read-only, which works while another
/// process writes it; what is shown is what was durable when the inspector was made. A version
/// that the writer drops meanwhile may be found `.corrupt`; look again.
///
/// One thread at a time uses an inspector and what it hands out.
public final class StoreInspector {
  /// The store, for what it can say itself: containers, versions, `verify`.
  public let store: Store

  /// Opens the store at `path` for looking only.
  public convenience init(_ path: String) throws {
    var options = StoreOptions()
    options.readOnly = true
    options.createIfMissing = false
    self.init(try Store.open(path, options))
  }

  /// Looks into a store that is open already.
  public init(_ store: Store) {
    self.store = store
  }

  /// The containers, by name.
  public var containers: [ContainerSummary] {
    get throws { try store.containers }
  }

  /// The durable versions of a container, oldest first.
  public func versions(of container: String) throws -> [VersionInfo] {
    try store.versions(of: container)
  }

  /// A version of a container, the newest unless told otherwise.
  public func version(
    of container: String, _ version: VersionID? = nil
  ) throws -> InspectedVersion {
    let versions = try store.versions(of: container)
    let found = version.map { id in versions.first { $0.id == id } } ?? versions.last
    guard let found else {
      throw ContainerError(
        code: .noSuchVersion,
        message: "The container \"\(container)\" has no version "
          + "\(version.map(\.description) ?? "yet"). It has \(Self.range(of: versions)).")
    }
    return try withoutScopes {
      InspectedVersion(found, try store.core.reader(of: found.id), in: store)
    }
  }

  private static func range(of versions: [VersionInfo]) -> String {
    guard let first = versions.first, let last = versions.last else { return "none" }
    return versions.count == 1 ? "\(first.id)" : "\(versions.count), from \(first.id) to \(last.id)"
  }

  /// What differs between two versions, leaf by leaf; see `Container.diff`.
  public func diff(_ a: VersionID, _ b: VersionID) throws -> [ContainerChange] {
    try withoutScopes { try store.core.diff(a, b) }
  }

  /// How types differ between two versions, of this store or another: one line each.
  public static func typeDifferences(
    _ old: InspectedVersion, _ new: InspectedVersion
  ) -> [String] {
    withoutScopes { old.reader.types.differences(to: new.reader.types) }
  }

  /// A driver or a tracker, and whether it works here.
  public struct Mechanism: Sendable {
    public var name: String
    public var isAvailable: Bool
    /// Taken by a program that leaves the choice to the library.
    public var isChosen: Bool
    public var note: String
  }

  /// What could carry a writer's bytes to a store at `path` on this machine.
  public static func drivers(for path: String) -> [Mechanism] {
    withoutScopes {
      DriverReport.all(for: path).map {
        Mechanism(
          name: $0.driver.rawValue, isAvailable: $0.isAvailable, isChosen: $0.isChosen,
          note: $0.note)
      }
    }
  }

  /// The ways to see writes on this machine.
  public static var trackers: [Mechanism] {
    withoutScopes {
      let refusal = TrackerChoice.kernelRefusal
      return [
        Mechanism(
          name: "kernel", isAvailable: refusal == nil, isChosen: refusal == nil,
          note: refusal ?? "userfaultfd and PAGEMAP_SCAN"),
        Mechanism(
          name: "signal", isAvailable: true, isChosen: refusal != nil,
          note: "page protection and SIGSEGV"),
      ]
    }
  }

  /// What the way to see writes is on this machine, and why.
  public static var trackingExplanation: String {
    withoutScopes { TrackerChoice.explanation }
  }

  /// What carries a writer's bytes on this machine, and why.
  public static var driverExplanation: String {
    withoutScopes {
      guard let device = try? BareDevice.over("/dev/null", StoreFileOptions()) else {
        return "unknown"
      }
      defer { device.close() }
      return device.reason.isEmpty ? device.driver : "\(device.driver): \(device.reason)"
    }
  }

  /// A new container whose first version descends from another's; needs a store open for writing.
  /// Durable when it returns. The container need not be open, so its types need not be there.
  public func branch(
    _ name: String, from container: String, _ version: VersionID? = nil
  ) throws {
    try withoutScopes { try store.core.branch(name, of: container, at: version) }
  }

  /// Gives a version a label, or takes it away; needs a store open for writing.
  public func setLabel(_ label: String?, on version: VersionID) throws {
    try withoutScopes { try store.core.setLabel(label, on: version) }
  }
}

extension StoreCore {
  func branch(
    _ name: String, of container: String, at version: VersionID?
  ) throws(ContainerError) {
    try requireOpen()
    try requireWritable()
    try Self.check(name: name)
    guard let stored = try chunks.container(named: container), stored.newest != nil else {
      throw noSuchContainer(container)
    }
    let versions = try chunks.versions(of: stored.number)
    guard let base = version.map({ id in versions.first { $0.id == id } }) ?? versions.last else {
      throw ContainerError.noSuchVersion(version ?? 0, of: container)
    }
    let branch = try createNew(name, chunkSize: stored.chunkSize)
    do {
      let commit = try chunks.commit(
        CommitRequest(
          container: branch.number, parent: base.id, chunks: [],
          images: ChunkImages(), digests: [],
          metadata: try chunks.metadata(of: base.id), objectCount: base.objectCount))
      try commit.wait()
    } catch {
      try? chunks.deleteContainer(branch.number)
      throw error
    }
  }

  func setLabel(_ label: String?, on version: VersionID) throws(ContainerError) {
    try requireOpen()
    try requireWritable()
    if let label { try ContainerCore.check(label) }
    _ = try owner(of: version)
    try chunks.setLabel(label, on: version)
  }
}
