import SoftPMTesting
import Testing

/// What a forked child may do with its parent's store: nothing, and it is told so.
@Suite("After fork")
struct ForkTests {
  private func run(_ command: String) throws -> ChildProgram.Outcome {
    let folder = try ScratchFolder()
    let program = try ChildProgram(
      "ForkProgram", environment: ["SOFTPM_STORE": folder.path("counter.softpm")])
    return try program.run(command, folder.path("copy.softpm"))
  }

  @Test(
    "everything in the child that can throw throws .forked, and leaves the parent's store alone")
  func throwing() throws {
    let outcome = try run("throws")
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(
      outcome.lines == ["36 calls threw", "child 0", "parent 101", "copies 0"], "\(outcome.errors)")
  }

  @Test("what cannot throw traps in the child, saying why")
  func trapping() throws {
    let outcome = try run("traps")
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(
      outcome.lines == [
        "read trapped", "update trapped", "root trapped", "root = trapped", "attributes trapped",
        "attributes = trapped", "version trapped", "statistics trapped", "snapshot.root trapped",
        "snapshot.read trapped", "snapshot.close trapped", "driver trapped", "medium trapped",
        "driverReason trapped", "parent 101",
      ])
    let messages = outcome.errors.split(separator: "\n").filter { $0.contains("(.forked)") }
    #expect(messages.count == 14, "\(outcome.errors)")
  }

  @Test("a child that waits for its parent's point is told at once, and may end normally")
  func waiting() throws {
    let outcome = try run("waits")
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(outcome.lines == ["child 0", "parent 101"], "\(outcome.errors)")
  }
}
