/// Names one open container of this process, for the free functions of SoftPM's vocabulary.
///
/// The same container keeps its identifier while it stays open. An identifier is not stored and
/// means nothing to another process: across processes a container is known by its name.
public struct ContainerID: Hashable, Sendable {
  /// Which opening of a store in this process, counted from 1.
  package let store: UInt64
  /// The container's number within that store; numbers are never used again.
  package let number: ContainerNumber

  package init(store: UInt64, number: ContainerNumber) {
    self.store = store
    self.number = number
  }
}

extension ContainerID: CustomStringConvertible {
  public var description: String { "container \(number.rawValue) of store \(store)" }
}

/// A container's number within its store, as the store's records have it.
package struct ContainerNumber: Hashable, Comparable, Sendable {
  package let rawValue: UInt64

  package init(_ rawValue: UInt64) {
    self.rawValue = rawValue
  }

  package static func < (left: ContainerNumber, right: ContainerNumber) -> Bool {
    left.rawValue < right.rawValue
  }
}
