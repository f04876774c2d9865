import Containers
import Foundation
import SoftPMTesting
import Testing

/// The golden store, and what the tool says about it. It was made by Tests/Programs/GoldenStore,
/// and is made again, by `swift run GoldenStore Tests/Golden/notes.softpm`, when the format changes.
enum Golden {
  static let path = URL(filePath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: "Golden/notes.softpm").path()

  static func run(_ arguments: String...) throws -> ChildProgram.Outcome {
    try ChildProgram("softpm", environment: ["TZ": "UTC"]).run(
      arguments.map { $0.replacing("G:", with: "\(path):").replacing("G@", with: "\(path)@") }
        .map { $0 == "G" ? path : $0 })
  }

  /// Without what differs from one making of the store to the next: times, numbers, sizes.
  static func masked(_ text: String) -> [String] {
    text.replacing(path, with: "G")
      .replacing(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d/, with: "TIME")
      .replacing(/#\d+/, with: "#N")
      .replacing(/[ ]*\d+(\.\d+)? (KiB|MiB|bytes)/, with: " SIZE")
      .split(separator: "\n", omittingEmptySubsequences: false).dropLast().map(String.init)
  }

  static func json(_ arguments: String...) throws -> [String: Any] {
    let outcome = try ChildProgram("softpm").run(
      arguments.map { $0.replacing("G:", with: "\(path):") }.map { $0 == "G" ? path : $0 }
        + ["--json"])
    let value = try JSONSerialization.jsonObject(with: Data(outcome.output.utf8))
    return try #require(value as? [String: Any])
  }
}

@Suite("The tool softpm on a store whose program is not there")
struct ToolTests {
  private func check(
    _ outcome: ChildProgram.Outcome, _ status: Int32, _ expected: [String],
    _ place: SourceLocation = #_sourceLocation
  ) {
    #expect(outcome.status == status, "\(outcome.errors)", sourceLocation: place)
    #expect(Golden.masked(outcome.output) == expected, sourceLocation: place)
  }

  @Test("info names the containers, sizes, and what works on this machine")
  func info() throws {
    let outcome = try Golden.run("info", "G")
    let lines = Golden.masked(outcome.output)
    #expect(outcome.status == 0 && outcome.errors.isEmpty)
    #expect(lines.first == "store       G")
    let drivers = try #require(lines.firstIndex { $0.hasPrefix("drivers     uring   ") })
    #expect(lines[drivers + 1].hasPrefix("            pmem    "))
    #expect(lines[drivers + 2].hasPrefix("            posix   "))
    #expect(lines[drivers + 3].hasPrefix("trackers    kernel  "))
    #expect(lines[drivers + 4].hasPrefix("            signal  "))
    let used = lines[drivers...(drivers + 4)].filter {
      $0.contains("  used;") || $0.contains(" used;")
    }
    #expect(used.count == 2, "one driver and one tracker: \(used)")
    let containers = lines.filter { !$0.contains(" kept by version ") }.suffix(6)
    #expect(
      containers == [
        "  notebook", "    3 versions, 2 kept by labels; chunks of SIZE",
        "    newest 5, 12 objects, TIME", "  trial", "    2 versions; chunks of SIZE",
        "    newest 4, 13 objects, TIME",
      ])
    // Other tests may be looking at the store, too: then a reader keeps it besides.
    #expect(lines.contains { $0.contains(" kept by version 5 alone (newest, label") })
    let json = try Golden.json("info", "G")
    let described = try #require(json["containers"] as? [[String: Any]])
    #expect(described.map { $0["name"] as? String } == ["notebook", "trial"])
    #expect(described.map { $0["versions"] as? Int } == [3, 2])
    for (key, names) in [
      ("drivers", ["uring", "pmem", "posix"]), ("trackers", ["kernel", "signal"]),
    ] {
      let mechanisms = try #require(json[key] as? [[String: Any]])
      #expect(mechanisms.map { $0["name"] as? String } == names)
      #expect(mechanisms.count { $0["used"] as? Bool == true } == 1)
      #expect(mechanisms.allSatisfy { $0["available"] is Bool && $0["note"] is String })
    }
  }

