import SoftPMTesting
import Testing

#if canImport(Glibc)
  import Glibc
#endif

/// The whole way through every layer, in processes that die and start again.
@Suite("The walking skeleton")
struct SkeletonTests {
  @Test("SoftPM's list program, killed with -9 after each of five runs, has five entries")
  func list() throws {
    let folder = try ScratchFolder()
    let program = try ChildProgram(
      "ListProgram", environment: ["SOFTPM_STORE": folder.path("list.softpm")])
    for run in 1...5 {
      let outcome = try program.run("--crash")
      #expect(outcome.signal == SIGKILL, "run \(run): \(outcome.errors)")
      #expect(outcome.lines == [Array(repeating: "42", count: run).joined(separator: " ")])
    }
    let last = try program.run()
    #expect(last.status == 0, "\(last.errors)")
    #expect(last.lines == ["42 42 42 42 42 42"])
  }

  @Test(
    "a zoo of types comes back whole in a fresh process, changes, and comes back again",
    arguments: ["make-inside", "make-before"])
  func zoo(_ how: String) throws {
    let folder = try ScratchFolder()
    // Under seeds of its own each process rebuilds the tables of the one before.
    let program = try ChildProgram(
      "ZooProgram",
      environment: [
        "SOFTPM_STORE": folder.path("zoo.softpm"),
        "SOFTPM_HASH_SEED": how == "make-inside" ? "process" : "user",
      ])
    let fresh = try program.run("plain", "0").lines
    try #require(fresh.count > 10)
    let made = try program.run(how)
    #expect(made.lines == fresh, "\(how): \(made.errors)")
    for day in 1...6 {
      let expected = try program.run("plain", "\(day - 1)").lines
      let outcome = try program.run("day", "\(day)")
      #expect(outcome.lines == expected, "\(how), before day \(day): \(outcome.errors)")
      #expect(outcome.status == 0, "\(how), day \(day): \(outcome.errors)")
    }
    let last = try program.run("show")
    #expect(last.lines == (try program.run("plain", "6").lines), "\(last.errors)")
  }

  @Test("normal exit waits for the points in flight")
  func exit() throws {
    let folder = try ScratchFolder()
    let program = try ChildProgram(
      "ExitProgram", environment: ["SOFTPM_STORE": folder.path("counter.softpm")])
    for run in 1...3 {
      let outcome = try program.run("asynchronous")
      #expect(outcome.status == 0, "\(outcome.errors)")
      #expect(try program.run("count").lines == ["\(run * 20) \(run * 20)"])
    }
  }

  @Test("a forked child's calls throw .forked, and its parent goes on")
  func fork() throws {
    let folder = try ScratchFolder()
    let program = try ChildProgram(
      "ExitProgram", environment: ["SOFTPM_STORE": folder.path("counter.softpm")])
    let outcome = try program.run("fork")
    #expect(outcome.lines == ["child 0, value 100"], "\(outcome.errors)")
    #expect(try program.run("count").lines == ["100 0"])
  }

  @Test("a store that nobody vouches for is validated, restored, and left as it is")
  func untrusted() throws {
    let folder = try ScratchFolder()
    let program = try ChildProgram(
      "ZooProgram", environment: ["SOFTPM_STORE": folder.path("zoo.softpm")])
    _ = try program.run("make-inside")
    let shown = try program.run("show-untrusted", folder.path("zoo.softpm"))
    #expect(shown.lines == (try program.run("plain", "0").lines), "\(shown.errors)")
    #expect(try program.run("unchanged").lines == ["true same version: true bytes: 0"])
  }

  @Test(
    "a restored container that was only read makes no version and writes nothing",
    arguments: ["user", "process"])
  func unchanged(seeds: String) throws {
    let folder = try ScratchFolder()
    let program = try ChildProgram(
      "ZooProgram",
      environment: ["SOFTPM_STORE": folder.path("zoo.softpm"), "SOFTPM_HASH_SEED": seeds])
    _ = try program.run("make-inside")
    for _ in 1...3 {
      let outcome = try program.run("unchanged")
      #expect(outcome.lines == ["true same version: true bytes: 0"], "\(outcome.errors)")
    }
  }
}
