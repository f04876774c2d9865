// info, log, verify, watch: what a store holds, and whether it is whole.

import Containers

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

enum InfoCommand {
  static func run(_ invocation: Invocation, _ console: Console) throws -> ExitCode {
    let path = try invocation.required(0)
    let store = try Target(path).open()
    let containers = try store.containers
    // Exact figures want every version's table; a large store is shown without, at once.
    let fileBytes = size(of: path)
    let space =
      invocation.has("space") || fileBytes <= 64 << 20 ? try store.store.space : nil
    let newest = try containers.map { container in
      (container, try store.versions(of: container.name))
    }
    if console.isJSON {
      console.json(json(path, fileBytes, space, newest))
      return .success
    }
    console.line("store       \(path)", .bold)
    let used = space.map { ": \(Bytes($0.usedBytes)) used, \(Bytes($0.freeBytes)) free" }
    console.line("size        \(Bytes(fileBytes))\(used ?? ""); format \(Store.formatVersion)")
    if space?.hasReaders == true { console.line("readers     there are some in other processes") }
    list("drivers", StoreInspector.drivers(for: path), console)
    list("trackers", StoreInspector.trackers, console)
    console.line("containers  \(containers.count)")
    for (container, versions) in newest {
      let labels = versions.count { $0.label != nil }
      console.line("  \(container.name)", .cyan)
      let last = versions.last
      let objects = last.map { ", \(count($0.objectCount, "object"))" } ?? ""
      console.line(
        "    \(count(container.versionCount, "version"))"
          + (labels > 0 ? ", \(labels) kept by labels" : "")
          + "; chunks of \(Bytes(container.chunkSize))")
      if let last {
        console.line("    newest \(last.id)\(objects), \(Timestamp(last.secondsSince1970))")
      }
      if let space { pins(of: container.name, space, console) }
    }
    if space == nil { console.say("--space tells what keeps how much") }
    return .success
  }

  /// What there is on this machine, the one that a program would get marked.
  private static func list(
    _ title: String, _ mechanisms: [StoreInspector.Mechanism], _ console: Console
  ) {
    for (index, mechanism) in mechanisms.enumerated() {
      let state =
        mechanism.isChosen ? "used" : mechanism.isAvailable ? "available" : "not available"
      func padded(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(1, width - text.count))
      }
      let note = mechanism.note.isEmpty ? "" : "; \(mechanism.note)"
      console.line(
        padded(index == 0 ? title : "", 12) + padded(mechanism.name, 8) + state + note)
    }
  }

  private static func json(_ mechanisms: [StoreInspector.Mechanism]) -> JSON {
    .array(
      mechanisms.map {
        .object([
          ("name", .string($0.name)), ("available", .flag($0.isAvailable)),
          ("used", .flag($0.isChosen)), ("note", .string($0.note)),
        ])
      })
  }

  /// The versions that take most for themselves, and what keeps them.
  private static func pins(of container: String, _ space: SpaceReport, _ console: Console) {
    let own = space.versions.filter { $0.container == container && $0.ownBytes > 0 }
      .sorted { $0.ownBytes > $1.ownBytes }
    for version in own.prefix(3) {
      let reasons = version.reasons.map(\.rawValue).joined(separator: ", ")
      console.line(
        "    \(Bytes(version.ownBytes)) kept by version \(version.id) alone (\(reasons))", .dim)
    }
    if own.count > 3 { console.line("    … \(own.count - 3) more versions", .dim) }
  }

  private static func json(
    _ path: String, _ fileBytes: Int, _ space: SpaceReport?,
    _ containers: [(ContainerSummary, [VersionInfo])]
  ) -> JSON {
    .object([
      ("store", .string(path)), ("bytes", .number(fileBytes)),
      ("usedBytes", space.map { .number($0.usedBytes) } ?? .null),
      ("freeBytes", space.map { .number($0.freeBytes) } ?? .null),
      (
        "space",
        .array(
          (space?.versions ?? []).map {
            .object([
              ("version", .number("\($0.id)")), ("container", .string($0.container)),
              ("ownBytes", .number($0.ownBytes)),
              ("reasons", .array($0.reasons.map { .string($0.rawValue) })),
            ])
          })
      ),
      ("format", .number(Store.formatVersion)),
      ("driver", .string(StoreInspector.driverExplanation)),
      ("drivers", json(StoreInspector.drivers(for: path))),
      ("tracking", .string(StoreInspector.trackingExplanation)),
      ("trackers", json(StoreInspector.trackers)),
      (
        "containers",
        .array(
          containers.map { container, versions in
            .object([
              ("name", .string(container.name)), ("versions", .number(container.versionCount)),
              ("labelled", .number(versions.count { $0.label != nil })),
              ("newest", versions.last.map { $0.json } ?? .null),
              ("chunkBytes", .number(container.chunkSize)),
            ])
          })
      ),
    ])
  }

  private static func size(of path: String) -> Int {
    var status = stat()
    return stat(path, &status) == 0 ? Int(status.st_size) : 0
  }

  static func count(_ number: Int, _ noun: String) -> String {
    "\(number) \(noun)\(number == 1 ? "" : "s")"
  }
}

extension VersionInfo {
  var json: JSON {
    .object([
      ("id", .number("\(id)")), ("container", .string(container)),
      ("parent", parent.map { .number("\($0)") } ?? .null), ("label", .string(label)),
      ("secondsSince1970", .number("\(secondsSince1970)")),
      ("objects", .number(objectCount)), ("bytesWritten", .number(bytesWritten)),
    ])
  }
}

