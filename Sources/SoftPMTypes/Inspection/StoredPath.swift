// Ways from the root to a value, as Swift writes them: `root.people["Ann"].friends[2].age`.
//
//      .name     a stored property, a tuple's element, the payload of an enum's current case
//      [3]       an element of an array           ["a"] [5] [.red]   a dictionary's value
//      .keys[…]  a dictionary's key               {"a"}              a set's member
//
// A key without a literal form stands as it is printed: `[Point(x: 1, y: 2)]`.

import SoftPMBase

/// One step from a value to a part of it.
package enum StoredStep: Sendable {
  case field(String)
  /// Into a wrapper that its user never wrote.
  case transparent
  case index(Int)
  case key(StoredPlace)
  case keyItself(StoredPlace)
  case member(StoredPlace)
}

/// A path, as a list that shares its beginning with others.
package final class StoredPath: Sendable {
  private let parent: StoredPath?
  private let step: StoredStep
  /// Where two versions are compared: a key in it is the older one's.
  private let isOfOld: Bool

  private init(_ parent: StoredPath?, _ step: StoredStep, isOfOld: Bool) {
    self.parent = parent
    self.step = step
    self.isOfOld = isOfOld
  }

  package static let root = StoredPath(nil, .transparent, isOfOld: false)

  package func appending(_ step: StoredStep, ofOld isOfOld: Bool = false) -> StoredPath {
    if case .transparent = step { return self }
    return StoredPath(self, step, isOfOld: isOfOld)
  }

  /// The text; keys are read by the reader that they came from, as types are numbered otherwise in
  /// another version.
  package func text(
    _ reader: StoredReader, old: StoredReader? = nil
  ) throws(ContainerError) -> String {
    var steps: [StoredPath] = []
    var current: StoredPath? = self
    while let path = current {
      steps.append(path)
      current = path.parent
    }
    var text = "root"
    for path in steps.reversed() {
      text += try (path.isOfOld ? old ?? reader : reader).text(of: path.step)
    }
    return text
  }
}

extension StoredReader {
  package func text(of step: StoredStep) throws(ContainerError) -> String {
    switch step {
    case .transparent: ""
    case .field(let name): ".\(name)"
    case .index(let index): "[\(index)]"
    case .key(let place): "[\(try keyText(place))]"
    case .keyItself(let place): ".keys[\(try keyText(place))]"
    case .member(let place): "{\(try keyText(place))}"
    }
  }

  /// Calls `body` with each part of a value and the step to it; leaves have none, and what is
  /// behind a reference is a part of the object.
  package func eachPart(
    of value: StoredValue, _ body: (StoredStep, StoredPlace) throws(ContainerError) -> Void
  ) throws(ContainerError) {
    switch value {
    case .leaf, .none, .hidden, .opaque, .object: return
    case .record(_, let parts):
      for part in parts { try body(part.step, part.place) }
    case .payload(_, let name, let place): try body(.field(name), place)
    case .array(let array):
      guard array.hasContent else { return }
      for index in 0..<array.count { try body(.index(index), array[index]) }
    case .table(let table):
      for entry in table.entries {
        if let value = entry.value {
          try body(.key(entry.key), value)
          try body(.keyItself(entry.key), entry.key)
        } else {
          try body(.member(entry.key), entry.key)
        }
      }
    }
  }

  /// Calls `body` with each stored property of an object.
  package func eachPart(
    of object: StoredObject, _ body: (StoredStep, StoredPlace) throws(ContainerError) -> Void
  ) throws(ContainerError) {
    for part in try parts(of: object) { try body(part.step, part.place) }
  }
}

extension StoredPart {
  package var step: StoredStep { isTransparent ? .transparent : .field(name) }
}

// MARK: - Following a path

/// A path as somebody typed it.
package struct WrittenPath: Sendable {
  enum Step: Sendable, Equatable {
    case name(String)
    case brackets(String)
    case braces(String)
  }

  let steps: [Step]
  package let text: String

  /// Throws `.invalidArgument` for what is no path.
  package init(_ text: String) throws(ContainerError) {
    self.text = text
    var rest = Substring(text)
    guard rest.hasPrefix("root") else {
      throw Self.invalid(text, "A path begins with `root`, as in root.people[\"Ann\"].age.")
    }
    rest = rest.dropFirst(4)
    var steps: [Step] = []
    while let first = rest.first {
      rest = rest.dropFirst()
      switch first {
      case ".":
        let name = rest.prefix { $0.isLetter || $0.isNumber || $0 == "_" || $0 == "$" }
        guard !name.isEmpty else { throw Self.invalid(text, "A name follows a dot.") }
        steps.append(.name(String(name)))
        rest = rest.dropFirst(name.count)
      case "[": steps.append(.brackets(try Self.enclosed(&rest, by: "]", in: text)))
      case "{": steps.append(.braces(try Self.enclosed(&rest, by: "}", in: text)))
      case "?", "!": continue
      default: throw Self.invalid(text, "`\(first)` was not expected there.")
      }
    }
    self.steps = steps
  }

  private static func invalid(_ text: String, _ why: String) -> ContainerError {
    ContainerError(code: .invalidArgument, message: "\"\(text)\" is not a path. \(why)")
  }

  /// What stands between brackets, which may hold brackets and string literals of its own.
  private static func enclosed(
    _ rest: inout Substring, by close: Character, in text: String
  ) throws(ContainerError) -> String {
    var result = ""
    var depth = 0
    var isQuoted = false
    while let character = rest.first {
      rest = rest.dropFirst()
      if isQuoted {
        if character == "\\", let next = rest.first {
          result.append(character)
          result.append(next)
          rest = rest.dropFirst()
          continue
        }
        if character == "\"" { isQuoted = false }
      } else {
        switch character {
        case "\"": isQuoted = true
        case "[", "{", "(": depth += 1
        case close where depth == 0: return result
        case "]", "}", ")": depth -= 1
        default: break
        }
      }
      result.append(character)
    }
    throw invalid(text, "A closing `\(close)` is missing.")
  }
}

