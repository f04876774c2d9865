// What the commands show of a store. Opened read-only: looking never writes, never upgrades.

import Containers

struct Inspection {
  private let path: String
  private let store: Store

  init(path: String) throws {
    var options = StoreOptions()
    options.readOnly = true
    options.createIfMissing = false
    self.path = path
    store = try Store.open(path, options)
  }

  func info() throws {
    let containers = try store.containers
    print("store       \(path)")
    print("containers  \(containers.count)")
    for container in containers {
      let newest = try store.versions(of: container.name).last
      let objects = newest.map { ", \($0.objectCount) objects" } ?? ""
      print(
        "  \(container.name): \(container.versionCount) versions, newest "
          + "\(container.newest.map(\.description) ?? "none")\(objects), chunks of "
          + "\(container.chunkSize) bytes")
    }
  }

  func log() throws {
    for container in try store.containers {
      print(container.name)
      for version in try store.versions(of: container.name).reversed() {
        let label = version.label.map { "  \"\($0)\"" } ?? ""
        let parent = version.parent.map { "from \($0)" } ?? "first"
        print(
          "  \(version.id)  \(Timestamp(secondsSince1970: version.secondsSince1970))  \(parent)  "
            + "\(version.objectCount) objects  \(version.bytesWritten) bytes\(label)")
      }
    }
  }
}
