import Foundation
import SoftPMTesting
import Testing

/// A program that is compiled while the tests run, against the library as it was built for them: so
/// programs with one module name can differ in their types, as versions of an application do.
struct CompiledProgram {
  /// Folders of `Tests/Programs/Migration`.
  let folders: [String]
  /// Beyond what the package's own programs are compiled with: `-O`, `-D BEFORE`.
  let flags: [String]

  static let package = URL(filePath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  init(folders: [String], flags: [String]) {
    self.folders = folders
    self.flags = flags
  }

  init(_ folders: String..., flags: [String]) {
    self.init(folders: folders, flags: flags)
  }

  static func sources(in folder: String) throws -> [URL] {
    let url = package.appending(path: "Tests/Programs/Migration/\(folder)")
    return try FileManager.default.contentsOfDirectory(atPath: url.path())
      .filter { $0.hasSuffix(".swift") }.sorted().map { url.appending(path: $0) }
  }

  /// Compiles all of the folders as the module `Shop`, and returns the program's path.
  func compile(to name: String, in scratch: ScratchFolder) throws -> String {
    let built = URL(filePath: try ChildProgram("ListProgram").path).deletingLastPathComponent()
    // What a program of this package is linked from, but for the program itself.
    let list = built.appending(path: "ListProgram.product/Objects.LinkFileList")
    let objects = try String(contentsOf: list, encoding: .utf8).split(separator: "\n")
      .filter { !$0.contains("/ListProgram.build/") }
    try objects.joined(separator: "\n")
      .write(toFile: scratch.path("\(name).objects"), atomically: true, encoding: .utf8)
    let program = scratch.path(name)
    var words = ["swiftc", "-swift-version", "6", "-warnings-as-errors", "-module-name", "Shop"]
    words += ["-I", built.appending(path: "Modules").path()] + (try moduleMaps(built)) + flags
    words += try folders.flatMap { try Self.sources(in: $0) }.map { $0.path() }
    words += ["@" + scratch.path("\(name).objects"), "-o", program]
    words += ["-luring", "-lxxhash", "-lpmem", "-lsigsegv"]
    try Self.run(words)
    return program
  }

  /// C modules that the library's own modules import.
  private func moduleMaps(_ built: URL) throws -> [String] {
    var words: [String] = []
    for folder in try FileManager.default.contentsOfDirectory(atPath: built.path())
    where folder.hasPrefix("CSoftPM") && folder.hasSuffix(".build") {
      words += [
        "-Xcc", "-fmodule-map-file=" + built.appending(path: folder).path() + "/module.modulemap",
      ]
    }
    let sources = Self.package.appending(path: "Sources")
    for folder in try FileManager.default.contentsOfDirectory(atPath: sources.path())
    where folder.hasPrefix("C") {
      let path = sources.appending(path: folder).path()
      if folder.hasPrefix("CLib") {
        words += ["-Xcc", "-fmodule-map-file=\(path)/module.modulemap"]
      } else if folder.hasPrefix("CSoftPM") {
        words += ["-Xcc", "-I", "-Xcc", "\(path)/include"]
      }
    }
    return words
  }

  private static func run(_ words: [String]) throws {
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = words
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = pipe
    try process.run()
    let output = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    try #require(
      process.terminationStatus == 0, "\(words[0]): \(String(decoding: output, as: UTF8.self))")
  }

  /// Runs a compiled program to its end.
  static func run(
    _ path: String, _ arguments: [String], environment: [String: String] = [:]
  ) throws -> (status: Int32, output: String) {
    let process = Process()
    process.executableURL = URL(filePath: path)
    process.arguments = arguments
    var variables = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    variables["SWIFT_BACKTRACE"] = "enable=no"
    process.environment = variables
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = pipe
    try process.run()
    let output = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (
      process.terminationReason == .exit ? process.terminationStatus : -process.terminationStatus,
      String(decoding: output, as: UTF8.self)
    )
  }
}
