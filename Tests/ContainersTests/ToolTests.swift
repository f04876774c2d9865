import Containers
import Foundation
import SoftPMTesting
import Testing

/// The command-line tool, run as a user would.
@Suite("The tool softpm")
struct ToolTests {
  private static func store(at path: String) throws {
    let store = try Store.open(path)
    let words = try store.container("words", initial: ["one"])
    try words.persistAndWait(label: "first")
    words.root.append("two")
    try words.persistAndWait()
    try store.close()
  }

  @Test("info names the containers and their newest versions")
  func info() throws {
    let folder = try ScratchFolder()
    try Self.store(at: folder.path("a.softpm"))
    let outcome = try ChildProgram("softpm").run("info", folder.path("a.softpm"))
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(outcome.output.contains("words: 2 versions"))
  }

  @Test("log lists versions, newest first, with labels")
  func log() throws {
    let folder = try ScratchFolder()
    try Self.store(at: folder.path("a.softpm"))
    let outcome = try ChildProgram("softpm").run("log", folder.path("a.softpm"))
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(outcome.lines.count == 3)
    #expect(outcome.lines.last?.contains("first") == true)
    #expect(outcome.lines.last?.hasSuffix("\"first\"") == true)
  }

  @Test("a file that is no store, a missing file and a wrong usage have their exit codes")
  func exitCodes() throws {
    let folder = try ScratchFolder()
    let tool = try ChildProgram("softpm")
    let text = folder.path("text.softpm")
    try Self.write(String(repeating: "not a store\n", count: 5000), to: text)
    #expect(try tool.run("info", text).status == 10)
    #expect(try tool.run("info", folder.path("missing.softpm")).status == 1)
    #expect(try tool.run("info").status == 2)
    #expect(try tool.run("inof", text).status == 2)
    #expect(try tool.run("help").status == 0)
  }

  private static func write(_ text: String, to path: String) throws {
    try text.write(toFile: path, atomically: true, encoding: .utf8)
  }
}
