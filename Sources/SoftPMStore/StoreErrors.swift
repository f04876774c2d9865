import SoftPMBase

// The store's own errors, each with its remedy, in one place so that they read alike.
extension ContainerError {
  package static var closedStore: ContainerError {
    ContainerError(code: .closed, message: "The store has been closed. Open it again.")
  }

  static var readOnlyStore: ContainerError {
    ContainerError(
      code: .readOnly,
      message: "The store was opened read-only. Open it without `readOnly` to change it.")
  }

  package static func noSpace(_ capacity: Int) -> ContainerError {
    ContainerError(
      code: .noSpace,
      message: "The store's device is full: it has \(ByteCount(capacity)). Delete versions or "
        + "containers that are not needed, and try again.")
  }

  static var forkedStore: ContainerError {
    ContainerError(
      code: .forked,
      message: "The store was opened before this process was forked. Use it in the parent, or have "
        + "the child start another program that opens it, after the parent has closed it or read-only."
    )
  }

  static func noSuchVersion(_ version: VersionID) -> ContainerError {
    ContainerError(
      code: .noSuchVersion,
      message: "The store has no version \(version). It may have been dropped by retention; "
        + "list the container's versions to see what is kept.")
  }

  static func noSuchContainer(_ what: String) -> ContainerError {
    ContainerError(
      code: .noSuchContainer,
      message: "The store has no container \(what). List the containers to see which there are.")
  }
}
