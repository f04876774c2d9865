import Foundation
import SoftPMTesting
import Testing

/// Three programs of one module name, compiled separately, on one store: `Tests/Programs/Migration`.
@Suite("Programs that follow each other")
struct MigrationProgramTests {
  private final class Programs: Sendable {
    let scratch: ScratchFolder
    let paths: [String]

    init() throws {
      let scratch = try ScratchFolder()
      self.scratch = scratch
      paths = try (1...3).map {
        try CompiledProgram("Shop", "Shop\($0)", flags: ["-Onone"])
          .compile(to: "shop\($0)", in: scratch)
      }
    }

    func store(_ name: String) -> String { scratch.path("\(name).softpm") }

    func run(_ number: Int, _ words: String...) throws -> (status: Int32, lines: [String]) {
      let (status, output) = try CompiledProgram.run(paths[number - 1], words)
      return (status, output.split(separator: "\n").map(String.init))
    }

    /// Runs it and takes what it prints.
    func lines(_ number: Int, _ words: String...) throws -> [String] {
      let (status, output) = try CompiledProgram.run(paths[number - 1], words)
      #expect(status == 0, "program \(number) \(words): \(output)")
      return output.split(separator: "\n").map(String.init)
    }
  }

  private static let programs = Result { try Programs() }

  private static let first =
    #"ann: Ann Lee, 1 visits, friend Bob; bob: Bob Ray, 1 visits, friend Ann; paid ["A chair, of wood 49.5"] true; open [] true"#
  private static let firstBySecond =
    #"ann: Ann Lee, 1 visits, friend Bob Ray, -; bob: Bob Ray, 1 visits, friend Ann Lee, -; paid ["1 A chair, of wood 49.5"] true <>; open [] true <>"#
  private static let secondBySecond =
    #"ann: Ann Lee, 11 visits, friend Bob Ray, Ann Lee@example.org; bob: Bob Ray, 11 visits, friend Ann Lee, Bob Ray@example.org; paid ["1 A chair, of wood 49.5"] true <>; open [] true <>"#
  private static let firstByThird =
    #"ann: Ann Lee (AL), 1 visits, friends ["BR"], -; bob: Bob Ray (BR), 1 visits, friends ["AL"], -; paid(at: 2026) ["1 A chair, of wood 4950"] true; open [] true"#
  private static let secondByThird =
    #"ann: Ann Lee (AL), 11 visits, friends ["BR"], Ann Lee@example.org; bob: Bob Ray (BR), 11 visits, friends ["AL"], Bob Ray@example.org; paid(at: 2026) ["1 A chair, of wood 4950"] true; open [] true"#
  private static let thirdByThird = secondByThird.replacing("11 visits", with: "111 visits")

