import SoftPMBase
import SoftPMHeap
import SoftPMTypes

/// What became of a version's types, or would become of them.
///
/// ```swift
/// let report = try store.migrationReport(of: "notes", as: Notebook.self)
/// for change in report.changes { print(change) }
/// if let failure = report.failure { print("cannot be opened: \(failure)") }
/// ```
public struct MigrationReport: Sendable {
  /// The version that was read.
  public var version: VersionID
  /// What differs between stored types and the program's, as far as stored values led to it; empty
  /// where the version needs no migration.
  public var changes: [MigrationChange]
  /// Objects in the new form.
  public var objectCount: Int
  /// Why the version cannot be migrated; nil where it can.
  public var failure: ContainerError?

  /// The stored types are the program's.
  public var isUnneeded: Bool { changes.isEmpty && failure == nil }
}

/// One difference between a stored type and the program's.
public struct MigrationChange: Sendable, Hashable, CustomStringConvertible {
  /// The type, as the program calls it.
  public var type: String
  /// The property or case concerned; nil for the type as a whole.
  public var part: String?
  public var before: String
  public var after: String
  /// False for what no value can become, and no closure gives: an error where a value needs it.
  public var isMigrated: Bool
  /// What a value becomes: converted, nil, zero, a registered value, dropped.
  public var how: String

  init(_ change: TypeChange) {
    type = change.type
    part = change.part
    before = change.before
    after = change.after
    isMigrated = change.outcome == .migrated
    how = change.how
  }

  public var description: String {
    let what = part.map { "`\($0)` of \(type)" } ?? type
    return "\(what): \(before) → \(after): \(isMigrated ? "" : "refused, ")\(how)"
  }
}

extension Store {
  /// What opening a container would do to its types: a dry run of all of it but the handing out.
  ///
  /// Every object is read and migrated in memory, closures included, and let go of again; nothing is
  /// written. `version` nil is the newest. Throws for what is no matter of types: an unknown name,
  /// a damaged store.
  public func migrationReport<Root>(
    of name: String, as root: Root.Type, version: VersionID? = nil
  ) throws -> MigrationReport {
    try withoutScopes { try core.migrationReport(of: name, as: root, version: version) }
  }
}

extension Container {
  /// What was migrated when the container was opened; nil where the stored types were the program's.
  /// The next point writes the new form.
  public var migration: MigrationReport? { core.migration }
}