enum LogCommand {
  static func run(_ invocation: Invocation, _ console: Console) throws -> ExitCode {
    let target = Target(try invocation.required(0))
    let store = try target.open()
    let limit = try invocation.number("limit", .max)
    let names =
      target.container == nil
      ? try store.containers.map(\.name) : [try target.containerName(in: store)]
    var versions = try names.flatMap { try store.versions(of: $0) }.sorted { $0.id > $1.id }
    let total = versions.count
    versions = Array(versions.prefix(limit))
    if console.isJSON {
      console.json(.object([("versions", .array(versions.map(\.json)))]))
      return .success
    }
    if invocation.has("graph") {
      graph(versions, console)
    } else {
      for name in names {
        let own = versions.filter { $0.container == name }
        if own.isEmpty { continue }
        console.line(name, .cyan)
        for version in own { console.line("  " + row(version)) }
      }
    }
    if versions.count < total { console.say("\(total - versions.count) older versions not shown") }
    return .success
  }

  static func row(_ version: VersionInfo) -> String {
    var text = "\(version.id)".leftPadded(4) + "  \(Timestamp(version.secondsSince1970))"
    text += "  " + (version.parent.map { "from \($0)" } ?? "first").padded(9)
    text += "  \(InfoCommand.count(version.objectCount, "object"))"
    text += "  \(Bytes(version.bytesWritten))"
    return text + (version.label.map { "  \"\($0)\"" } ?? "")
  }

  /// A column for each line of versions; a version's column leads down to its parent.
  private static func graph(_ versions: [VersionInfo], _ console: Console) {
    var lanes: [VersionID?] = []
    for version in versions {
      let mine: Int
      if let lane = lanes.firstIndex(of: version.id) {
        mine = lane
      } else if let free = lanes.firstIndex(of: nil) {
        mine = free
        lanes[free] = version.id
      } else {
        mine = lanes.count
        lanes.append(version.id)
      }
      // Branches that begin here join.
      let joining = lanes.indices.filter { $0 != mine && lanes[$0] == version.id }
      if !joining.isEmpty {
        let drawn = lanes.indices.map { lane -> String in
          if lane == mine { return "├" }
          if joining.contains(lane) { return "╯" }
          return lanes[lane] == nil ? " " : "│"
        }
        console.line(
          drawn.joined(separator: "─").trimmedGraph(from: mine, to: joining.max() ?? mine))
        for lane in joining { lanes[lane] = nil }
      }
      let marks = lanes.indices.map { $0 == mine ? "●" : (lanes[$0] == nil ? " " : "│") }
      let name = version.container
      console.line("\(marks.joined(separator: " "))  \(name) \(row(version).drop { $0 == " " })")
      lanes[mine] = version.parent
      while lanes.last == .some(nil) { lanes.removeLast() }
    }
  }
}

extension String {
  /// Keeps the joining line only between two columns.
  fileprivate func trimmedGraph(from: Int, to: Int) -> String {
    String(
      enumerated().map { index, character in
        character == "─" && (index < from * 2 || index > to * 2) ? " " : character
      })
  }
}

enum VerifyCommand {
  static func run(_ invocation: Invocation, _ console: Console) throws -> ExitCode {
    let path = try invocation.required(0)
    let store = try Target(path).open()
    var progress = Progress(console, always: invocation.value("progress") == "always")
    let found = try store.store.verify { progress.show($0.bytesDone, of: $0.bytesTotal) }
    progress.end()
    if console.isJSON {
      console.json(
        .object([
          ("store", .string(path)), ("isIntact", .flag(found.isIntact)),
          ("versions", .number(found.versions)), ("bytesRead", .number(found.bytesRead)),
          ("problems", .array(found.problems.map { .string($0.message) })),
        ]))
    } else if found.isIntact {
      console.line(
        "whole: \(InfoCommand.count(found.versions, "version")), \(Bytes(found.bytesRead)) read",
        .green)
    } else {
      for problem in found.problems { console.line(problem.message, .red) }
      console.say(
        "\(path) is damaged in \(InfoCommand.count(found.problems.count, "place")); versions not named "
          + "above are whole.")
    }
    return found.isIntact ? .success : .corrupt
  }
}

enum WatchCommand {
  static func run(_ invocation: Invocation, _ console: Console) throws -> ExitCode {
    let path = try invocation.required(0)
    let most = try invocation.number("count", .max)
    let interval = try invocation.number("interval", 500)
    var seen: Set<VersionID>?
    var shown = 0
    while shown < most {
      // Opened anew each time: an opening shows what was durable then.
      let store = try Target(path).open()
      let versions = try store.containers.flatMap { try store.versions(of: $0.name) }
      if let before = seen {
        for version in versions.sorted(by: { $0.id < $1.id })
        where !before.contains(version.id) && shown < most {
          shown += 1
          if console.isJSON {
            console.json(version.json)
          } else {
            console.line("\(version.container) \(LogCommand.row(version).drop { $0 == " " })")
          }
        }
      } else {
        console.say("watching \(path); \(InfoCommand.count(versions.count, "version")) so far")
      }
      seen = Set(versions.map(\.id))
      try store.store.close()
      if shown < most { usleep(UInt32(clamping: interval * 1000)) }
    }
    return .success
  }
}