  @Test("each opens what its predecessors wrote, one or two steps back, and all older versions")
  func forwards() throws {
    let programs = try Self.programs.get()
    let store = programs.store("forwards")
    #expect(try programs.lines(1, "make", store) == ["1"])
    #expect(try programs.lines(1, "show", store) == [Self.first, "1: \(Self.first)"])
    // Straight from the first to the third: both steps in one opening.
    #expect(try programs.lines(3, "show", store) == [Self.firstByThird, "1: \(Self.firstByThird)"])
    // Only looking wrote nothing.
    #expect(try programs.lines(1, "show", store) == [Self.first, "1: \(Self.first)"])
    #expect(try programs.lines(2, "grow", store) == ["2"])
    #expect(
      try programs.lines(2, "show", store) == [
        Self.secondBySecond, "1: \(Self.firstBySecond)", "2: \(Self.secondBySecond)",
      ])
    #expect(try programs.lines(3, "grow", store) == ["3"])
    #expect(
      try programs.lines(3, "show", store) == [
        Self.thirdByThird, "1: \(Self.firstByThird)", "2: \(Self.secondByThird)",
        "3: \(Self.thirdByThird)",
      ])
  }

  @Test("an older program refuses what it does not know, writes nothing, and still has its version")
  func backwards() throws {
    let programs = try Self.programs.get()
    let store = programs.store("backwards")
    _ = try programs.lines(1, "make", store)
    _ = try programs.lines(2, "grow", store)
    _ = try programs.lines(3, "grow", store)
    let before = try Data(contentsOf: URL(filePath: store))
    for (number, type) in [(1, "Shop.Order"), (2, "Shop.Person")] {
      // Read-only, and for writing.
      for word in ["show", "open"] {
        let (status, lines) = try programs.run(number, word, store)
        #expect(status == 1 && lines[0].hasPrefix("type") && lines[0].contains(type), "\(lines)")
        #expect(try Data(contentsOf: URL(filePath: store)) == before)
      }
    }
    #expect(try programs.lines(1, "old", store, "1") == [Self.first])
    #expect(try programs.lines(2, "old", store, "1") == [Self.firstBySecond])
    #expect(try programs.lines(2, "old", store, "2") == [Self.secondBySecond])
    #expect(try Data(contentsOf: URL(filePath: store)) == before)
  }

  @Test("in both directions, again and again, where properties only come and go")
  func toAndFro() throws {
    let programs = try Self.programs.get()
    let store = programs.store("notes")
    #expect(try programs.lines(1, "note", store) == ["from 1 1 untagged"])
    #expect(try programs.lines(3, "note", store) == ["from 1 1 - false; from 3 3 three true"])
    // What a program does not know it drops; what was dropped is empty when it comes back.
    #expect(
      try programs.lines(1, "note", store) == ["from 1 1 ; from 3 3 ; from 1 1 untagged"])
    #expect(
      try programs.lines(2, "note", store) == [
        "from 1 1 -; from 3 3 -; from 1 1 -; from 2 2 two"
      ])
    #expect(
      try programs.lines(3, "note", store) == [
        "from 1 1 - false; from 3 3 - false; from 1 1 - false; from 2 2 two false; "
          + "from 3 3 three true"
      ])
  }

  @Test("versions of different programs are compared property by property, as one graph")
  func diff() throws {
    let programs = try Self.programs.get()
    let store = programs.store("diff")
    _ = try programs.lines(1, "make", store)
    _ = try programs.lines(2, "grow", store)
    let changes = try programs.lines(2, "show", store, "1").filter { $0.hasPrefix("diff ") }
    // Each person is shown where the walk meets it first.
    var expected = [
      "diff root.orders[0].articles[0].count: - → 1", "diff root.orders[0].note: - → \"\"",
      "diff root.orders[1].note: - → \"\"",
    ]
    let people = [("Ann", "Lee"), ("Bob", "Ray")]
    for (first, last) in people {
      let path = try #require(
        changes.first { $0.hasSuffix(".first: \"\(first)\" → -") }?.dropLast(
          ".first: \"\(first)\" → -".count))
      expected += [
        "\(path).first: \"\(first)\" → -", "\(path).last: \"\(last)\" → -",
        "\(path).name: - → \"\(first) \(last)\"", "\(path).visits: 1 → 11",
        "\(path).email: - → \"\(first) \(last)@example.org\"",
      ]
    }
    #expect(Set(changes) == Set(expected))
    // The command line knows no program's registrations: the renamed class is another one.
    let tool = try ChildProgram("softpm").run("diff", "\(store):shop@1", "2")
    #expect(tool.status == 3, "\(tool.errors)")
    for line in [
      "+ root.orders[0].articles[0].count: 1", "- root.customers[\"ann\"]: Customer#",
      "+ root.customers[\"ann\"]: Person#",
    ] {
      #expect(tool.output.contains(line), "\(tool.output)")
    }
    for (version, type) in [("1", "Customer"), ("2", "Person")] {
      let shown = try ChildProgram("softpm").run("cat", "\(store):shop@\(version)")
      #expect(shown.status == 0 && shown.output.contains("\"ann\": \(type)#"), "\(shown)")
    }
  }

  @Test("a dry run tells every change and writes nothing; where it cannot be done, why")
  func dryRun() throws {
    let programs = try Self.programs.get()
    let store = programs.store("dry")
    _ = try programs.lines(1, "make", store)
    let before = try Data(contentsOf: URL(filePath: store))
    #expect(try programs.lines(1, "dry", store) == ["0 objects"])
    let lines = try programs.lines(2, "dry", store)
    for line in [
      "`visits` of Shop.Person: of type Swift.Int32 → of type Swift.Int: converted",
      "`count` of Shop.Article: not there → added, of type Swift.Int: registered value",
      "Shop.Person: called Shop.Customer → called Shop.Person: registered name",
      "`draft` of Shop.Status: not there → an added case: nothing to do",
    ] {
      #expect(lines.contains(line), "\(lines)")
    }
    #expect(lines.last?.hasSuffix(" objects") ?? false)
    _ = try programs.lines(3, "dry", store)
    #expect(try Data(contentsOf: URL(filePath: store)) == before)
    _ = try programs.lines(2, "grow", store)
    #expect(try programs.lines(1, "dry", store).last?.hasPrefix("failure: typeChanged") ?? false)
  }

  @Test("the same program, rebuilt, optimised, or another executable of its module: nothing to do")
  func sameTypes() throws {
    let programs = try Self.programs.get()
    for (name, flags, folders) in [
      ("rebuilt", ["-Onone"], ["Shop", "Shop1"]),
      ("optimised", ["-O", "-whole-module-optimization"], ["Shop", "Shop1"]),
      ("other", ["-Onone", "-D", "OTHER"], ["Shop", "Shop1", "Neighbours"]),
    ] {
      let program = try CompiledProgram(folders: folders, flags: flags)
        .compile(to: name, in: programs.scratch)
      let store = programs.store("same \(name)")
      _ = try programs.lines(1, "make", store)
      let dry = try CompiledProgram.run(program, ["dry", store])
      #expect(dry.output == "0 objects\n", "\(name): \(dry.output)")
      let shown = try CompiledProgram.run(program, ["show", store])
      #expect(shown.output.hasPrefix(Self.first), "\(name): \(shown.output)")
      _ = try CompiledProgram.run(program, ["grow", store])
      let grown = Self.first.replacing("1 visits", with: "2 visits")
      #expect(try programs.lines(1, "show", store)[0] == grown)
    }
  }

  @Test(
    "killed at any moment of opening, migrating and persisting, the store has old or new, whole")
  func kills() throws {
    let programs = try Self.programs.get()
    let original = programs.store("kill")
    _ = try programs.lines(1, "make", original)
    let content = try Data(contentsOf: URL(filePath: original))
    let store = programs.store("killed")
    var found: [String: Int] = [:]
    // From before the program has begun to after it has ended.
    for delay in stride(from: 0, through: 66_000, by: 6_000) {
      try content.write(to: URL(filePath: store))
      let process = Process()
      process.executableURL = URL(filePath: programs.paths[1])
      process.arguments = ["grow", store]
      process.standardOutput = FileHandle.nullDevice
      process.standardError = FileHandle.nullDevice
      try process.run()
      usleep(useconds_t(delay))
      kill(process.processIdentifier, SIGKILL)
      process.waitUntilExit()
      let lines = try programs.lines(2, "show", store)
      #expect([Self.firstBySecond, Self.secondBySecond].contains(lines[0]), "after \(delay) µs")
      #expect(lines[1] == "1: \(Self.firstBySecond)")
      found[lines[0], default: 0] += 1
      #expect(try programs.lines(1, "old", store, "1") == [Self.first])
    }
    #expect(found[Self.firstBySecond] ?? 0 > 0)
  }
}
