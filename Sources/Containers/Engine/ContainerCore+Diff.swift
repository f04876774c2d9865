import SoftPMBase

extension ContainerCore {
  /// Compares two durable versions as they are stored; what is live plays no part.
  func diff(_ a: VersionID, _ b: VersionID) throws(ContainerError) -> [ContainerChange] {
    try requireOpen()
    return try store.diff(a, b)
  }
}
