/// The number of one version of one container.
///
/// Numbers are unique and rising within a store and never used again, so a larger number was
/// made later. A version number says nothing without the store that it came from.
public struct VersionID: Hashable, Comparable, Sendable {
  public let rawValue: UInt64

  public init(_ rawValue: UInt64) {
    self.rawValue = rawValue
  }

  public static func < (left: VersionID, right: VersionID) -> Bool {
    left.rawValue < right.rawValue
  }
}

extension VersionID: CustomStringConvertible {
  /// The bare number, as the command line takes it after `@`.
  public var description: String { String(rawValue) }
}

extension VersionID: ExpressibleByIntegerLiteral {
  public init(integerLiteral value: UInt64) {
    self.init(value)
  }
}
