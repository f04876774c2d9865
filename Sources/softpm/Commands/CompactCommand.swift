// compact, backup: the file as a whole.

import Containers

enum CompactCommand {
  static func run(_ invocation: Invocation, _ console: Console) throws -> ExitCode {
    let target = Target(try invocation.required(0))
    if invocation.has("dry-run") {
      let space = try target.open().store.space
      if console.isJSON {
        console.json(
          .object([
            ("bytes", .number(space.byteCount)), ("free", .number(space.freeBytes)),
            ("waiting", .number(space.waitingBytes)), ("done", .flag(false)),
          ]))
      } else {
        console.line(
          "would give back up to \(Bytes(space.freeBytes)) of \(Bytes(space.byteCount))")
      }
      return .success
    }
    let store = try target.openForWriting().store
    var progress = Progress(console, always: invocation.value("progress") == "always")
    let report = try store.compact { progress.show($0.bytesDone, of: $0.bytesTotal) }
    progress.end()
    try store.close()
    if console.isJSON {
      console.json(
        .object([
          ("bytesBefore", .number(report.bytesBefore)), ("bytesAfter", .number(report.bytesAfter)),
          ("moved", .number(report.movedBytes)), ("waiting", .number(report.waitingBytes)),
          ("done", .flag(true)),
        ]))
    } else {
      console.line("\(Bytes(report.bytesBefore)) became \(Bytes(report.bytesAfter))")
      if report.waitingBytes > 0 {
        console.say(
          "\(Bytes(report.waitingBytes)) stay while other processes read the store; compact again "
            + "when they have closed it.")
      }
    }
    return .success
  }

  static func backup(_ invocation: Invocation, _ console: Console) throws -> ExitCode {
    let store = try Target(invocation.required(0)).open().store
    let path = try invocation.required(1)
    var progress = Progress(console, always: invocation.value("progress") == "always")
    try store.backup(to: path) { progress.show($0.bytesDone, of: $0.bytesTotal) }
    progress.end()
    if console.isJSON {
      console.json(.object([("backup", .string(path)), ("done", .flag(true))]))
    } else {
      console.line("\(path) is a whole copy")
    }
    return .success
  }
}
