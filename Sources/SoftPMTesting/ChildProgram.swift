import Foundation

/// Runs one of the package's test programs in a process of its own: restarts, crashes and
/// address space layouts can be tested in no other way.
package struct ChildProgram: Sendable {
  package struct Outcome: Sendable {
    package let output: String
    package let errors: String
    /// The exit status; nil when a signal ended the process.
    package let status: Int32?
    package let signal: Int32?

    package var lines: [String] {
      output.split(separator: "\n", omittingEmptySubsequences: false).dropLast().map(String.init)
    }
  }

  private let executable: URL
  private let environment: [String: String]

  /// `name` is the name of an executable target; it was built beside the running tests.
  package init(_ name: String, environment: [String: String] = [:]) throws {
    let tests = URL(
      filePath: try FileManager.default.destinationOfSymbolicLink(
        atPath: "/proc/self/exe"))
    executable = tests.deletingLastPathComponent().appending(path: name)
    guard FileManager.default.isExecutableFile(atPath: executable.path()) else {
      throw Missing(path: executable.path())
    }
    self.environment = environment
  }

  package struct Missing: Error, CustomStringConvertible {
    let path: String
    package var description: String {
      "There is no test program at \(path); build it with `swift build --build-tests`."
    }
  }

  /// Where the program is, for those who start it their own way.
  package var path: String { executable.path() }

  package func run(_ arguments: String...) throws -> Outcome {
    try run(arguments)
  }

  package func run(_ arguments: [String]) throws -> Outcome {
    let process = Process()
    process.executableURL = executable
    process.arguments = arguments
    var variables = ProcessInfo.processInfo.environment
    variables["SWIFT_BACKTRACE"] = "enable=no"
    variables.merge(environment) { $1 }
    process.environment = variables
    process.standardInput = FileHandle.nullDevice
    let folder = FileManager.default.temporaryDirectory
    let outputFile = folder.appending(path: "child-\(UUID().uuidString).out")
    let errorFile = folder.appending(path: "child-\(UUID().uuidString).err")
    for file in [outputFile, errorFile] { try Data().write(to: file) }
    defer { for file in [outputFile, errorFile] { try? FileManager.default.removeItem(at: file) } }
    process.standardOutput = try FileHandle(forWritingTo: outputFile)
    process.standardError = try FileHandle(forWritingTo: errorFile)
    try process.run()
    process.waitUntilExit()
    let signalled = process.terminationReason == .uncaughtSignal
    return Outcome(
      output: try String(contentsOf: outputFile, encoding: .utf8),
      errors: try String(contentsOf: errorFile, encoding: .utf8),
      status: signalled ? nil : process.terminationStatus,
      signal: signalled ? process.terminationStatus : nil)
  }
}

/// A folder for one test, removed when the test lets go of it.
package final class ScratchFolder: Sendable {
  package let url: URL

  package init() throws {
    url = FileManager.default.temporaryDirectory.appending(path: "softpm-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
  }

  deinit {
    try? FileManager.default.removeItem(at: url)
  }

  package func path(_ name: String) -> String { url.appending(path: name).path() }
}
