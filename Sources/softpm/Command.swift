// What a command is: one table (`Command.all`) gives the parser, the help, the manual page, the
// completions and the suggestions. Nothing about a command is written down anywhere else.

/// A command: what the user types, what it is for, and what it does.
struct Command: Sendable {
  /// What stands without a name on the command line.
  struct Operand: Sendable {
    var name: String
    var about: String
    var isOptional = false
  }

  struct Option: Sendable {
    var name: String
    /// What its value is called; nil for a flag.
    var value: String?
    var about: String
  }

  struct Example: Sendable {
    var line: String
    var about: String
  }

  var name: String
  var summary: String
  /// Paragraphs.
  var about: [String]
  var operands: [Operand] = []
  var options: [Option] = []
  var examples: [Example]
  var run: @Sendable (Invocation, Console) throws -> ExitCode

  /// Understood by every command.
  static let commonOptions = [
    Option(name: "json", about: "Print one JSON document, errors included."),
    Option(name: "color", value: "WHEN", about: "always, never, or auto: on a terminal."),
    Option(name: "progress", value: "WHEN", about: "always, never, or auto: on a terminal."),
    Option(name: "help", about: "Say what the command does."),
  ]

  /// For commands that change or remove something.
  static let cautionOptions = [
    Option(name: "yes", about: "Do it without asking."),
    Option(name: "dry-run", about: "Say what would be done, and do nothing."),
  ]

  var allOptions: [Option] { options + Self.commonOptions }

  var usage: String {
    var words = ["softpm", name]
    words += operands.map { $0.isOptional ? "[\($0.name)]" : $0.name }
    return words.joined(separator: " ")
  }

  static func named(_ name: String) -> Command? { all.first { $0.name == name } }
}

/// The exit codes, documented in the help.
enum ExitCode: Int32, CaseIterable, Sendable {
  case success = 0
  case failure = 1
  case usage = 2
  case different = 3
  case notAStore = 10
  case inUse = 11
  case typesDiffer = 12
  case corrupt = 13
  case newerFormat = 14

  var about: String {
    switch self {
    case .success: "all went well"
    case .failure: "it failed; the message says why"
    case .usage: "the command line could not be understood"
    case .different: "differences were found"
    case .notAStore: "the file is no store"
    case .inUse: "another process has the store open for writing"
    case .typesDiffer: "types differ"
    case .corrupt: "the store is damaged"
    case .newerFormat: "the store was written by a newer version"
    }
  }
}

/// A command line, taken apart.
struct Invocation: Sendable {
  let command: Command
  private let operands: [String]
  private let options: [String: String]

  /// Throws `UsageError` for what the command does not understand.
  init(_ command: Command, _ words: [String]) throws {
    self.command = command
    var operands: [String] = []
    var options: [String: String] = [:]
    var rest = words[...]
    var onlyOperands = false
    while let word = rest.popFirst() {
      guard word.hasPrefix("--"), !onlyOperands else {
        if word.hasPrefix("-"), word.count > 1, !onlyOperands {
          if word == "-h" {
            options["help"] = ""
            continue
          }
          throw UsageError("There is no option \(word).", command)
        }
        operands.append(word)
        continue
      }
      if word == "--" {
        onlyOperands = true
        continue
      }
      let parts = word.dropFirst(2).split(
        separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      let name = String(parts.first ?? "")
      guard let option = command.allOptions.first(where: { $0.name == name }) else {
        let near = Suggestion.nearest(to: name, among: command.allOptions.map(\.name))
        throw UsageError(
          "There is no option --\(name)." + (near.map { " Did you mean --\($0)?" } ?? ""), command)
      }
      if option.value == nil {
        guard parts.count == 1 else { throw UsageError("--\(name) takes no value.", command) }
        options[name] = ""
      } else if parts.count == 2 {
        options[name] = String(parts[1])
      } else if let value = rest.popFirst() {
        options[name] = value
      } else {
        throw UsageError("--\(name) wants a value: --\(name) \(option.value ?? "").", command)
      }
    }
    self.operands = operands
    self.options = options
    guard options["help"] == nil else { return }
    let least = command.operands.count { !$0.isOptional }
    guard operands.count >= least, operands.count <= command.operands.count else {
      let missing = command.operands.dropFirst(operands.count).first?.name
      throw UsageError(
        operands.count < least
          ? "\(missing ?? "An operand") is missing." : "There are too many operands.", command)
    }
  }

  func has(_ option: String) -> Bool { options[option] != nil }
  func value(_ option: String) -> String? { options[option] }
  func operand(_ index: Int) -> String? { index < operands.count ? operands[index] : nil }

  /// An operand that `init` has made sure of.
  func required(_ index: Int) throws -> String {
    guard let operand = operand(index) else { throw UsageError("An operand is missing.", command) }
    return operand
  }

  func number(_ option: String, _ fallback: Int) throws -> Int {
    guard let text = value(option) else { return fallback }
    guard let number = Int(text), number >= 0 else {
      throw UsageError("--\(option) wants a number, not \"\(text)\".", command)
    }
    return number
  }
}

/// The command line could not be understood.
struct UsageError: Error {
  let message: String
  let command: Command?

  init(_ message: String, _ command: Command?) {
    self.message = message
    self.command = command
  }
}

/// What somebody may have meant.
enum Suggestion {
  /// The candidate with the fewest letters changed, swapped, added or left out; nil where none
  /// is near.
  static func nearest(to word: String, among candidates: [String]) -> String? {
    let ranked = candidates.map { (distance(Array(word), Array($0)), $0) }.min { $0.0 < $1.0 }
    guard let ranked, ranked.0 <= max(1, word.count / 3) else { return nil }
    return ranked.1
  }

  private static func distance(_ left: [Character], _ right: [Character]) -> Int {
    var rows = [Array(0...right.count)]
    for row in 1..<left.count + 1 where !left.isEmpty {
      var current = [row]
      for column in 1..<right.count + 1 where !right.isEmpty {
        let isEqual = left[row - 1] == right[column - 1]
        var best = min(
          rows[row - 1][column] + 1, current[column - 1] + 1,
          rows[row - 1][column - 1] + (isEqual ? 0 : 1))
        if row > 1, column > 1, left[row - 1] == right[column - 2],
          left[row - 2] == right[column - 1]
        {
          best = min(best, rows[row - 2][column - 2] + 1)
        }
        current.append(best)
      }
      rows.append(current)
    }
    return rows[left.count][right.count]
  }
}
