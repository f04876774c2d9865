// Reads the command line, runs the command that it names, and ends with its exit code.
// stdout is data; what is said to the user about the work goes to stderr.

import Containers

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

func complain(_ text: String) {
  var line = "softpm: " + text + "\n"
  line.withUTF8 { bytes in
    _ = write(STDERR_FILENO, bytes.baseAddress, bytes.count)
  }
}

let arguments = Array(CommandLine.arguments.dropFirst())
if arguments.isEmpty || ["help", "--help", "-h"].contains(arguments[0]) {
  print(Command.help)
  exit(arguments.isEmpty ? ExitCode.usage : 0)
}
guard let command = Command.all.first(where: { $0.name == arguments[0] }) else {
  complain("there is no command \"\(arguments[0])\"; `softpm help` lists them.")
  exit(ExitCode.usage)
}
let operands = Array(arguments.dropFirst())
guard operands.count == command.arguments.count else {
  complain("usage: \(command.usage)")
  exit(ExitCode.usage)
}
do {
  try command.run(operands)
} catch {
  complain("\(error)")
  exit(ExitCode.of(error))
}
