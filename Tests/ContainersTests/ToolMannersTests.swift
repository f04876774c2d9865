import Containers
import Foundation
import SoftPMTesting
import Testing

@Suite("The manners of the tool softpm")
struct ToolMannersTests {
  private func tool() throws -> ChildProgram { try ChildProgram("softpm") }

  /// A store with some of its bytes changed.
  private func changed(
    _ folder: ScratchFolder, _ name: String, _ change: (inout Data) -> Void
  ) throws -> String {
    var bytes = try Data(contentsOf: URL(filePath: Golden.path))
    change(&bytes)
    let path = folder.path(name)
    try bytes.write(to: URL(filePath: path))
    return path
  }

  @Test(
    "broken, cut, foreign, newer and missing files have their exit codes and one line that helps")
  func badFiles() throws {
    let folder = try ScratchFolder()
    let foreign = try changed(folder, "foreign") { $0 = Data(repeating: 0x41, count: 100_000) }
    let cut = try changed(folder, "cut") { $0 = $0.prefix(10_000) }
    let newer = try changed(folder, "newer") { bytes in
      bytes[8] = 2
      bytes[4096 + 8] = 2
    }
    let broken = try changed(folder, "broken") { bytes in
      bytes[100] ^= 1
      bytes[4096 + 100] ^= 1
    }
    let missing = folder.path("missing")
    for (path, status, code) in [
      (foreign, 10, "notAStore"), (cut, 13, "corrupt"), (newer, 14, "newerFormat"),
      (broken, 13, "corrupt"), (missing, 1, "notFound"),
    ] {
      let outcome = try tool().run("info", path)
      #expect(outcome.status == Int32(status), "\(path): \(outcome.errors)")
      #expect(outcome.output.isEmpty)
      let lines = outcome.errors.split(separator: "\n")
      #expect(lines.count == 1 && lines[0].hasPrefix("softpm: \(path): "), "\(outcome.errors)")
      let json = try tool().run("info", path, "--json")
      #expect(json.status == Int32(status) && json.errors.isEmpty)
      let value = try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [String: Any]
      let error = value?["error"] as? [String: Any]
      #expect(error?["code"] as? String == code && error?["exitCode"] as? Int == status)
    }
  }

  @Test("verify reads every byte, names the damaged version, and cat of it says the same")
  func damage() throws {
    let whole = try tool().run("verify", Golden.path)
    #expect(whole.status == 0 && whole.output.hasPrefix("whole: 5 versions, "))
    let folder = try ScratchFolder()
    let text = Data("a notebook whose title is rather long".utf8)
    let path = try changed(folder, "damaged") { bytes in
      var start = bytes.startIndex
      while let found = bytes.range(of: text, in: start..<bytes.endIndex) {
        bytes[found.lowerBound] ^= 1
        start = found.upperBound
      }
    }
    let outcome = try tool().run("verify", path)
    #expect(outcome.status == 13)
    // The title's chunk of version 1 is that of 3, its branch, and 4 too.
    #expect(outcome.output.contains("versions 1, 3, 4: ") && outcome.output.contains("version 5: "))
    #expect(outcome.errors.contains("is damaged in 3 places"))
    let cat = try tool().run("cat", "\(path):notebook@1", "root.title")
    #expect(cat.status == 13 && cat.output.isEmpty, "\(cat.output)")
    let bar = try tool().run("verify", Golden.path, "--progress=always")
    #expect(bar.errors.contains("100%") && bar.errors.contains("/s"))
  }

  @Test("wrong command lines are usage errors that name what was probably meant")
  func usage() throws {
    let tool = try tool()
    for (words, hint) in [
      (["inof", "x"], "Did you mean \"info\"?"), (["diff", "--jsno", "x"], "Did you mean --json?"),
      (["info"], "STORE is missing"), (["info", "a", "b"], "too many operands"),
      (["cat", "x", "--depth"], "wants a value"), (["cat", "x", "--depth=y"], "wants a number"),
      (["info", "x", "--color=sometimes"], "always, never or auto"), (["qqqqqq"], "softpm help"),
    ] {
      let outcome = try tool.run(words)
      // A number is only looked at when the store is open.
      #expect(outcome.status == 2 || words.contains("--depth=y"), "\(words): \(outcome.errors)")
      #expect(outcome.errors.contains(hint) || words.contains("--depth=y"), "\(outcome.errors)")
    }
    #expect(try tool.run([]).status == 2)
    for words in [["help"], ["--help"], ["help", "diff"], ["diff", "--help"]] {
      let outcome = try tool.run(words)
      #expect(outcome.status == 0 && outcome.output.contains("Examples:"))
      #expect(outcome.lines.allSatisfy { $0.count <= 80 }, "\(words)")
    }
  }

