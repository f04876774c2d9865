// diff, branch, label.

import Containers

enum DiffCommand {
  static func run(_ invocation: Invocation, _ console: Console) throws -> ExitCode {
    let target = Target(try invocation.required(0))
    let store = try target.open()
    let first = try target.info(in: store)
    let pair = try versions(first, invocation.operand(1), target, store)
    let changes = try store.diff(pair.old, pair.new)
    if console.isJSON {
      console.json(
        .object([
          ("from", .number("\(pair.old)")), ("to", .number("\(pair.new)")),
          (
            "changes",
            .array(
              changes.map {
                .object([
                  ("path", .string($0.path)), ("before", .string($0.before)),
                  ("after", .string($0.after)),
                ])
              })
          ),
        ]))
    } else {
      for change in changes { show(change, console) }
    }
    return changes.isEmpty ? .success : .different
  }

  private static func show(_ change: ContainerChange, _ console: Console) {
    switch (change.before, change.after) {
    case (nil, let after?): console.line("+ \(change.path): \(after)", .green)
    case (let before?, nil): console.line("- \(change.path): \(before)", .red)
    default: console.line("~ \(change)", .yellow)
    }
  }

  private static func versions(
    _ first: VersionInfo, _ second: String?, _ target: Target, _ store: StoreInspector
  ) throws -> (old: VersionID, new: VersionID) {
    guard let second else {
      guard let parent = first.parent else {
        throw ContainerError(
          code: .noSuchVersion,
          message: "Version \(first.id) has no parent; say what to compare it with.")
      }
      return (parent, first.id)
    }
    if let number = UInt64(second) { return (first.id, VersionID(number)) }
    let other = Target(second)
    guard other.path == target.path else {
      throw ContainerError(
        code: .invalidArgument,
        message: "Only versions of one store can be compared; \(other.path) is another.")
    }
    return (first.id, try other.info(in: store).id)
  }
}

enum BranchCommand {
  static func run(_ invocation: Invocation, _ console: Console) throws -> ExitCode {
    let target = Target(try invocation.required(0))
    let name = try invocation.required(1)
    let isRehearsal = invocation.has("dry-run")
    let store = isRehearsal ? try target.open() : try target.openForWriting()
    let base = try target.info(in: store)
    if isRehearsal {
      let taken = try store.containers.contains { $0.name == name }
      if taken {
        throw ContainerError(
          code: .exists, message: "The store already has a container named \"\(name)\".",
          path: target.path)
      }
    } else {
      try store.branch(name, from: base.container, base.id)
      try store.store.close()
    }
    tell(
      console, "\(name) descends from version \(base.id) of \(base.container)", isRehearsal,
      [("container", .string(name)), ("base", .number("\(base.id)"))])
    return .success
  }

  static func label(_ invocation: Invocation, _ console: Console) throws -> ExitCode {
    let target = Target(try invocation.required(0))
    let removes = invocation.has("remove")
    let label = invocation.operand(1)
    guard removes == (label == nil) else {
      throw UsageError("Give a label, or --remove.", invocation.command)
    }
    let isRehearsal = invocation.has("dry-run")
    if removes, !isRehearsal, !invocation.has("yes"),
      !console.confirms("Take the label away? Retention may then drop the version.")
    {
      throw UsageError("Taking a label away wants --yes.", invocation.command)
    }
    let store = isRehearsal ? try target.open() : try target.openForWriting()
    let version = try target.info(in: store)
    if !isRehearsal {
      try store.setLabel(label, on: version.id)
      try store.store.close()
    }
    let what = label.map { "labelled \"\($0)\"" } ?? "without a label"
    tell(
      console, "version \(version.id) of \(version.container) is \(what)", isRehearsal,
      [("version", .number("\(version.id)")), ("label", .string(label))])
    return .success
  }

  private static func tell(
    _ console: Console, _ text: String, _ isRehearsal: Bool, _ members: [(String, JSON)]
  ) {
    if console.isJSON {
      console.json(.object(members + [("done", .flag(!isRehearsal))]))
    } else {
      console.line(isRehearsal ? "would do: \(text)" : text)
    }
  }
}