  @Test("log lists versions, newest first, with parents and labels; a graph joins branches")
  func log() throws {
    check(
      try Golden.run("log", "G"), 0,
      [
        "notebook", "     5  TIME  from 2     12 objects SIZE  \"release\"",
        "     2  TIME  from 1     13 objects SIZE",
        "     1  TIME  first      12 objects SIZE  \"begun\"", "trial",
        "     4  TIME  from 3     13 objects SIZE", "     3  TIME  from 1     12 objects SIZE",
      ])
    check(
      try Golden.run("log", "G:trial", "--limit=1"), 0,
      ["trial", "     4  TIME  from 3     13 objects SIZE"])
    check(
      try Golden.run("log", "G", "--graph"), 0,
      [
        "●  notebook 5  TIME  from 2     12 objects SIZE  \"release\"",
        "│ ●  trial 4  TIME  from 3     13 objects SIZE",
        "│ ●  trial 3  TIME  from 1     12 objects SIZE",
        "● │  notebook 2  TIME  from 1     13 objects SIZE", "├─╯",
        "●    notebook 1  TIME  first      12 objects SIZE  \"begun\"",
      ])
    let versions = try Golden.json("log", "G")["versions"] as? [[String: Any]]
    #expect(versions?.map { $0["id"] as? Int } == [5, 4, 3, 2, 1])
  }

  @Test("cat prints what a path leads to, in the version that a number or label names")
  func cat() throws {
    check(
      try Golden.run("cat", "G:notebook@5", "root.people[\"Cleo\"]"), 0,
      ["Person#N(name: \"Cleo\", age: 7, friends: [], best: nil)"])
    check(try Golden.run("cat", "G@2", "root.people[\"Ann\"].age"), 0, ["42"])
    check(try Golden.run("cat", "G:notebook@begun", "root.people[\"Ann\"].age"), 0, ["41"])
    check(try Golden.run("cat", "G:trial", "root.note"), 0, ["\"only in the trial\""])
    check(
      try Golden.run("cat", "G:notebook", "root.anything"), 0,
      ["[1, \"two\", Page(title: \"three\", lines: 3)]"])
    check(try Golden.run("cat", "G:notebook", "root.mood.busy.tasks"), 0, ["3"])
    check(try Golden.run("cat", "G:notebook", "root.tags{\"blue\"}"), 0, ["\"blue\""])
    check(
      try Golden.run("cat", "G:notebook", "root.people[\"Ann\"].friends[0].best.name"), 0,
      ["\"Ann\""])
    let json = try Golden.json("cat", "G:notebook", "root.pages")
    #expect((json["value"] as? [[String: Any]])?.first?["title"] as? String == "first")
    let wrong = try Golden.run("cat", "G:notebook", "root.titel")
    #expect(wrong.status == 1 && wrong.errors.contains("root has .title, .people"))
  }

  @Test("show says what is known of a version, and breaks long values into lines")
  func show() throws {
    let outcome = try Golden.run("show", "G:notebook@1")
    #expect(outcome.status == 0)
    let lines = Golden.masked(outcome.output)
    #expect(lines[0] == "version     1 of notebook" && lines[2] == "parent      none")
    #expect(lines[3] == "label       \"begun\"" && lines[6] == "root: Notebook")
    #expect(lines.contains("  title: \"a notebook whose title is rather long\","))
    #expect(lines.contains("    \"Bob\": Person#N"), "an object is printed once")
    #expect(lines.last == ")")
  }

  @Test("diff shows each leaf that differs, and its exit code says whether there is one")
  func diff() throws {
    check(
      try Golden.run("diff", "G:notebook@1", "2"), 3,
      [
        "~ root.mood: .calm → .busy(tasks: 3)", "~ root.people[\"Ann\"].age: 41 → 42",
        "+ root.people[\"Cleo\"].age: 7", "+ root.people[\"Cleo\"].name: \"Cleo\"",
      ])
    check(
      try Golden.run("diff", "G:notebook"), 3,
      [
        "+ root.chief: Person#N", "- root.pages[1].lines: 2",
        "- root.pages[1].title: \"a page with a long title\"", "+ root.tags{\"blue\"}: \"blue\"",
      ])
    check(
      try Golden.run("diff", "G:notebook@1", "G:trial"), 3, ["+ root.note: \"only in the trial\""])
    check(try Golden.run("diff", "G:notebook@2", "2"), 0, [])
    let changes = try Golden.json("diff", "G:notebook@1", "2")["changes"] as? [[String: Any]]
    #expect(changes?.first?["path"] as? String == "root.mood")
    #expect(changes?.last?["before"] is NSNull)
  }

