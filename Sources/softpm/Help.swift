// Help, as the command table gives it: examples first.

enum Help {
  static var overview: String {
    var lines = ["softpm: see into a store without its program", "", "Examples:"]
    for name in ["info", "log", "cat", "diff"] {
      if let example = Command.named(name)?.examples.first { lines.append("  \(example.line)") }
    }
    lines += ["", "Commands:"]
    for command in Command.all {
      lines.append("  \(command.name.padded(12)) \(command.summary)")
    }
    lines += ["", "softpm help COMMAND says more. Every command takes --json.", "", "Exit codes:"]
    lines += exitCodes
    return lines.joined(separator: "\n") + "\n"
  }

  static var exitCodes: [String] {
    ExitCode.allCases.map { "  \("\($0.rawValue)".leftPadded(2))  \($0.about)" }
  }

  static func text(of command: Command) -> String {
    var lines = ["softpm \(command.name): \(command.summary)", "", "Examples:"]
    for example in command.examples {
      lines.append("  \(example.line)")
      lines.append("      \(example.about)")
    }
    lines += ["", "Usage:", "  \(command.usage)"]
    for paragraph in command.about { lines += [""] + wrapped(paragraph, to: 78) }
    if !command.operands.isEmpty {
      lines += [""]
      for operand in command.operands { lines += entry(operand.name, operand.about) }
    }
    lines += ["", "Options:"]
    for option in command.allOptions { lines += entry(option.spelling, option.about) }
    return lines.joined(separator: "\n") + "\n"
  }

  private static func entry(_ name: String, _ about: String) -> [String] {
    let text = wrapped(about, to: 54)
    let width = 22
    var lines: [String] = []
    if name.count > width {
      lines.append("  \(name)")
      lines += text.map { String(repeating: " ", count: width + 4) + $0 }
    } else {
      lines.append("  \(name.padded(width))  \(text.first ?? "")")
      lines += text.dropFirst().map { String(repeating: " ", count: width + 4) + $0 }
    }
    return lines
  }

  static func wrapped(_ text: String, to width: Int) -> [String] {
    var lines: [String] = []
    var line = ""
    for word in text.split(separator: " ") {
      if !line.isEmpty, line.count + word.count + 1 > width {
        lines.append(line)
        line = ""
      }
      line += (line.isEmpty ? "" : " ") + word
    }
    if !line.isEmpty { lines.append(line) }
    return lines
  }
}

extension Command.Option {
  var spelling: String { "--\(name)" + (value.map { " \($0)" } ?? "") }
}
