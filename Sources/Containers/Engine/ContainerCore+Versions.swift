import SoftPMBase
import SoftPMStore

// What is done to versions that exist: labels, dropping, how many are kept.

extension ContainerCore {
  func setLabel(_ label: String?, on version: VersionID) throws(ContainerError) {
    try requireOpen()
    try store.requireWritable()
    if let label { try Self.check(label) }
    try requireOwn(version)
    try store.chunks.setLabel(label, on: version)
  }

  func deleteVersion(_ version: VersionID) throws(ContainerError) {
    try requireOpen()
    try store.requireWritable()
    try requireOwn(version)
    guard currentVersion != version else {
      throw ContainerError(
        code: .invalidArgument,
        message: "The live graph of \"\(name)\" descends from version \(version): make a point, or "
          + "switch to another version, before dropping it.")
    }
    try store.chunks.deleteVersion(version)
  }

  /// Throws `.noSuchVersion` for what is not a durable version of this container.
  private func requireOwn(_ version: VersionID) throws(ContainerError) {
    guard try store.chunks.versions(of: number).contains(where: { $0.id == version }) else {
      throw ContainerError.noSuchVersion(version, of: name)
    }
  }
}

extension StoreCore {
  /// Tells the store which versions to keep; it does not remember that between openings.
  func follow(
    _ retention: ContainerAttributes.Retention, of container: ContainerNumber
  ) throws(ContainerError) {
    guard !isReadOnly else { return }
    let stored: StoredRetention =
      switch retention {
      case .all: .all
      case .latest(let count): .latest(count)
      case .since(let age): .since(seconds: Double(age.wholeNanoseconds) / 1e9)
      }
    try chunks.setRetention(stored, of: container)
  }
}
