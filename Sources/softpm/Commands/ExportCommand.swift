// export and dot: a whole version for other programs.

import Containers

enum ExportCommand {
  static func run(_ invocation: Invocation, _ console: Console) throws -> ExitCode {
    let target = Target(try invocation.required(0))
    let version = try target.version(in: target.open())
    let root = try version.value(at: invocation.operand(1) ?? "root")
    let isLines = invocation.has("ndjson")
    let writer = JSONWriter(depth: nil)
    let head = try writer.json(of: root)
    if isLines {
      console.json(.object([("version", version.info.json), ("root", head)]))
    } else {
      console.raw("{\"version\":\(version.info.json.text),\"root\":\(head.text),\"objects\":{")
    }
    var isFirst = true
    // Each object is written when it is first referred to, and its references after it.
    while let number = writer.next() {
      let object = try version.object(number)
      let fields = JSON.object(try object.fields.map { ($0.name, try writer.json(of: $0.value)) })
      if isLines {
        console.json(
          .object([
            ("id", .number(object.number)), ("type", .string(object.type)), ("fields", fields),
          ]))
      } else {
        let body = JSON.object([("type", .string(object.type)), ("fields", fields)])
        console.raw("\(isFirst ? "" : ",")\n\"\(object.number)\":\(body.text)")
      }
      isFirst = false
    }
    if !isLines { console.raw("}}\n") }
    return .success
  }
}

/// Values as JSON. Without a depth, objects are references by number and wait to be written;
/// with one, they are nested where they are met.
final class JSONWriter {
  private let depth: Int?
  /// By number: objects at hand would keep their chunks in memory.
  private var waiting: [UInt64] = []
  private var nextWaiting = 0
  private var met: Set<UInt64> = []

  init(depth: Int?) { self.depth = depth }

  func next() -> UInt64? {
    guard nextWaiting < waiting.count else { return nil }
    nextWaiting += 1
    return waiting[nextWaiting - 1]
  }

  func json(of value: InspectedValue, at level: Int = 0) throws -> JSON {
    switch try value.content {
    case .none, .hidden: return .null
    case .number(let text): return .number(text)
    case .flag(let flag): return .flag(flag)
    case .string(let text): return .string(text)
    case .other(let text): return .object([("$other", .string(text))])
    case .data(let bytes): return .object([("$data", .string(Self.base64(bytes)))])
    case .date(let seconds): return .object([("$date", .number("\(seconds)"))])
    case .enumCase(let name, let payload):
      var members: [(String, JSON)] = [("$case", .string(name))]
      if let payload { members.append(("payload", try json(of: payload, at: level))) }
      return .object(members)
    case .record(let fields):
      return .object(try fields.map { ($0.name, try json(of: $0.value, at: level)) })
    case .array(let elements): return .array(try elements.map { try json(of: $0, at: level) })
    case .set(let members):
      return .object([("$set", .array(try members.map { try json(of: $0, at: level) }))])
    case .dictionary(let entries):
      let pairs = try entries.map {
        JSON.array([try json(of: $0.key, at: level), try json(of: $0.value, at: level)])
      }
      return .object([("$dictionary", .array(pairs))])
    case .object(let object): return try json(of: object, at: level)
    }
  }

  private func json(of object: InspectedObject, at level: Int) throws -> JSON {
    let reference = JSON.object([("$ref", .number(object.number))])
    guard let depth else {
      // A weak reference names its object; whoever holds it writes it.
      if met.insert(object.number).inserted { waiting.append(object.number) }
      return reference
    }
    guard level < depth, object.isHeld, met.insert(object.number).inserted else { return reference }
    return .object([
      ("$id", .number(object.number)), ("$type", .string(object.type)),
      (
        "fields",
        .object(try object.fields.map { ($0.name, try json(of: $0.value, at: level + 1)) })
      ),
    ])
  }

  private static func base64(_ bytes: [UInt8]) -> String {
    let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
    var text = ""
    for start in stride(from: 0, to: bytes.count, by: 3) {
      let group = bytes[start..<min(start + 3, bytes.count)]
      var word = 0
      for byte in group { word = word << 8 | Int(byte) }
      word <<= 8 * (3 - group.count)
      for place in 0..<4 {
        text.append(place <= group.count ? digits[(word >> (18 - 6 * place)) & 63] : "=")
      }
    }
    return text
  }
}

enum DotCommand {
  static func run(_ invocation: Invocation, _ console: Console) throws -> ExitCode {
    let target = Target(try invocation.required(0))
    let store = try target.open()
    let text =
      invocation.has("versions")
      ? try versions(target, store) : try graph(target, store, invocation)
    if console.isJSON {
      console.json(.object([("dot", .string(text))]))
    } else {
      console.raw(text)
    }
    return .success
  }

  private static func quoted(_ text: String) -> String {
    "\"" + text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"") + "\""
  }

  private static func graph(
    _ target: Target, _ store: StoreInspector, _ invocation: Invocation
  ) throws -> String {
    let version = try target.version(in: store)
    let limit = try invocation.number("limit", 500)
    let tree = try version.tree(at: invocation.operand(1) ?? "root", limit: limit)
    var lines = ["digraph {", "  node [shape=box, fontname=\"sans-serif\"];"]
    for (index, node) in tree.nodes.enumerated() {
      let shape = node.isObject ? "" : ", style=rounded"
      lines.append("  n\(index) [label=\(quoted(node.name))\(shape)];")
      if let parent = node.parent {
        lines.append("  n\(parent) -> n\(index) [label=\(quoted(node.step))];")
      }
      for link in node.links {
        lines.append("  n\(index) -> n\(link.node) [label=\(quoted(link.step)), style=dashed];")
      }
    }
    if tree.isCut { lines.append("  // cut at \(limit) nodes; --limit shows more") }
    return (lines + ["}"]).joined(separator: "\n") + "\n"
  }

  private static func versions(_ target: Target, _ store: StoreInspector) throws -> String {
    var lines = ["digraph {", "  rankdir=BT;", "  node [shape=box, fontname=\"sans-serif\"];"]
    for container in try store.containers {
      for version in try store.versions(of: container.name) {
        let label = version.label.map { "\n\($0)" } ?? ""
        lines.append(
          "  v\(version.id) [label=\(quoted("\(container.name)@\(version.id)\(label)"))];")
        if let parent = version.parent { lines.append("  v\(version.id) -> v\(parent);") }
      }
    }
    return (lines + ["}"]).joined(separator: "\n") + "\n"
  }
}
