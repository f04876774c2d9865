import Foundation
import Testing

/// Runs the programs that need a process of their own.
enum Program {
  static func run(
    _ name: String, _ arguments: [String] = [], environment: [String: String] = [:]
  ) throws -> (status: Int32, output: String) {
    let process = Process()
    let folder = Bundle.main.executableURL ?? URL(fileURLWithPath: CommandLine.arguments[0])
    process.executableURL = folder.deletingLastPathComponent().appendingPathComponent(name)
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

@Suite("Across processes")
struct ProgramTests {
  @Test("the references found are those that the runtime retains, for 120 shapes of value")
  func oracle() throws {
    let (status, output) = try Program.run("TypesOracle")
    #expect(status == 0, "\(output)")
  }

  @Test(
    "a graph comes back in another program, under other addresses and hash seeds",
    arguments: [[:], ["SWIFT_DETERMINISTIC_HASHING": "1"]])
  func otherProgram(environment: [String: String]) throws {
    let file = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    defer { try? FileManager.default.removeItem(at: file) }
    let (written, problem) = try Program.run(
      "TypesWriter", [file.path], environment: environment)
    #expect(written == 0, "\(problem)")
    let (status, output) = try Program.run("TypesReader", [file.path], environment: environment)
    #expect(status == 0, "\(output)")
    #expect(output.hasPrefix(environment.isEmpty ? "other seeds" : "same seeds"), "\(output)")
  }
}
