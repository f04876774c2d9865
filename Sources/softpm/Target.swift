// STORE:CONTAINER@VERSION: what a command is to look at.

import Containers

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

struct Target: Sendable {
  let path: String
  let container: String?
  /// A number or a label.
  let version: String?

  /// A file of that whole name comes first, so that names with colons work.
  init(_ text: String) {
    guard !Self.exists(text) else {
      self.init(path: text, container: nil, version: nil)
      return
    }
    var rest = Substring(text)
    var version: String?
    if let at = rest.lastIndex(of: "@") {
      version = String(rest[rest.index(after: at)...])
      rest = rest[..<at]
    }
    if !Self.exists(String(rest)), let colon = rest.lastIndex(of: ":") {
      self.init(
        path: String(rest[..<colon]), container: String(rest[rest.index(after: colon)...]),
        version: version)
    } else {
      self.init(path: String(rest), container: nil, version: version)
    }
  }

  private init(path: String, container: String?, version: String?) {
    self.path = path
    self.container = container
    self.version = version
  }

  private static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

  // MARK: Finding it

  /// The container that is meant.
  func containerName(in store: StoreInspector) throws -> String {
    let names = try store.containers.map(\.name)
    if let container {
      if names.contains(container) { return container }
      let near = Suggestion.nearest(to: container, among: names)
      throw ContainerError(
        code: .noSuchContainer,
        message: "The store has no container \"\(container)\"."
          + (near.map { " Did you mean \"\($0)\"?" } ?? " It has \(Self.list(names))."), path: path)
    }
    if let version, let id = UInt64(version) {
      for name in names
      where try store.versions(of: name).contains(where: { $0.id == VersionID(id) }) {
        return name
      }
    }
    guard names.count == 1, let only = names.first else {
      throw ContainerError(
        code: .noSuchContainer,
        message: names.isEmpty
          ? "The store has no container yet."
          : "Say which container: \(path):NAME. The store has \(Self.list(names)).", path: path)
    }
    return only
  }

  private static func list(_ names: [String]) -> String {
    let shown = names.prefix(6).map { "\"\($0)\"" }.joined(separator: ", ")
    return names.isEmpty ? "none" : shown + (names.count > 6 ? ", …" : "")
  }

  /// The version that is meant: by number, by label, or the newest.
  func info(in store: StoreInspector) throws -> VersionInfo {
    let name = try containerName(in: store)
    let versions = try store.versions(of: name)
    if let version {
      let labelled = versions.last { $0.label == version }
      let numbered = UInt64(version).flatMap { id in versions.first { $0.id == VersionID(id) } }
      if let found = numbered ?? labelled { return found }
      let range = versions.first.flatMap { first in versions.last.map { "\(first.id) to \($0.id)" }
      }
      throw ContainerError(
        code: .noSuchVersion,
        message: "The container \"\(name)\" has no version \"\(version)\"; it has "
          + "\(versions.count), from \(range ?? "none").", path: path)
    }
    guard let newest = versions.last else {
      throw ContainerError(
        code: .noSuchVersion, message: "The container \"\(name)\" has no version yet.", path: path)
    }
    return newest
  }

  func version(in store: StoreInspector) throws -> InspectedVersion {
    let info = try info(in: store)
    return try store.version(of: info.container, info.id)
  }

  /// The store, for looking only.
  func open() throws -> StoreInspector { try StoreInspector(path) }

  /// The store, for a command that changes it.
  func openForWriting() throws -> StoreInspector {
    var options = StoreOptions()
    options.createIfMissing = false
    return StoreInspector(try Store.open(path, options))
  }
}
