// The command-line tool: looks into a store without the program that wrote it.
//
// One table describes every command; parsing, help and usage errors all come from it.

import Containers

/// A command: what the user types, what it is for, and what it does.
struct Command: Sendable {
  let name: String
  let arguments: [String]
  let summary: String
  let example: String
  let run: @Sendable ([String]) throws -> Void

  static let all = [
    Command(
      name: "info", arguments: ["STORE"], summary: "the containers of a store and their sizes",
      example: "softpm info notes.softpm", run: { try Inspection(path: $0[0]).info() }),
    Command(
      name: "log", arguments: ["STORE"], summary: "the versions of every container, newest first",
      example: "softpm log notes.softpm", run: { try Inspection(path: $0[0]).log() }),
  ]

  var usage: String { (["softpm", name] + arguments).joined(separator: " ") }

  static var help: String {
    var lines = ["softpm: see into a store", "", "examples:"]
    lines += all.map { "  \($0.example)" }
    lines += ["", "commands:"]
    let width = all.map(\.usage.count).max() ?? 0
    for command in all {
      let gap = String(repeating: " ", count: width - command.usage.count + 2)
      lines.append("  \(command.usage)\(gap)\(command.summary)")
    }
    lines += ["", "exit codes: 0 ok, 1 failure, 2 usage, 10 not a store, 11 in use,"]
    lines += ["  13 damaged, 14 written by a newer version"]
    return lines.joined(separator: "\n")
  }
}

/// The exit codes, documented in the help.
enum ExitCode {
  static let usage: Int32 = 2

  static func of(_ error: any Error) -> Int32 {
    guard let error = error as? ContainerError else { return 1 }
    switch error.code {
    case .notAStore: return 10
    case .storeInUse: return 11
    case .typeChanged, .typeMissing: return 12
    case .corrupt: return 13
    case .newerFormat: return 14
    default: return 1
    }
  }
}
