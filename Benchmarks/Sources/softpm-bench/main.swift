// Measures the library from outside, as a program would use it.
//
//   softpm-bench [points] [--smoke]
//
// Every figure is a median of interleaved runs; beside it stands the raw floor of the same run:
// as many bytes written to a file and flushed.

import Containers

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

let arguments = Array(CommandLine.arguments.dropFirst())
let isSmoke = arguments.contains("--smoke")
let subcommands = arguments.filter { !$0.hasPrefix("--") }
let known = ["points"]
if let unknown = subcommands.first(where: { !known.contains($0) }) {
  print(
    "softpm-bench: there is no subcommand \"\(unknown)\"; there are: \(known.joined(separator: ", "))"
  )
  exit(2)
}
try PointsBenchmark(objects: isSmoke ? 2_000 : 200_000, rounds: isSmoke ? 3 : 15).run()