  @Test("the manual, its page in docs and the completions come from the command table")
  func manual() throws {
    let commands = try tool().run("help").lines
      .drop { $0 != "Commands:" }.dropFirst().prefix { !$0.isEmpty }
      .compactMap { $0.split(separator: " ").first.map(String.init) }
    #expect(commands.count > 12)
    let page = try tool().run("man").output
    let bash = try tool().run("completions", "bash").output
    let fish = try tool().run("completions", "fish").output
    for command in commands {
      #expect(page.contains(".SS softpm \(command)") && fish.contains("-a \(command) "))
      #expect(bash.contains(" \(command) ") || bash.contains("\"\(command) "))
    }
    let syntax = Process()
    syntax.executableURL = URL(filePath: "/bin/bash")
    syntax.arguments = ["-nc", bash]
    try syntax.run()
    syntax.waitUntilExit()
    #expect(syntax.terminationStatus == 0)
    let document = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appending(path: "docs/command-line.md")
    #expect(
      try tool().run("man", "--markdown").output == String(contentsOf: document, encoding: .utf8),
      "run `softpm man --markdown > docs/command-line.md`")
  }

  /// What the tool shows on a terminal of 80 columns.
  private func onTerminal(_ words: String, _ environment: String = "") throws -> String {
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/script")
    let command = "stty cols 80 rows 24; \(environment) \(try tool().path) \(words)"
    process.arguments = ["-qec", command, "/dev/null"]
    process.standardInput = FileHandle.nullDevice
    process.environment = [
      "TERM": "xterm", "PATH": "/usr/bin:/bin", "SWIFT_BACKTRACE": "enable=no",
    ]
    let output = Pipe()
    process.standardOutput = output
    try process.run()
    let data = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return String(decoding: data, as: UTF8.self)
  }

  @Test(
    "on a terminal of 80 columns nothing wraps, and colours are there unless NO_COLOR is",
    arguments: [
      "info G", "log G --graph", "log G", "show G:notebook", "cat G:notebook", "tree G:notebook",
      "diff G:notebook", "types G:notebook --all", "verify G",
    ])
  func terminal(_ words: String) throws {
    let words = words.replacing("G", with: Golden.path)
    let text = try onTerminal(words)
    let lines = text.replacing("\r\n", with: "\n").replacing("\r", with: "").replacing(
      /\u{1b}\[[0-9;]*[mK]/, with: ""
    )
    .split(separator: "\n")
    #expect(!lines.isEmpty)
    for line in lines { #expect(line.count <= 80, "\(line)") }
    #expect(!(try onTerminal(words, "NO_COLOR=1").contains("\u{1b}[3")))
    let arguments = words.split(separator: " ").map(String.init)
    #expect(!(try tool().run(arguments).output.contains("\u{1b}")))
    #expect(!(try tool().run(arguments + ["--color=never"]).output.contains("\u{1b}")))
  }

  @Test("a reader that goes away ends the tool without a word")
  func brokenPipe() throws {
    let process = Process()
    process.executableURL = URL(filePath: "/bin/bash")
    let path = try tool().path
    process.arguments = ["-c", "\(path) export \(Golden.path):notebook --ndjson | head -c 10"]
    let errors = Pipe()
    process.standardError = errors
    process.standardOutput = Pipe()
    try process.run()
    process.waitUntilExit()
    #expect(errors.fileHandleForReading.readDataToEndOfFile().isEmpty)
  }

  @Test(
    "info and log of a store of 1 GiB are instant, verify shows how far it is",
    .enabled(if: ProcessInfo.processInfo.environment["SOFTPM_TEST_DEEP"] == "1"))
  func large() throws {
    let folder = try ScratchFolder()
    let path = folder.path("large.softpm")
    let store = try Store.open(path)
    let block = [UInt8](repeating: 7, count: 16 << 20)
    let container = try store.container("large", initial: [[UInt8]]())
    for number in 0..<64 {
      container.update { blocks in
        var copy = block
        copy[0] = UInt8(number)
        blocks.append(copy)
      }
      try container.persistAndWait()
    }
    try store.close()
    for command in ["info", "log"] {
      let start = ContinuousClock.now
      #expect(try tool().run(command, path).status == 0)
      #expect(ContinuousClock.now - start < .seconds(1))
    }
    let verify = try tool().run("verify", path, "--progress=always")
    #expect(verify.status == 0)
    #expect(verify.errors.split(separator: "\r").count > 3, "the bar moved")
  }
}
