import Foundation
import SoftPMTesting
import Testing

/// Random graphs across processes that end without closing, however writes are seen and changes
/// found.
@Suite("Random graphs in fresh processes")
struct WorldProcessTests {
  private static let isDeep = ProcessInfo.processInfo.environment["SOFTPM_TEST_DEEP"] != nil

  @Test(
    "what a process persisted last is what the next one restores",
    arguments: ["kernel", "signal", "everything"], ["incremental", "checked", "streamed", "full"])
  func generations(tracking: String, discovery: String) throws {
    for seed in 1...(Self.isDeep ? 25 : 1) {
      let folder = try ScratchFolder()
      let program = try ChildProgram(
        "WorldProgram",
        environment: ["SOFTPM_TRACKING": tracking, "SOFTPM_DISCOVERY": discovery])
      var before: String?
      for generation in 0..<3 {
        let outcome = try program.run(
          folder.path("world.softpm"), "\(seed * 100 + generation)", Self.isDeep ? "1500" : "300")
        let place = "seed \(seed), generation \(generation): \(outcome.errors)"
        try #require(outcome.status == 0 && outcome.lines.count == 3, "\(place)")
        if let before {
          #expect(outcome.lines[0] == before.replacing("persisted", with: "restored"), "\(place)")
        }
        before = outcome.lines[1]
        // The first point of each process looks at everything; others hardly ever have to.
        if discovery == "incremental" {
          #expect(outcome.lines[2] == "looked at all 1", "\(place)")
        }
      }
    }
  }
}
