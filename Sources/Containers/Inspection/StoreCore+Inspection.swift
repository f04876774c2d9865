import SoftPMBase
import SoftPMStore

extension StoreCore {
  /// The container that a durable version belongs to.
  func owner(of version: VersionID) throws(ContainerError) -> StoredContainer {
    for container in try chunks.containers
    where try chunks.versions(of: container.number).contains(where: { $0.id == version }) {
      return container
    }
    throw ContainerError(
      code: .noSuchVersion, message: "The store has no version \(version).", path: path)
  }

  func reader(of version: VersionID) throws(ContainerError) -> VersionReader {
    let owner = try owner(of: version)
    return try VersionReader(
      of: version, from: chunks, chunkSize: owner.chunkSize, migrations: migrations)
  }

  func diff(_ a: VersionID, _ b: VersionID) throws(ContainerError) -> [ContainerChange] {
    try requireOpen()
    var diff = try VersionDiff(from: reader(of: a), to: reader(of: b))
    return try diff.run()
  }
}
