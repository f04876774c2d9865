import Foundation
import Testing

/// Runs the programs that need a process of their own.
enum Program {
  /// Beside the test runner.
  static func url(_ name: String) -> URL {
    let folder = Bundle.main.executableURL ?? URL(fileURLWithPath: CommandLine.arguments[0])
    return folder.deletingLastPathComponent().appendingPathComponent(name)
  }

  static func run(
    _ name: String, _ arguments: [String] = [], environment: [String: String] = [:]
  ) throws -> (status: Int32, output: String) {
    let process = Process()
    process.executableURL = url(name)
    process.arguments = arguments
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    let pipe = Pipe()
    process.standardOutput = pipe
    try process.run()
    let output = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: output, as: UTF8.self))
  }
}

/// A program that talks, until it is killed.
final class RunningProgram {
  private let process = Process()
  private let output = Pipe()

  init(_ name: String, _ arguments: [String], environment: [String: String]) throws {
    process.executableURL = Program.url(name)
    process.arguments = arguments
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    process.standardOutput = output
    try process.run()
  }

  /// All that it says until it ends by itself.
  func wholeOutput() -> String {
    let bytes = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return String(decoding: bytes, as: UTF8.self)
  }

  /// Waits for a line that begins so, and kills the program without warning.
  func kill(after line: String) -> [String] {
    var text = ""
    while !text.split(separator: "\n").contains(where: { $0.hasPrefix(line) }) {
      let more = output.fileHandleForReading.availableData
      if more.isEmpty { break }
      text += String(decoding: more, as: UTF8.self)
    }
    Foundation.kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
    text += String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    return text.split(separator: "\n").map(String.init)
  }
}

@Suite("Across processes")
struct ProgramTests {
  @Test("the references found, counting nothing, are those that Swift retains: 120 shapes of value")
  func oracle() throws {
    let (status, output) = try Program.run("TypesOracle")
    #expect(status == 0 && output.hasPrefix("agreed "), "\(output)")
  }

  @Test("a container keeps described types through kills: deque, owned memory, locks")
  func describedTypes() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let environment = ["SOFTPM_STORE": folder.appendingPathComponent("post.softpm").path]
    for last in [5, 20] {
      let writer = try RunningProgram("TypesDeque", ["write"], environment: environment)
      #expect(writer.kill(after: "round \(last)").contains("round \(last)"))
      let (status, output) = try Program.run("TypesDeque", ["read"], environment: environment)
      #expect(status == 0 && output.hasPrefix("fine at round "), "\(output)")
    }
  }

  @Test(
    "a graph comes back in another program, under other addresses and hash seeds",
    arguments: [["SOFTPM_HASH_SEED": "process"], ["SWIFT_DETERMINISTIC_HASHING": "1"]])
  func otherProgram(environment: [String: String]) throws {
    let file = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    defer { try? FileManager.default.removeItem(at: file) }
    let (written, problem) = try Program.run(
      "TypesWriter", [file.path], environment: environment)
    #expect(written == 0, "\(problem)")
    let (status, output) = try Program.run("TypesReader", [file.path], environment: environment)
    #expect(status == 0, "\(output)")
    let areSame = environment["SWIFT_DETERMINISTIC_HASHING"] != nil
    #expect(output.hasPrefix(areSame ? "same seeds" : "other seeds"), "\(output)")
  }
}
