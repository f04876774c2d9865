/// A version of a container, as `versions` lists it.
public struct VersionInfo: Sendable, Hashable {
  public let id: VersionID
  /// The version that it was made from; nil for the first of a container that is no branch.
  public let parent: VersionID?
  /// The name of the container that it belongs to.
  public let container: String
  public let label: String?
  public let secondsSince1970: Double
  /// Bytes written to make it, records included.
  public let bytesWritten: Int
  public let objectCount: Int
}

/// A container of a store, as `containers` lists it.
public struct ContainerSummary: Sendable, Hashable {
  public let name: String
  public let versionCount: Int
  public let newest: VersionID?
  public let chunkSize: Int
}

/// One leaf that two versions store differently.
///
/// ```swift
/// for change in try book.diff(3, 5) { print(change) }
/// // root.people["Ann"].age: 41 → 42
/// ```
public struct ContainerChange: Sendable, Hashable {
  /// Where, as Swift would write it; of what is gone, where it was.
  public let path: String
  /// The leaf as it was, as a Swift literal; nil where there was none, or it was nil. A
  /// reference is the type and number of its object: `Person#41`.
  public let before: String?
  /// The leaf as it is; nil where there is none, or it is nil.
  public let after: String?

  public init(path: String, before: String?, after: String?) {
    self.path = path
    self.before = before
    self.after = after
  }
}

extension ContainerChange: CustomStringConvertible {
  public var description: String { "\(path): \(before ?? "nil") → \(after ?? "nil")" }
}

/// How far `verify` or `compact` has come.
public struct StoreProgress: Sendable, Hashable {
  public let bytesDone: Int
  public let bytesTotal: Int
}

/// What `verify` read and found.
public struct VerifyReport: Sendable {
  public let versions: Int
  public let bytesRead: Int
  /// One for each damaged place; empty when the store is whole.
  public let problems: [ContainerError]

  public var isIntact: Bool { problems.isEmpty }
}

/// What one persistence point cost.
public struct PointStatistics: Sendable, Hashable {
  /// How long the container's lock was held.
  public var stall: Duration = .zero
  /// The parts of the stall: asking the tracker what was written, finding the members that
  /// changed, came and went, copying their bytes aside.
  public var collecting: Duration = .zero
  public var discovering: Duration = .zero
  public var copying: Duration = .zero
  /// After the stall: making images and comparing them with the stored ones.
  public var imaging: Duration = .zero
  /// On the way to the disk: handing the bytes over, and the flush that makes them durable. Points
  /// made durable together share both. Zero until the point is durable.
  public var writing: Duration = .zero
  public var flushing: Duration = .zero
  /// Chunks that may have changed.
  public var dirtyChunks = 0
  /// Chunks whose image differed from the stored one.
  public var writtenChunks = 0
  /// Bytes handed to the device, records included; 0 when nothing had changed.
  public var writtenBytes = 0
  public var objectsScanned = 0
  /// Members that the version before did not have.
  public var objectsNew = 0
  /// Bytes of members that lie outside the container's arena.
  public var foreignBytes = 0
  /// Flushes of the device that this point caused; points made together share them.
  public var flushes = 0

  public init() {}
}

/// What a container holds and has done since it was opened.
public struct ContainerStatistics: Sendable {
  /// Members at the last point.
  public var objectCount = 0
  /// Points that made a version.
  public var pointsMade = 0
  /// Points that found nothing to write.
  public var pointsUnchanged = 0
  /// Points that looked at all objects, as the first one does; the others look at what was
  /// written.
  public var pointsLookingAtAll = 0
  /// Points whose version is not yet durable.
  public var pointsInFlight = 0
  public var bytesWritten = 0
  /// Whether the container lies at the addresses that the store records.
  public var isAtHome = true
  /// How writes are noticed, and why so.
  public var tracking = ""
  /// Memory that is kept from point to point for what a point copies aside under the lock.
  public var copyPoolBytes = 0
  /// The last error that a point made without being asked for ran into.
  public var lastError: ContainerError?

  public init() {}
}

/// What a full trace of a container found.
public struct GarbageReport: Sendable {
  /// The version that holds what it found.
  public var version: VersionID
  /// Objects that the point before had found.
  public var objectsBefore: Int
  public var objects: Int
}
