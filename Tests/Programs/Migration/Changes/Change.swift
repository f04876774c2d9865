// A change of a program's types, told twice: by the program before it (-D BEFORE) and by the one
// after. `MigrationTableTests` compiles both as the module `Shop`, with everything in this folder.
//
//   <program> write <folder>    the program before: makes one store for each change
//   <program> open <folder>     the program after: opens each, and says what became of it

import Containers
import Foundation

/// One change: what was stored, and what the program after it finds.
struct Change: @unchecked Sendable {
  let name: String
  /// Makes the container, in the program before.
  var write: (Store) throws -> Void = { _ in }
  /// Opens it, in the program after; says what was wrong, or nil.
  var open: (Store) throws -> String? = { _ in "there is nothing to open" }
  var report: (Store) throws -> MigrationReport? = { _ in nil }
  var migrations = Migrations()
  /// The code of the error that is expected, and words of it; nil where it is migrated.
  var refusal: (code: ContainerError.Code, words: [String])?

  /// What the program before stores.
  static func before<Root>(_ name: String, _ root: @autoclosure @escaping () -> Root) -> Change {
    Change(
      name: name,
      write: { store in
        try store.container("root", initial: root()).persistAndWait()
      })
  }

  /// What the program after finds: `isRight` of the root.
  static func after<Root>(
    _ name: String, _ root: @autoclosure @escaping () -> Root,
    _ register: (inout Migrations) -> Void = { _ in }, isRight: @escaping (Root) -> Bool
  ) -> Change {
    var change = Change(name: name)
    register(&change.migrations)
    change.open = { try reopened($0, root, isRight) }
    change.report = { try $0.migrationReport(of: "root", as: Root.self) }
    return change
  }

  /// What the program after must not open, and what the error says.
  static func refused<Root>(
    _ name: String, _ root: @autoclosure @escaping () -> Root,
    _ code: ContainerError.Code = .typeChanged, says words: String...
  ) -> Change {
    var change = Change(name: name)
    change.refusal = (code, words)
    change.open = { store in
      _ = try store.container("root", initial: root())
      return "it was opened"
    }
    change.report = { try $0.migrationReport(of: "root", as: Root.self) }
    return change
  }

  /// The form that was stored, migrated; the new form, written, with the old version beside it.
  private static func reopened<Root>(
    _ store: Store, _ root: () -> Root, _ isRight: (Root) -> Bool
  ) throws -> String? {
    let container = try store.container("root", initial: root())
    guard container.read(isRight) else { return "the migrated root is not right" }
    guard container.migration != nil else { return "nothing was migrated" }
    let old = try container.versions[0].id
    let new = try container.persistAndWait()
    guard new > old else { return "the new form was not written" }
    guard container.read(isRight) else { return "the point changed the root" }
    _ = try container.diff(old, new)
    let snapshot = try container.snapshot(old)
    guard snapshot.read(isRight) else { return "the old version is not right" }
    snapshot.close()
    guard try container.persistAndWait() == new else { return "nothing to do made a version" }
    try container.close()
    let again = try store.container("root", initial: root())
    guard again.read(isRight) else { return "the new form is not right" }
    guard again.migration == nil else { return "the new form is migrated again" }
    try again.switchTo(old)
    guard again.read(isRight) else { return "the old version, switched to, is not right" }
    try again.close()
    return nil
  }
}

/// A reference that is compared by identity.
func same(_ left: AnyObject?, _ right: AnyObject?) -> Bool { left != nil && left === right }
