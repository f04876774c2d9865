import SoftPMBase

extension ContainerCore {
  /// Compares two durable versions as they are stored; what is live plays no part.
  func diff(_ a: VersionID, _ b: VersionID) throws(ContainerError) -> [ContainerChange] {
    try requireOpen()
    do throws(ContainerError) {
      return try store.diff(a, b)
    } catch {
      // A point in flight is durable soon, or has failed; whoever made it is told of that.
      let commits = state.withLock { $0.inFlight }
      guard error.code == .noSuchVersion, !commits.isEmpty else { throw error }
      for commit in commits { try? commit.wait() }
      return try store.diff(a, b)
    }
  }
}