extension StoredReader {
  /// The value that a written path leads to, from the root's place.
  package func follow(
    _ path: WrittenPath, from root: StoredPlace
  ) throws(ContainerError) -> StoredPlace {
    var place = root
    var index = 0
    var walked = "root"
    while index < path.steps.count {
      let value = try value(at: place)
      if case .name("keys") = path.steps[index], case .table(let table) = value,
        table.isDictionary, index + 1 < path.steps.count,
        case .brackets(let text) = path.steps[index + 1]
      {
        guard let entry = try find(text, in: table) else {
          throw try missing(path.steps[index + 1], in: value, walked)
        }
        place = entry.key
        walked += ".keys[\(text)]"
        index += 2
        continue
      }
      guard let next = try part(path.steps[index], of: value, at: place) else {
        throw try missing(path.steps[index], in: value, walked)
      }
      place = next
      walked += path.steps[index].text
      index += 1
    }
    return place
  }

  private func part(
    _ step: WrittenPath.Step, of value: StoredValue, at place: StoredPlace
  ) throws(ContainerError) -> StoredPlace? {
    switch (step, value) {
    case (.name(let name), .object(let object)): return try field(name, try parts(of: object), 0)
    case (.name(let name), .record(_, let parts)): return try field(name, parts, 0)
    case (.name(let name), .payload(_, let current, let payload)):
      return name == current ? payload : nil
    case (.name(let name), .leaf(.simpleCase(let current))): return name == current ? place : nil
    case (.brackets(let text), .array(let array)):
      guard let index = Int(text), array.hasContent, index >= 0, index < array.count else {
        return nil
      }
      return array[index]
    case (.brackets, .object(let object)):
      // A buffer's elements, which have no name.
      for part in try parts(of: object) where part.isTransparent {
        if let found = try self.part(step, of: self.value(at: part.place), at: part.place) {
          return found
        }
      }
      return nil
    case (.brackets(let text), .table(let table)) where table.isDictionary:
      return try find(text, in: table)?.value
    case (.braces(let text), .table(let table)) where !table.isDictionary:
      return try find(text, in: table)?.key
    default: return nil
    }
  }

  private func field(
    _ name: String, _ parts: [StoredPart], _ depth: Int
  ) throws(ContainerError) -> StoredPlace? {
    if let part = parts.first(where: { !$0.isTransparent && $0.name == name }) { return part.place }
    guard depth < 8 else { return nil }
    for part in parts where part.isTransparent {
      if case .record(_, let inner) = try value(at: part.place),
        let found = try field(name, inner, depth + 1)
      {
        return found
      }
    }
    return nil
  }

  private func find(
    _ text: String, in table: StoredTable
  ) throws(ContainerError) -> (key: StoredPlace, value: StoredPlace?)? {
    for entry in table.entries where try keyText(entry.key) == text { return entry }
    return nil
  }

  private func missing(
    _ step: WrittenPath.Step, in value: StoredValue, _ walked: String
  ) throws(ContainerError) -> ContainerError {
    var names: [String] = []
    try eachName(in: value) { names.append($0) }
    let shown = names.prefix(8).joined(separator: ", ") + (names.count > 8 ? ", …" : "")
    let what =
      switch value {
      case .none: "is nil"
      case .array(let array): "has \(array.count) elements"
      case _ where names.isEmpty: "has no parts"
      default: "has \(shown)"
      }
    return ContainerError(
      code: .notFound, message: "There is no \(step.text) here; \(walked) \(what).", path: walked)
  }

  private func eachName(
    in value: StoredValue, _ body: (String) -> Void
  ) throws(ContainerError) {
    switch value {
    case .object(let object): for part in try parts(of: object) { body(".\(part.name)") }
    case .record(_, let parts): for part in parts { body(".\(part.name)") }
    case .payload(_, let name, _): body(".\(name)")
    case .table(let table):
      for entry in table.entries.prefix(9) {
        let text = try keyText(entry.key)
        body(table.isDictionary ? "[\(text)]" : "{\(text)}")
      }
    default: return
    }
  }
}

extension WrittenPath.Step {
  fileprivate var text: String {
    switch self {
    case .name(let name): ".\(name)"
    case .brackets(let text): "[\(text)]"
    case .braces(let text): "{\(text)}"
    }
  }
}
