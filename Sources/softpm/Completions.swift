// Completions for shells, as the command table gives them.

enum Completions {
  static func run(_ invocation: Invocation, _ console: Console) throws -> ExitCode {
    let shell = try invocation.required(0)
    let text: String
    switch shell {
    case "bash": text = bash
    case "zsh": text = "autoload -U +X bashcompinit && bashcompinit\n" + bash
    case "fish": text = fish
    default:
      throw UsageError(
        "There are completions for bash, zsh and fish, not \(shell).", invocation.command)
    }
    if console.isJSON {
      console.json(.object([("shell", .string(shell)), ("script", .string(text))]))
    } else {
      console.raw(text)
    }
    return .success
  }

  private static var bash: String {
    var lines = [
      "_softpm() {", "  local word=\"${COMP_WORDS[COMP_CWORD]}\" options",
      "  if [ \"$COMP_CWORD\" -eq 1 ]; then",
      "    COMPREPLY=($(compgen -W \"\(Command.all.map(\.name).joined(separator: " ")) help\" -- \"$word\"))",
      "    return", "  fi", "  case \"${COMP_WORDS[1]}\" in",
    ]
    for command in Command.all {
      let options = command.allOptions.map { "--\($0.name)" }.joined(separator: " ")
      lines.append("    \(command.name)) options=\"\(options)\" ;;")
    }
    lines += [
      "  esac", "  case \"$word\" in",
      "    -*) COMPREPLY=($(compgen -W \"$options\" -- \"$word\")) ;;",
      "    *) COMPREPLY=($(compgen -f -- \"$word\")) ;;", "  esac", "}",
      "complete -o filenames -F _softpm softpm",
    ]
    return lines.joined(separator: "\n") + "\n"
  }

  private static var fish: String {
    func quoted(_ text: String) -> String { "'" + text.replacing("'", with: "\\'") + "'" }
    var lines: [String] = []
    for command in Command.all {
      lines.append(
        "complete -c softpm -n __fish_use_subcommand -a \(command.name) -d \(quoted(command.summary))"
      )
      for option in command.allOptions {
        let value = option.value == nil ? "" : " -r"
        lines.append(
          "complete -c softpm -n '__fish_seen_subcommand_from \(command.name)' "
            + "-l \(option.name)\(value) -d \(quoted(option.about))")
      }
    }
    return lines.joined(separator: "\n") + "\n"
  }
}
