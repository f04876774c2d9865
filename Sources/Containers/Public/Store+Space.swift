import SoftPMBase
import SoftPMHeap
import SoftPMStore

/// What `compact` did to a store's file.
public struct CompactReport: Sendable, Hashable {
  /// The file's length before and after.
  public let bytesBefore: Int
  public let bytesAfter: Int
  /// What the file took of its file system before and after: less than its length where it has
  /// holes.
  public let allocatedBefore: Int
  public let allocatedAfter: Int
  /// Bytes copied towards the file's start.
  public let movedBytes: Int
  /// Free, but not given back, since readers in other processes still look at it: compact again
  /// when they have closed the store.
  public let waitingBytes: Int
}

/// Where the bytes of a store are, and what keeps them.
public struct SpaceReport: Sendable {
  /// The file's length.
  public let byteCount: Int
  /// What the file takes of its file system.
  public let allocatedBytes: Int
  /// Needed by versions that are kept, and by the store's own records.
  public let usedBytes: Int
  /// Ready to be used again, without the file growing.
  public let freeBytes: Int
  /// Free as soon as readers in other processes have closed the store.
  public let waitingBytes: Int
  /// Whether another process has the store open for reading.
  public let hasReaders: Bool
  /// Every version, oldest first, with what it alone takes.
  public let versions: [VersionSpace]
}

/// What one version takes that no other has, and why it is kept.
public struct VersionSpace: Sendable, Hashable {
  /// Why a version is kept.
  public enum Reason: String, Sendable, Hashable, CaseIterable {
    /// It is the container's newest.
    case newest
    /// It has a label.
    case label
    /// A named branch begins with it.
    case branch
    /// A snapshot of it is open in this process.
    case snapshot
    /// A snapshot of it is open in another process.
    case reader
    /// The container's retention keeps it.
    case retention
    /// It was dropped; others share its content, and its own space returns with theirs.
    case shared
    /// It was dropped; its space returns with the next checkpoint.
    case dropped
  }

  public let id: VersionID
  /// The container's name; nil where the container was deleted.
  public let container: String?
  /// What would become free if this version alone were dropped. What versions share is counted
  /// for none of them.
  public let ownBytes: Int
  public let reasons: [Reason]
}

extension Store {
  /// The driver that carries bytes to the medium: `uring`, `pmem`, `posix` or `memory`.
  public var driver: String { core.deviceStatistics(for: "driver").driver }

  /// What the store lies on: `file`, `block device`, `persistent memory` or `memory`.
  public var medium: String { core.deviceStatistics(for: "medium").medium }

  /// Why it is that driver, and for `pmem` what makes a point durable: a fence, where the file is
  /// on persistent memory, else `msync`. Empty where there is nothing to say.
  public var driverReason: String { core.deviceStatistics(for: "driverReason").reason }

  /// Makes the store's file as small as what is kept allows.
  ///
  /// ```swift
  /// container.attributes.retention = .latest(1)
  /// try container.persistAndWait()                 // drops the versions before
  /// let report = try store.compact()
  /// print("\(report.bytesBefore) bytes became \(report.bytesAfter)")
  /// ```
  ///
  /// The store uses the space of dropped versions again by itself; compacting is for giving it
  /// back. What lies at the file's end is copied to free places before it, each copy is checked,
  /// and one checkpoint makes it all count: a crash in between leaves the store as it was. Costs
  /// about as much as reading and writing what moves. Points wait until it is done.
  ///
  /// The next point of each container that is open here finds its objects by a full trace, as
  /// `Container.collectGarbage()` does at once.
  public func compact(_ progress: ((StoreProgress) -> Void)? = nil) throws -> CompactReport {
    try withoutScopes {
      try core.requireOpen()
      for container in core.openContainers { container.traceAtNextPoint() }
      let done = try core.chunks.compact { done, total in
        progress?(StoreProgress(bytesDone: done, bytesTotal: total))
      }
      return CompactReport(
        bytesBefore: done.bytesBefore, bytesAfter: done.bytesAfter,
        allocatedBefore: done.allocatedBefore, allocatedAfter: done.allocatedAfter,
        movedBytes: done.movedBytes, waitingBytes: done.waitingBytes)
    }
  }

  /// Makes a copy of the store at `path`, while it is in use.
  ///
  /// ```swift
  /// try store.backup(to: "/backup/notes-monday.softpm")
  /// ```
  ///
  /// The copy holds every version that is durable when the call begins, under the same numbers
  /// and labels, and opens like any store. It is made aside, verified to the last byte, and only
  /// then given its name: there is never half a copy. Throws `.exists` when the name is taken.
  /// Points go on meanwhile; free space is not copied. A store opened `readOnly` can be copied
  /// too, also while another process writes it.
  public func backup(to path: String) throws {
    try backup(to: path, progress: nil)
  }

  /// As `backup(to:)`, telling how far it has come.
  public func backup(to path: String, progress: ((StoreProgress) -> Void)?) throws {
    try withoutScopes {
      try core.requireOpen()
      try core.chunks.backup(to: path) { done, total in
        progress?(StoreProgress(bytesDone: done, bytesTotal: total))
      }
    }
  }

  /// Where the store's bytes are, and which version keeps how many of them.
  ///
  /// Reads the records of what each version wrote: much less than the versions hold.
  public var space: SpaceReport {
    get throws {
      try withoutScopes {
        try core.requireOpen()
        let usage = try core.chunks.usage()
        var names: [ContainerNumber: String] = [:]
        for container in try core.chunks.containers { names[container.number] = container.name }
        return SpaceReport(
          byteCount: usage.byteCount, allocatedBytes: usage.allocatedBytes,
          usedBytes: usage.usedBytes, freeBytes: usage.freeBytes,
          waitingBytes: usage.waitingBytes, hasReaders: usage.hasReaders,
          versions: usage.versions.map { version in
            VersionSpace(
              id: version.version, container: names[version.container],
              ownBytes: version.ownBytes,
              reasons: version.reasons.compactMap { .init(rawValue: $0.rawValue) })
          })
      }
    }
  }
}