  @Test("tree, types, dot and export show the whole version")
  func wholeVersion() throws {
    let tree = Golden.masked(try Golden.run("tree", "G:notebook").output)
    #expect(tree.first == " SIZE      4 objects  root  Notebook#N")
    #expect(tree.contains { $0.hasSuffix(".people  [String: Person]") })
    let types = Golden.masked(try Golden.run("types", "G:notebook").output)
    #expect(types.first == "class Notebook SIZE")
    #expect(types.contains("    48  weak best: Person"))
    #expect(types.contains("        case busy(tasks: Int)"))
    #expect(try Golden.run("types", "G:notebook@1", "--against", "G:notebook@5").status == 0)
    let dot = try Golden.run("dot", "G:notebook", "root.people").output
    #expect(dot.hasPrefix("digraph {\n") && dot.contains("[label=\".best\", style=dashed]"))
    #expect(try Golden.run("dot", "G", "--versions").output.contains("v5 -> v2;"))
    let text = try Golden.run("export", "G:notebook").output
    let export = try #require(
      try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    let objects = try #require(export["objects"] as? [String: [String: Any]])
    #expect(objects.count == 4)
    let names = objects.values.compactMap { ($0["fields"] as? [String: Any])?["name"] as? String }
    #expect(names.sorted() == ["Ann", "Bob", "Cleo"])
    let lines = try Golden.run("export", "G:notebook", "--ndjson").lines
    #expect(lines.count == 5)
    for line in lines { _ = try JSONSerialization.jsonObject(with: Data(line.utf8)) }
  }

  @Test("branch and label change a store, after a rehearsal or with consent only")
  func changing() throws {
    let folder = try ScratchFolder()
    let path = folder.path("notes.softpm")
    try FileManager.default.copyItem(atPath: Golden.path, toPath: path)
    let tool = try ChildProgram("softpm")
    #expect(try tool.run("branch", "\(path):notebook@1", "new", "--dry-run").status == 0)
    #expect(try tool.run("cat", "\(path):new", "root.title").status == 1)
    let branch = try tool.run("branch", "\(path):notebook@1", "new")
    #expect(branch.status == 0, "\(branch.errors)")
    #expect(try tool.run("cat", "\(path):new", "root.people[\"Ann\"].age").lines == ["41"])
    #expect(try tool.run("branch", "\(path):notebook", "new").status == 1)
    #expect(try tool.run("label", "\(path)@2", "second").status == 0)
    #expect(try tool.run("cat", "\(path):notebook@second", "root.mood").status == 0)
    #expect(try tool.run("label", "\(path)@2", "--remove").status == 2)
    #expect(try tool.run("label", "\(path)@2", "--remove", "--yes").status == 0)
    #expect(try tool.run("cat", "\(path):notebook@second", "root.mood").status == 1)
    let store = try Store.open(path)
    let refused = try tool.run("label", "\(path)@2", "x")
    #expect(refused.status == 11 && refused.errors.contains("open for writing"))
    #expect(try tool.run("info", path).status == 0, "looking works on a store in use")
    #expect(try tool.run("backup", path, folder.path("copy.softpm")).status == 0)
    #expect(try tool.run("compact", path).status == 11)
    try store.close()
    #expect(try tool.run("backup", path, folder.path("copy.softpm")).status == 1)
    #expect(try tool.run("verify", folder.path("copy.softpm")).status == 0)
    #expect(try tool.run("compact", path, "--dry-run").output.hasPrefix("would give back"))
    let compact = try tool.run("compact", path)
    #expect(compact.status == 0 && compact.output.contains(" became "), "\(compact.errors)")
    #expect(try tool.run("verify", path).status == 0)
  }

  @Test("watch prints versions as they become durable")
  func watch() throws {
    let folder = try ScratchFolder()
    let path = folder.path("notes.softpm")
    try FileManager.default.copyItem(atPath: Golden.path, toPath: path)
    let process = Process()
    process.executableURL = URL(filePath: try ChildProgram("softpm").path)
    process.arguments = ["watch", path, "--count=1", "--interval=20"]
    let output = Pipe()
    let errors = Pipe()
    process.standardOutput = output
    process.standardError = errors
    try process.run()
    _ = errors.fileHandleForReading.availableData
    #expect(try ChildProgram("softpm").run("branch", "\(path):trial", "seen").status == 0)
    process.waitUntilExit()
    let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    #expect(process.terminationStatus == 0 && text.hasPrefix("seen "), "\(text)")
  }
}
