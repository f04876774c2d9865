// What only processes can show: kills, locks, system calls.

import Foundation
import SoftPMBase
import SoftPMStore
import SoftPMTesting
import Testing

@Suite struct ProcessTests {
  private static let strace = ["/usr/bin/strace", "/bin/strace"].first {
    FileManager.default.isExecutableFile(atPath: $0)
  }

  /// A test program with pipes to it.
  private final class Child {
    let process = Process()
    let output = Pipe()
    let input = Pipe()

    init(_ arguments: [String], _ environment: [String: String] = [:]) throws {
      process.executableURL = URL(filePath: try ChildProgram("StoreProgram").path)
      process.arguments = arguments
      process.standardOutput = output
      process.standardInput = input
      process.environment = ProcessInfo.processInfo.environment.merging(
        environment.merging(["SWIFT_BACKTRACE": "enable=no"]) { $1 }
      ) { $1 }
      try process.run()
      // Our copy of the child's end; otherwise the end of its output is never seen.
      try output.fileHandleForWriting.close()
    }

    /// What it prints until it ends, and no lines cut short.
    func lines(after first: String = "") -> [String] {
      let text =
        first + String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
      var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
      lines.removeLast()
      return lines
    }

    func firstLine() -> String {
      String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
    }
  }

  @Test(
    "killed at any moment, a store has every version that was announced, whole, and goes on",
    arguments: [StoreDriver.uring, .posix, .pmem])
  func kills(_ driver: StoreDriver) throws {
    let isDeep = ProcessInfo.processInfo.environment["SOFTPM_TEST_DEEP"] == "1"
    let kills = isDeep ? 1_000 : 13
    let folder = try ScratchFolder()
    let path = folder.path("s")
    var random = StoreRandom(seed: 42)
    var announced: [String: UInt64] = [:]
    let environment = ["SOFTPM_DRIVER": driver.rawValue]
    var announcements = 0
    for round in 0..<kills {
      let child = try Child(["commits", path, "\(round)"], environment)
      var first = child.firstLine()
      // Every other one lives until something was announced, however busy the machine is.
      while round % 2 == 0, !first.contains("durable"), case let more = child.firstLine(),
        !more.isEmpty
      {
        first += more
      }
      usleep(UInt32.random(in: 0..<60_000, using: &random))
      kill(child.process.processIdentifier, SIGKILL)
      child.process.waitUntilExit()
      for line in child.lines(after: first) {
        let words = line.split(separator: " ")
        #expect(words.first == "durable" || line == "open", "round \(round): \(line)")
        if words.first == "durable", let number = UInt64(words[2]) {
          announced[String(words[1])] = number
          announcements += 1
        }
      }
      // A reader finds it too, before any writer has put things right.
      var options = StoreFileOptions()
      options.readOnly = true
      if let reader = try? ChunkStore.open(path, options) {
        for container in try reader.containers {
          #expect(
            container.newest?.rawValue ?? 0 >= announced[container.name] ?? 0, "round \(round)")
        }
        try reader.close()
      } else {
        #expect(announced.isEmpty, "round \(round)")
      }
      let outcome = try ChildProgram("StoreProgram", environment: environment)
        .run("check", path)
      #expect(outcome.lines.last == "checked", "round \(round): \(outcome)")
      for line in outcome.lines where line.hasPrefix("newest") {
        let words = line.split(separator: " ").map(String.init)
        #expect(UInt64(words[2]) ?? 0 >= announced[words[1]] ?? 0, "round \(round): \(line)")
      }
    }
    #expect(announcements > kills / 2)
  }

  @Test("a second process is refused, and told which one holds the store")
  func locking() throws {
    let folder = try ScratchFolder()
    let path = folder.path("s")
    let child = try Child(["hold", path])
    #expect(child.firstLine() == "open \(child.process.processIdentifier)\n")
    do {
      _ = try ChunkStore.open(path)
      Issue.record("two writers")
    } catch {
      #expect(error.code == .storeInUse)
      #expect(error.message.contains("process \(child.process.processIdentifier)"))
    }
    // A reader is let in beside it.
    var options = StoreFileOptions()
    options.readOnly = true
    try ChunkStore.open(path, options).close()
    // When the holder is killed, its lock goes with it.
    kill(child.process.processIdentifier, SIGKILL)
    child.process.waitUntilExit()
    options.readOnly = false
    options.lockTimeout = .seconds(10)
    try ChunkStore.open(path, options).close()
  }

  @Test("without io_uring `automatic` does without it and says so; who asked for it is refused")
  func filtered() throws {
    let folder = try ScratchFolder()
    let path = folder.path("s")
    let automatic = try ChildProgram("StoreProgram").run("driver", path, "filtered")
    #expect(
      automatic.output
        == "posix: io_uring is not available here (Operation not permitted); using pwrite and "
        + "fdatasync\n")
    let asked = try ChildProgram("StoreProgram", environment: ["SOFTPM_DRIVER": "uring"])
      .run("driver", path, "filtered")
    #expect(asked.output == "")
    #expect(asked.errors.contains("io_uring is not available here"), "\(asked)")
    let wrong = try ChildProgram("StoreProgram", environment: ["SOFTPM_DRIVER": "tape"])
      .run("driver", path)
    #expect(wrong.errors.contains("automatic, uring, pmem, posix"), "\(wrong)")
  }

  @Test(
    "a write that is cut short is told of, and the next one works",
    arguments: ["posix", "uring"])
  func short(_ driver: String) throws {
    let folder = try ScratchFolder()
    let outcome = try ChildProgram("StoreProgram").run("short", folder.path("f"), driver)
    if outcome.errors.contains("io_uring is not available") { return }
    #expect(outcome.lines.count == 2, "\(outcome)")
    #expect(outcome.lines.first?.hasPrefix("refused") == true, "\(outcome)")
    #expect(outcome.lines.last == "then whole", "\(outcome)")
  }

  /// The system calls between "begin" and "end" of one durable point, and what the store counted.
  private func trace(_ driver: String) throws -> (calls: [String], counted: String) {
    let folder = try ScratchFolder()
    let log = folder.path("trace")
    let process = Process()
    process.executableURL = URL(filePath: try #require(ProcessTests.strace))
    process.arguments = [
      "-f", "-o", log, "-e",
      "trace=fdatasync,fsync,sync_file_range,msync,sync,syncfs,io_uring_enter,pwrite64,pwritev,"
        + "pwritev2,write", try ChildProgram("StoreProgram").path, "point", folder.path("s"),
    ]
    process.environment = ProcessInfo.processInfo.environment.merging(
      ["SOFTPM_DRIVER": driver]
    ) { $1 }
    let output = Pipe()
    process.standardOutput = output
    try process.run()
    let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    #expect(process.terminationStatus == 0)
    let lines = try String(contentsOfFile: log, encoding: .utf8).split(separator: "\n")
    let begin = try #require(lines.firstIndex { $0.contains("\"begin\\n\"") })
    let end = try #require(lines.firstIndex { $0.contains("\"end\\n\"") })
    // "pid call(arguments) = result": the name alone; a resumed call was counted when it began.
    let calls = lines[(begin + 1)..<end].filter { !$0.contains("resumed>") }.map {
      String($0.drop { $0 != " " }.drop { $0 == " " }.prefix { $0 != "(" })
    }
    return (calls, text.split(separator: "\n").last.map(String.init) ?? "")
  }

  @Test(
    "a durable point is one write and one flush, as the kernel sees it and as the store counts it",
    .enabled(if: strace != nil, "strace is not installed"))
  func systemCalls() throws {
    let posix = try trace("posix")
    #expect(posix.calls == ["pwritev", "fdatasync"])
    #expect(posix.counted == "posix points=1 upkeep=0 zeros=0")
    let uring = try trace("uring")
    #expect(uring.calls == ["io_uring_enter", "fdatasync"])
    #expect(uring.counted == "uring points=1 upkeep=0 zeros=0")
  }
}
