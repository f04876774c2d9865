// The manual, as the command table gives it: for man(1), and as Markdown for docs/.

enum Manual {
  static func run(_ invocation: Invocation, _ console: Console) throws -> ExitCode {
    let text = invocation.has("markdown") ? markdown : page
    if console.isJSON {
      console.json(.object([("manual", .string(text))]))
    } else {
      console.raw(text)
    }
    return .success
  }

  private static func roff(_ text: String) -> String {
    text.replacing("\\", with: "\\e").replacing("-", with: "\\-").replacing("'", with: "\\(aq")
  }

  static var page: String {
    var lines = [
      ".TH SOFTPM 1", ".SH NAME", "softpm \\- see into a store without its program",
      ".SH SYNOPSIS",
    ]
    for command in Command.all {
      lines += [".B \(roff(command.usage))", "[OPTION]...", ".br"]
    }
    lines += [".SH DESCRIPTION"]
    lines.append(roff(description))
    lines.append(".SH COMMANDS")
    for command in Command.all {
      lines += [".SS \(roff(command.usage))"]
      for paragraph in command.about { lines += [roff(paragraph), ".PP"] }
      for operand in command.operands {
        lines += [".TP", ".I \(operand.name)", roff(operand.about)]
      }
      for option in command.options {
        lines += [".TP", ".B \(roff(option.spelling))", roff(option.about)]
      }
      lines += [".PP", "Examples:"]
      for example in command.examples {
        lines += [".TP", ".B \(roff(example.line))", roff(example.about)]
      }
    }
    lines.append(".SH OPTIONS")
    for option in Command.commonOptions {
      lines += [".TP", ".B \(roff(option.spelling))", roff(option.about)]
    }
    lines.append(".SH EXIT STATUS")
    for code in ExitCode.allCases { lines += [".TP", ".B \(code.rawValue)", roff(code.about)] }
    lines += [".SH ENVIRONMENT", ".TP", ".B NO_COLOR", "No colours, whatever it is set to."]
    return lines.joined(separator: "\n") + "\n"
  }

  private static let description =
    "A store describes its own types, so softpm shows any container without the program that wrote "
    + "it. It looks at stores that are in use, and writes only where the command says so: branch, "
    + "label and compact. On a terminal, lines are cut to its width; in a pipe they are whole."

  static var markdown: String {
    var lines = [
      "# softpm, the command line", "",
      "<!-- Made by `softpm man --markdown`; a test compares. -->", "", description, "",
      "A version is named STORE:CONTAINER@VERSION, as in `notes.softpm:notebook@12`; a value in it "
        + "by its path, as in `root.people[\"Ann\"].age`.", "",
    ]
    for command in Command.all {
      lines += ["## \(command.usage)", "", "\(command.summary.capitalizedFirst)."]
      for paragraph in command.about { lines += [""] + [paragraph] }
      lines.append("")
      for example in command.examples { lines.append("    \(example.line)    # \(example.about)") }
      let entries =
        command.operands.map { ($0.name, $0.about) }
        + command.options.map { ($0.spelling, $0.about) }
      if !entries.isEmpty {
        lines += ["", "| | |", "| --- | --- |"]
        lines += entries.map { "| `\($0.0)` | \($0.1) |" }
      }
      lines.append("")
    }
    lines += ["## Every command", "", "| | |", "| --- | --- |"]
    lines += Command.commonOptions.map { "| `\($0.spelling)` | \($0.about) |" }
    lines += ["", "NO_COLOR in the environment turns colours off.", "", "## Exit codes", ""]
    lines += ["| code | meaning |", "| --- | --- |"]
    lines += ExitCode.allCases.map { "| \($0.rawValue) | \($0.about) |" }
    return lines.joined(separator: "\n") + "\n"
  }
}

extension String {
  var capitalizedFirst: String { prefix(1).uppercased() + dropFirst() }
}
