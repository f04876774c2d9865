import Foundation
import SoftPMTesting
import Testing

/// Every change of types in `Tests/Programs/Migration/Changes`: opened by the program after it as
/// the table in docs/migration.md says.
@Suite("Changes of types")
struct MigrationTableTests {
  struct Outcome {
    var name: String
    var before: String
    var after: String
    var outcome: String
  }

  /// Each change is opened, trusted or not, in memory, written, read again, its old version seen by
  /// a snapshot, compared and switched to; or refused, with the file as it was. All by the program.
  static func outcomes(
    _ scratch: ScratchFolder, before: CompiledProgram, after: CompiledProgram
  ) throws -> [Outcome] {
    let writer = try before.compile(to: "before", in: scratch)
    let reader = try after.compile(to: "after", in: scratch)
    let stores = scratch.path("stores")
    try FileManager.default.createDirectory(atPath: stores, withIntermediateDirectories: true)
    let written = try CompiledProgram.run(writer, ["write", stores])
    #expect(written.status == 0, "\(written.output)")
    let opened = try CompiledProgram.run(
      reader, ["open", stores], environment: ["SOFTPM_DISCOVERY": "checked"])
    #expect(opened.status == 0, "\(opened.output)")
    var declarations = try Self.declarations()
    var outcomes: [Outcome] = []
    let found = opened.output.split(separator: "\n").filter { $0.hasPrefix("outcome ") }
    for (line, result) in zip(written.output.split(separator: "\n"), found) {
      let name = line.split(separator: " ", maxSplits: 2)[2]
      let outcome = result.split(separator: " ", maxSplits: 2)[2]
      let (before, after) = declarations.removeValue(forKey: String(name)) ?? ("", "")
      outcomes.append(
        Outcome(name: String(name), before: before, after: after, outcome: String(outcome)))
    }
    return outcomes
  }

  /// What each change's `#if BEFORE … #else … #endif` declares.
  private static func declarations() throws -> [String: (String, String)] {
    var result: [String: (String, String)] = [:]
    for file in try CompiledProgram.sources(in: "Changes") {
      let text = try String(contentsOf: file, encoding: .utf8)
      for block in text.components(separatedBy: "#if BEFORE\n").dropFirst() {
        let parts = block.components(separatedBy: "#endif")[0].components(separatedBy: "#else\n")
        guard parts.count == 2, let name = parts[0].firstMatch(of: /before\(\s*"([^"]*)"/) else {
          continue
        }
        result[String(name.1)] = (declaration(parts[0]), declaration(parts[1]))
      }
    }
    return result
  }

  /// The types alone, on one line.
  private static func declaration(_ text: String) -> String {
    var lines: [Substring] = []
    for line in text.split(separator: "\n") {
      if line.hasPrefix("  let ") || line.hasPrefix("  func ") { break }
      lines.append(line)
    }
    return lines.map { $0.trimmingCharacters(in: .whitespaces) }.joined(separator: "; ")
      .replacing("|", with: "\\|").replacing("{; ", with: "{ ").replacing("; }", with: " }")
  }

  private static func table(_ outcomes: [Outcome]) -> String {
    var lines = ["| Change | Before | After | Outcome |", "| --- | --- | --- | --- |"]
    for row in outcomes {
      func code(_ text: String) -> String { text.isEmpty ? "" : "`\(text)`" }
      lines.append("| \(row.name) | \(code(row.before)) | \(code(row.after)) | \(row.outcome) |")
    }
    return lines.joined(separator: "\n")
  }

  private static let page = CompiledProgram.package.appending(path: "docs/migration.md")
  private static let begin = "<!-- table: made by MigrationTableTests -->\n"
  private static let end = "\n<!-- end of table -->"

  @Test("what becomes of each of 60 changes is what docs/migration.md says")
  func table() throws {
    let outcomes = try Self.outcomes(
      ScratchFolder(), before: CompiledProgram("Changes", flags: ["-Onone", "-D", "BEFORE"]),
      after: CompiledProgram("Changes", flags: ["-Onone"]))
    #expect(outcomes.count >= 60)
    let text = try String(contentsOf: Self.page, encoding: .utf8)
    let parts = text.components(separatedBy: Self.begin)
    try #require(parts.count == 2)
    let rest = parts[1].components(separatedBy: Self.end)
    try #require(rest.count == 2)
    let table = Self.table(outcomes)
    if ProcessInfo.processInfo.environment["SOFTPM_WRITE_TABLE"] != nil {
      try (parts[0] + Self.begin + table + Self.end + rest[1])
        .write(to: Self.page, atomically: true, encoding: .utf8)
    }
    let isThatOfThePage = rest[0] == table
    #expect(
      isThatOfThePage,
      "run SOFTPM_WRITE_TABLE=1 swift test --filter MigrationTableTests to make it again")
  }

  @Test("every row of docs/types.md about changed types names changes of the table that prove it")
  func rowsOfTypes() throws {
    let page = try String(contentsOf: Self.page, encoding: .utf8)
    let types = CompiledProgram.package.appending(path: "docs/types.md")
    let sections = try String(contentsOf: types, encoding: .utf8).components(separatedBy: "\n## ")
    let section = try #require(sections.first { $0.hasPrefix("Changed since it was stored\n") })
    let rows = section.split(separator: "\n").filter { $0.hasPrefix("| ") }.dropFirst(2)
    #expect(rows.count >= 14)
    for row in rows {
      let proofs = row.matches(of: /"([^"]+)"/).map { String($0.1) }
      let isByPrograms = row.contains("`MigrationProgramTests.sameTypes`")
      #expect(isByPrograms || !proofs.isEmpty, "no proof of \(row)")
      for proof in proofs {
        let isThere = page.contains("\n| \(proof) | ")
        #expect(isThere, "no change \"\(proof)\"")
      }
    }
  }

  @Test(
    "and the same from debug to optimised, back, and within optimised",
    .enabled(if: ProcessInfo.processInfo.environment["SOFTPM_TEST_DEEP"] == "1"))
  func otherOptions() throws {
    let text = try String(contentsOf: Self.page, encoding: .utf8)
    for (before, after) in [("-Onone", "-O"), ("-O", "-Onone"), ("-O", "-O")] {
      let outcomes = try Self.outcomes(
        ScratchFolder(), before: CompiledProgram("Changes", flags: [before, "-D", "BEFORE"]),
        after: CompiledProgram("Changes", flags: [after]))
      let isThatOfThePage = text.contains(Self.begin + Self.table(outcomes) + Self.end)
      #expect(isThatOfThePage, "\(before) to \(after)")
    }
  }
}
