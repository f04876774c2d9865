// What the three programs of the shop do when they are run.

import Containers
import Foundation

/// Runs the command that the program was started with, for its own kind of shop.
func run<Root: AnyObject>(
  _ empty: @autoclosure () -> Root, make: () -> Root, show: (Root) -> String,
  grow: (Root) -> Void, note: (Store) throws -> String, _ migrations: Migrations
) -> Never {
  let words = CommandLine.arguments
  var options = StoreOptions()
  options.migrations = migrations
  options.readOnly = ["show", "old"].contains(words[1])
  do {
    let store = try Store.open(words[2], options)
    switch words[1] {
    case "make": print(try store.container("shop", initial: make()).persistAndWait())
    case "dry":
      let report = try store.migrationReport(of: "shop", as: Root.self)
      for change in report.changes { print(change) }
      print(report.failure.map { "failure: \($0)" } ?? "\(report.objectCount) objects")
    case "show", "open":
      let shop = try store.container("shop", initial: empty())
      print(shop.read(show))
      for version in try shop.versions {
        let snapshot = try shop.snapshot(version.id)
        print("\(version.id): \(snapshot.read(show))")
        snapshot.close()
      }
      if let version = words.dropFirst(3).first.flatMap({ UInt64($0) }),
        let newest = try shop.versions.last?.id
      {
        for change in try shop.diff(VersionID(version), newest) {
          print("diff \(change.path): \(change.before ?? "-") → \(change.after ?? "-")")
        }
      }
    case "grow":
      let shop = try store.container("shop", initial: empty())
      shop.update { grow($0) }
      print(try shop.persistAndWait())
    case "old":
      // An older version, in the words of the program that wrote it.
      var shop = empty()
      _ = try pCRestore("shop", &shop, version: VersionID(UInt64(words[3]) ?? 0), in: store)
      print(show(shop))
    case "note": print(try note(store))
    default: exit(2)
    }
    try store.close()
    exit(0)
  } catch {
    print(error)
    exit(1)
  }
}
