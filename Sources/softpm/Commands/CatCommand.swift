// cat, show, tree, types: values, graphs and types of one version.

import Containers

enum CatCommand {
  static func run(_ invocation: Invocation, _ console: Console) throws -> ExitCode {
    let version = try Target(invocation.required(0)).version(
      in: Target(invocation.required(0)).open())
    try value(in: version, invocation, console, header: nil)
    return .success
  }

  static func show(_ invocation: Invocation, _ console: Console) throws -> ExitCode {
    let target = Target(try invocation.required(0))
    let version = try target.version(in: target.open())
    try value(in: version, invocation, console, header: version.info)
    return .success
  }

  private static func value(
    in version: InspectedVersion, _ invocation: Invocation, _ console: Console,
    header: VersionInfo?
  ) throws {
    let path = invocation.operand(1) ?? "root"
    if console.isJSON {
      let writer = JSONWriter(depth: try invocation.number("depth", 3))
      var members: [(String, JSON)] = [("version", version.info.json), ("path", .string(path))]
      let value = try version.value(at: path)
      members.append(("type", .string(value.type)))
      members.append(("value", try writer.json(of: value)))
      console.json(.object(members))
      return
    }
    let text = try version.text(
      at: path, depth: try invocation.number("depth", 3),
      elements: try invocation.number("elements", 100), width: console.columns ?? 80)
    if let header {
      console.line("version     \(header.id) of \(header.container)", .bold)
      console.line("made        \(Timestamp(header.secondsSince1970))")
      console.line("parent      \(header.parent?.description ?? "none")")
      if let label = header.label { console.line("label       \"\(label)\"") }
      console.line("objects     \(header.objectCount)")
      console.line(
        "chunks      \(version.chunkCount) of \(Bytes(version.chunkSize)); "
          + "\(Bytes(header.bytesWritten)) written by the point")
      console.line("\(path): \(try version.value(at: path).type)", .cyan)
    }
    for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
      console.line(String(line))
    }
  }
}

enum TreeCommand {
  static func run(_ invocation: Invocation, _ console: Console) throws -> ExitCode {
    let target = Target(try invocation.required(0))
    let version = try target.version(in: target.open())
    let path = invocation.operand(1) ?? "root"
    let tree = try version.tree(at: path)
    let depth = try invocation.number("depth", 3)
    let limit = try invocation.number("limit", 10)
    if console.isJSON {
      let root = tree.nodes.isEmpty ? JSON.null : json(0, tree, depth, limit, path)
      console.json(.object([("version", version.info.json), ("tree", root)]))
      return .success
    }
    if !tree.nodes.isEmpty { show(0, tree, depth, limit, path, indent: 0, console) }
    return .success
  }

  private static func biggest(_ node: Int, _ tree: InspectedTree) -> [Int] {
    tree.nodes[node].children.sorted { left, right in
      let (one, other) = (tree.nodes[left], tree.nodes[right])
      return one.totalBytes != other.totalBytes ? one.totalBytes > other.totalBytes : left < right
    }
  }

  private static func show(
    _ index: Int, _ tree: InspectedTree, _ depth: Int, _ limit: Int, _ step: String, indent: Int,
    _ console: Console
  ) {
    let node = tree.nodes[index]
    let margin = String(repeating: "  ", count: indent)
    let size = "\(Bytes(node.totalBytes))".leftPadded(10)
    let objects = InfoCommand.count(node.totalObjects, "object").leftPadded(14)
    console.line("\(size) \(objects)  \(margin)\(step)  \(node.name)", indent == 0 ? .bold : nil)
    guard indent < depth else { return }
    let children = biggest(index, tree)
    for child in children.prefix(limit) {
      show(child, tree, depth, limit, tree.nodes[child].step, indent: indent + 1, console)
    }
    let rest = children.dropFirst(limit)
    if !rest.isEmpty {
      let bytes = rest.reduce(0) { $0 + tree.nodes[$1].totalBytes }
      let count = rest.reduce(0) { $0 + tree.nodes[$1].totalObjects }
      console.line(
        "\("\(Bytes(bytes))".leftPadded(10)) \(InfoCommand.count(count, "object").leftPadded(14))  "
          + "\(margin)  … \(rest.count) more", .dim)
    }
  }

  private static func json(
    _ index: Int, _ tree: InspectedTree, _ depth: Int, _ limit: Int, _ step: String
  ) -> JSON {
    let node = tree.nodes[index]
    let children = depth > 0 ? Array(biggest(index, tree).prefix(limit)) : []
    return .object([
      ("step", .string(step)), ("name", .string(node.name)), ("depth", .number(node.depth)),
      ("bytes", .number(node.totalBytes)), ("ownBytes", .number(node.ownBytes)),
      ("objects", .number(node.totalObjects)),
      ("children", .array(children.map { json($0, tree, depth - 1, limit, tree.nodes[$0].step) })),
      ("childrenNotShown", .number(node.children.count - children.count)),
    ])
  }
}

enum TypesCommand {
  static func run(_ invocation: Invocation, _ console: Console) throws -> ExitCode {
    let target = Target(try invocation.required(0))
    let version = try target.version(in: target.open())
    if let against = invocation.value("against") {
      let other = Target(against)
      return compare(version, try other.version(in: other.open()), console)
    }
    let types = version.types.filter { type in
      invocation.has("all")
        || ["class", "struct", "enum"].contains(type.kind) && !type.isTheLibrarys
    }
    if console.isJSON {
      console.json(
        .object([("version", version.info.json), ("types", .array(types.map(json)))]))
      return .success
    }
    for type in types {
      console.line("\(type.kind) \(type.name)  \(type.size) bytes", .cyan)
      for field in type.fields {
        let held = field.ownership == "strong" ? "" : "\(field.ownership) "
        console.line("\("\(field.offset)".leftPadded(6))  \(held)\(field.name): \(field.type)")
      }
      for current in type.cases {
        let payload = current.payload.map { $0.hasPrefix("(") ? $0 : "(\($0))" } ?? ""
        console.line(
          "        \(current.isIndirect ? "indirect " : "")case \(current.name)\(payload)")
      }
    }
    return .success
  }

  private static func compare(
    _ old: InspectedVersion, _ new: InspectedVersion, _ console: Console
  ) -> ExitCode {
    let differences = StoreInspector.typeDifferences(old, new)
    if console.isJSON {
      console.json(.object([("differences", .array(differences.map { .string($0) }))]))
    } else {
      for difference in differences { console.line(difference) }
      if differences.isEmpty { console.say("the types are the same") }
    }
    return differences.isEmpty ? .success : .typesDiffer
  }

  private static func json(_ type: InspectedType) -> JSON {
    .object([
      ("number", .number(type.number)), ("name", .string(type.name)), ("kind", .string(type.kind)),
      ("size", .number(type.size)), ("stride", .number(type.stride)),
      (
        "fields",
        .array(
          type.fields.map {
            .object([
              ("name", .string($0.name)), ("type", .string($0.type)),
              ("offset", .number($0.offset)), ("ownership", .string($0.ownership)),
            ])
          })
      ),
      (
        "cases",
        .array(
          type.cases.map {
            .object([
              ("name", .string($0.name)), ("payload", .string($0.payload)),
              ("isIndirect", .flag($0.isIndirect)),
            ])
          })
      ),
    ])
  }
}
