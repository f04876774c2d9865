// Reads the command line, runs the command that it names, and ends with its exit code.
// stdout is data; what is said to the user about the work goes to stderr.

import Containers

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Says what went wrong, in words or as JSON, and gives the exit code.
func report(_ error: any Error, json: Bool) -> ExitCode {
  let code = ExitCode(error)
  var name = "failure"
  var message = "\(error)"
  var path: String?
  if let error = error as? UsageError {
    name = "usage"
    message = error.message
    if !json, let command = error.command { message += " Usage: \(command.usage)" }
  } else if let error = error as? ContainerError {
    name = error.code.description
    message = error.message
    path = error.path
  }
  if json {
    Console.write(
      JSON.object([
        (
          "error",
          .object([
            ("code", .string(name)), ("message", .string(message)), ("path", .string(path)),
            ("exitCode", .number(Int(code.rawValue))),
          ])
        )
      ]).text + "\n", to: STDOUT_FILENO)
  } else {
    let place = path.map { "\($0): " } ?? ""
    let line = "softpm: \(place)\(message)".split(separator: "\n").joined(separator: " ")
    Console.write(line + "\n", to: STDERR_FILENO)
  }
  return code
}

func when(_ invocation: Invocation, _ option: String) throws -> When {
  guard let text = invocation.value(option) else { return .auto }
  guard let when = When(rawValue: text) else {
    throw UsageError("--\(option) is always, never or auto, not \"\(text)\".", invocation.command)
  }
  return when
}

func runTool(_ words: [String]) -> ExitCode {
  let json = words.contains("--json")
  do {
    let named = words.first { !$0.hasPrefix("-") }
    if words.isEmpty || named == "help" || named == nil {
      let topic = words.filter { !$0.hasPrefix("-") }.dropFirst().first
      if let command = topic.flatMap(Command.named) {
        Console.write(Help.text(of: command), to: STDOUT_FILENO)
        return .success
      }
      if named == nil,
        let unknown = words.first(where: { !["--help", "-h", "--json"].contains($0) })
      {
        throw UsageError("There is no option \(unknown) without a command.", nil)
      }
      let isAsked = !words.isEmpty
      Console.write(Help.overview, to: isAsked ? STDOUT_FILENO : STDERR_FILENO)
      return isAsked ? .success : .usage
    }
    guard let named, let command = Command.named(named) else {
      let near = Suggestion.nearest(to: named ?? "", among: Command.all.map(\.name))
      throw UsageError(
        "There is no command \"\(named ?? "")\"."
          + (near.map { " Did you mean \"\($0)\"?" } ?? " `softpm help` lists them."), nil)
    }
    var rest = words
    if let place = rest.firstIndex(of: named) { rest.remove(at: place) }
    let invocation = try Invocation(command, rest)
    if invocation.has("help") {
      Console.write(Help.text(of: command), to: STDOUT_FILENO)
      return .success
    }
    let console = Console(
      json: invocation.has("json"), color: try when(invocation, "color"),
      progress: try when(invocation, "progress"))
    return try command.run(invocation, console)
  } catch {
    return report(error, json: json)
  }
}

exit(runTool(Array(CommandLine.arguments.dropFirst())).rawValue)
