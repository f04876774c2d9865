// A store of an earlier program, whose types had other names.

import Containers

/// As an earlier program had it.
final class Former {
  var name = "Ann"
  var visits: Int32 = 3
}

final class Present {
  var name = ""
  var visits = 0
  var city: String?
}

func useMigrations(_ folder: String) throws {
  let path = folder + "/migrated.softpm"
  let earlier = try Store.open(path)
  let version: VersionID = try earlier.container("people", initial: Former()).persistAndWait()
  try earlier.close()
  var options = StoreOptions()
  use("StoreOptions.migrations") {
    let migrations: Migrations = options.migrations
    options.migrations.rename("ContractProgram.Former", to: Present.self)
    return isSendable(migrations)
  }
  let store = try Store.open(path, options)
  let report: MigrationReport = try store.migrationReport(of: "people", as: Present.self)
  use("Store.migrationReport(of:as:version:)") {
    let old = try store.migrationReport(of: "people", as: Former.self, version: version)
    return old.failure?.code == .typeChanged
  }
  useReport(report, version)
  let people: Container<Present> = try store.container("people", initial: Present())
  use("Container.migration") {
    people.migration?.version == version && people.root.name == "Ann" && people.root.visits == 3
  }
  try store.close()
  use("Store.defaultOptions") {
    let before: StoreOptions = Store.defaultOptions
    Store.defaultOptions = options
    defer { Store.defaultOptions = before }
    return !Store.defaultOptions.readOnly
  }
}

private func useReport(_ report: MigrationReport, _ version: VersionID) {
  use("MigrationReport") { isSendable(report) }
  use("MigrationReport.version") { report.version == version }
  use("MigrationReport.objectCount") { report.objectCount > 0 }
  use("MigrationReport.failure") { report.failure == nil }
  use("MigrationReport.isUnneeded") { !report.isUnneeded }
  let changes: [MigrationChange] = report.changes
  use("MigrationReport.changes") { !changes.isEmpty }
  guard let change = changes.first(where: { $0.part == "visits" }) else { return }
  use("MigrationChange") { isSendable(change) && isHashable(change) && isText(change) }
  use("MigrationChange.type") { change.type == "ContractProgram.Present" }
  use("MigrationChange.part") { change.part == "visits" }
  use("MigrationChange.before") { change.before.contains("Int32") }
  use("MigrationChange.after") { change.after.contains("Int") }
  use("MigrationChange.isMigrated") { change.isMigrated }
  use("MigrationChange.how") { change.how == "converted" }
  use("MigrationChange.description") { change.description.contains("`visits`") }
}
