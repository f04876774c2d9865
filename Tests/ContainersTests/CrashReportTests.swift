// What a crash of a program with containers looks like.

import Foundation
import SoftPMTesting
import Testing

@Suite("A null dereference", .serialized)
struct CrashReportTests {
  /// Runs a program that writes to tracked objects and then follows a null pointer.
  private func crash(
    _ tracking: String, isForbidden: Bool = false
  ) throws -> (tracking: String, outcome: ChildProgram.Outcome) {
    let folder = try ScratchFolder()
    let environment = [
      "SOFTPM_STORE": folder.path("s.softpm"),
      "SWIFT_BACKTRACE": "enable=yes,interactive=no,color=no,timeout=20s",
    ]
    let exits = try ChildProgram("ExitProgram", environment: environment)
    let outcome =
      isForbidden
      ? try ChildProgram("TrackingProgram", environment: environment)
        .run("forbidden", "run", exits.path, "crash", tracking)
      : try exits.run("crash", tracking)
    return (outcome.output.split(separator: "\n").first.map(String.init) ?? "", outcome)
  }

  private func expectBacktrace(
    _ outcome: ChildProgram.Outcome, _ place: SourceLocation = #_sourceLocation
  ) {
    let report = outcome.output + outcome.errors
    #expect(outcome.signal == SIGSEGV, "\(report)", sourceLocation: place)
    #expect(
      report.contains("Bad pointer dereference at 0x0000000000000008"), "\(report)",
      sourceLocation: place)
    // The way there, through the library's own frames.
    for frame in ["dereference(_:)", "Container.read", "main.swift"] {
      #expect(report.contains(frame), "\(frame): \(report)", sourceLocation: place)
    }
  }

  @Test("in a program with a signal-tracked container still prints Swift's backtrace")
  func signal() throws {
    let (tracking, outcome) = try crash("signal")
    #expect(tracking.hasPrefix("page protection and write faults"), "\(tracking)")
    expectBacktrace(outcome)
  }

  @Test("the same where a filter forbids userfaultfd, and signals are what is left")
  func forbidden() throws {
    let (tracking, outcome) = try crash("automatic", isForbidden: true)
    #expect(
      tracking.hasPrefix("page protection and write faults")
        && tracking.contains("userfaultfd is forbidden here"), "\(tracking)")
    expectBacktrace(outcome)
  }

  @Test("the same with a container that the kernel tracks, or that may choose")
  func automatic() throws {
    expectBacktrace(try crash("automatic").outcome)
  }
}
