// What stored names of types and of their parts are called now.
//
// 1. Names are those that a type table shows: `Shop.Basket.Item<Swift.Int>`. A rename holds for a
//    whole name and for the beginning of a longer one, up to a dot; so a module, or a type with all
//    that is nested in it, is renamed at once.
// 2. Renames are followed one after another, so steps between several programs compose; a circle of
//    them ends where it closes.
// 3. Generic arguments are renamed like any other name.

/// Registered names, old to new.
struct TypeRenames: Sendable {
  private(set) var types: [String: String] = [:]
  /// By type (without arguments) and old name.
  private(set) var parts: [Part: String] = [:]

  struct Part: Hashable, Sendable {
    var type: String
    var name: String
  }

  mutating func rename(_ old: String, to new: String) { types[old] = new }

  mutating func rename(part old: String, of type: String, to new: String) {
    parts[Part(type: Self.base(type), name: old)] = new
  }

  /// The name under which the program should have the type.
  func current(_ name: String) -> String {
    guard !types.isEmpty else { return name }
    var result = ""
    var token = ""
    func finish(before next: Character?) {
      let new = history(ofToken: token).last ?? token
      // What became a specialisation of a generic type is one already.
      result += next == "<" && new.hasSuffix(">") ? token : new
      token = ""
    }
    for character in name {
      if Self.isPartOfName(character) {
        token.append(character)
      } else {
        finish(before: character)
        result.append(character)
      }
    }
    finish(before: nil)
    return result
  }

  /// All names that a type has had since it was stored, without arguments, oldest first.
  func history(of name: String) -> [String] {
    history(ofToken: Self.base(name)).map(Self.base)
  }

  /// What a stored property or case is called now.
  func current(part name: String, of type: String) -> String {
    guard !parts.isEmpty else { return name }
    var current = name
    var seen: Set<String> = [name]
    var isFound = true
    while isFound {
      isFound = false
      for type in history(of: type) {
        guard let next = parts[Part(type: type, name: current)], seen.insert(next).inserted else {
          continue
        }
        current = next
        isFound = true
      }
    }
    return current
  }

  private func history(ofToken token: String) -> [String] {
    var names = [token]
    while let next = step(from: names[names.count - 1]), !names.contains(next) {
      names.append(next)
    }
    return names
  }

  /// The rename of the longest beginning.
  private func step(from token: String) -> String? {
    var beginning = token[...]
    while !beginning.isEmpty {
      if let new = types[String(beginning)] {
        return new + token.dropFirst(beginning.count)
      }
      guard let dot = beginning.lastIndex(of: ".") else { return nil }
      beginning = beginning[..<dot]
    }
    return nil
  }

  private static func isPartOfName(_ character: Character) -> Bool {
    character.isLetter || character.isNumber || character == "_" || character == "."
  }

  /// The name without generic arguments.
  static func base(_ name: String) -> String {
    guard name.contains("<") else { return name }
    var depth = 0
    var result = ""
    for character in name {
      if character == "<" { depth += 1 }
      if depth == 0 { result.append(character) }
      if character == ">" { depth -= 1 }
    }
    return result
  }
}
