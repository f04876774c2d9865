import Foundation
import Testing

/// A folder in which a test compiles programs of its own.
struct Workshop: ~Copyable {
  let url: URL

  init() throws {
    url = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(at: url) }

  static let package = URL(filePath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  func path(_ name: String) -> String { url.appendingPathComponent(name).path }

  func write(_ text: String, to name: String) throws {
    try text.write(toFile: path(name), atomically: true, encoding: .utf8)
  }

  /// Runs a tool, or a program of the folder, and returns what it printed.
  @discardableResult
  func run(_ words: [String], environment: [String: String] = [:]) throws -> String {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = words
    process.currentDirectoryURL = url
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = pipe
    try process.run()
    let output = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    let text = String(decoding: output, as: UTF8.self)
    try #require(process.terminationStatus == 0, "\(words.joined(separator: " ")): \(text)")
    return text
  }
}

@Suite("The hash seeds of a program that is linked otherwise")
struct HashSeedLinkingTests {
  private static let sources = Workshop.package.appendingPathComponent("Sources/CSoftPMRuntime")

  /// Compiles the C sources and a program that prints whose seeds it has.
  private func prepare(_ workshop: borrowing Workshop) throws -> [String] {
    let include = Self.sources.appendingPathComponent("include").path
    try workshop.write(
      """
      module CSoftPMRuntime { header "\(include)/CSoftPMRuntime.h" export * }
      """, to: "module.modulemap")
    try workshop.write(
      """
      import CSoftPMRuntime
      print(softpm_seeds_are_the_users() ? "user" : "process", ["x": 1]["x"]!)
      """, to: "main.swift")
    let names = try FileManager.default.contentsOfDirectory(atPath: Self.sources.path)
      .filter { $0.hasSuffix(".c") }
    for name in names {
      let source = Self.sources.appendingPathComponent(name).path
      try workshop.run(["clang", "-fPIC", "-I\(include)", "-c", source, "-o", "\(name).o"])
    }
    return names.map { "\($0).o" }
  }

  private func swiftc(_ workshop: borrowing Workshop, _ arguments: [String]) throws {
    let map = workshop.path("module.modulemap")
    try workshop.run(["swiftc", "-Xcc", "-fmodule-map-file=\(map)"] + arguments)
  }

  @Test("are Swift's own where they would be set too early, too late, or for another user")
  func linking() throws {
    let workshop = try Workshop()
    let objects = try prepare(workshop)
    let state = ["XDG_STATE_HOME": workshop.url.path]
    try swiftc(workshop, ["main.swift", "-o", "ordinary"] + objects)
    #expect(try workshop.run(["./ordinary"], environment: state) == "user 1\n")
    // Its constructors run before those of the Swift runtime, which would draw seeds again.
    try swiftc(workshop, ["-static-stdlib", "main.swift", "-o", "static"] + objects)
    #expect(try workshop.run(["./static"], environment: state) == "process 1\n")
    // Loaded when dictionaries may exist already.
    try workshop.write("public func unused() {}", to: "library.swift")
    try swiftc(workshop, ["-emit-library", "library.swift", "-o", "library.so"] + objects)
    try workshop.write(
      """
      import Glibc
      let table = ["x": 1]
      let library = dlopen(CommandLine.arguments[1], RTLD_NOW)!
      typealias Question = @convention(c) () -> Bool
      let ask = unsafeBitCast(dlsym(library, "softpm_seeds_are_the_users")!, to: Question.self)
      print(ask() ? "user" : "process", table["x"]!)
      """, to: "loader.swift")
    try workshop.run(["swiftc", "loader.swift", "-o", "loader"])
    let loaded = try workshop.run(["./loader", workshop.path("library.so")], environment: state)
    #expect(loaded == "process 1\n")
    // Only the superuser can make a program that runs as somebody else.
    if getuid() == 0 {
      chmod(workshop.url.path, 0o755)
      chown(workshop.path("ordinary"), 65534, 65534)
      chmod(workshop.path("ordinary"), 0o4755)
      #expect(try workshop.run(["./ordinary"], environment: state) == "process 1\n")
    }
  }
}
