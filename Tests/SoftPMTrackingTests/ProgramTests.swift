import Foundation
import SoftPMBase
import Testing

@testable import SoftPMTracking

/// Runs `TrackingProgram`, for what needs a process of its own.
struct ProgramRun {
  let output: String
  let errors: String
  let status: Int32
  let signal: Int32?

  init(_ words: [String], backtrace: Bool = false) throws {
    let folder = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
      .deletingLastPathComponent()
    let process = Process()
    process.executableURL = folder.appendingPathComponent("TrackingProgram")
    process.arguments = words
    var environment = ProcessInfo.processInfo.environment
    environment["SWIFT_BACKTRACE"] =
      backtrace ? "enable=yes,interactive=no,color=no,timeout=20s" : "enable=no"
    process.environment = environment
    let output = Pipe()
    let errors = FileManager.default.temporaryDirectory
      .appendingPathComponent("softpm-\(UUID().uuidString)")
    try Data().write(to: errors)
    defer { try? FileManager.default.removeItem(at: errors) }
    process.standardOutput = output
    process.standardError = try FileHandle(forWritingTo: errors)
    try process.run()
    let text = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    self.output = String(decoding: text, as: UTF8.self)
    self.errors = String(decoding: (try? Data(contentsOf: errors)) ?? Data(), as: UTF8.self)
    status = process.terminationStatus
    signal = process.terminationReason == .uncaughtSignal ? process.terminationStatus : nil
  }

  var succeeded: Bool { status == 0 && signal == nil && output.hasSuffix("ok\n") }
  var report: Comment { "status \(status): \(output)\(errors)" }
}

/// What a sanitizer changes: it reports a crash itself, and ends the program with a status.
enum Sanitizer {
  static let isThread = dlsym(nil, "__tsan_init") != nil
  static let isAddress = dlsym(nil, "__asan_init") != nil
  static let isAny = isThread || isAddress
}

@Suite("trackers in programs of their own", .serialized)
struct ProgramTests {
  /// A crash in `function` was reported, by whoever was there before the tracker.
  func expectReport(_ run: ProgramRun, of function: String, saying text: String) {
    let report = run.output + run.errors
    if Sanitizer.isAny {
      #expect(report.contains("Sanitizer: SEGV"), run.report)
    } else {
      #expect(run.signal == SIGSEGV, run.report)
      #expect(report.contains(text), run.report)
      #expect(report.contains("\(function)(_:)"), run.report)
    }
  }

  @Test(
    "a null dereference still prints Swift's backtrace",
    arguments: (isFiltered ? [] : [["crash", "kernel"]]) + [
      ["crash", "signal"], ["forbidden", "crash", "automatic"],
    ])
  func backtrace(words: [String]) throws {
    let run = try ProgramRun(words, backtrace: true)
    expectReport(
      run, of: "dereference", saying: "Bad pointer dereference at 0x0000000000000008")
  }

  @Test("a write to memory that somebody else protected is a crash, not a loop")
  func protected() throws {
    let run = try ProgramRun(["crash-on-protected", "signal"], backtrace: true)
    expectReport(run, of: "overwrite", saying: "Program crashed")
  }

  @Test(
    "without a backtrace handler a crash ends the program by the signal",
    .disabled(if: Sanitizer.isAny))
  func plainCrash() throws {
    let run = try ProgramRun(["crash", "signal"])
    #expect(run.signal == SIGSEGV, run.report)
  }

  @Test("a handler installed before ours gets its own faults")
  func ownHandler() throws {
    let run = try ProgramRun(["own-handler", "signal"])
    #expect(run.succeeded, run.report)
  }

  @Test("where userfaultfd is forbidden, automatic takes signals and says why")
  func forbidden() throws {
    let run = try ProgramRun(["forbidden", "explain", "automatic"])
    #expect(run.succeeded, run.report)
    #expect(run.output.contains("kind: signal"), run.report)
    #expect(run.output.contains("userfaultfd is forbidden here: Operation not permitted"))
    let kernel = try ProgramRun(["forbidden", "explain", "kernel"])
    #expect(kernel.status == 1 && kernel.output.contains("unsupportedPlatform"), kernel.report)
  }

  @Test("signals lose no write in blocks opened to save mappings")
  func coarse() throws {
    let run = try ProgramRun(["coarse-oracle", "signal"])
    #expect(run.succeeded, run.report)
  }

  @Test(
    "where userfaultfd is allowed, automatic takes the kernel's way and says so",
    .disabled(if: isFiltered))
  func allowed() throws {
    let run = try ProgramRun(["explain", "automatic"])
    #expect(run.succeeded, run.report)
    #expect(run.output.contains("kind: kernel"), run.report)
  }

  @Test(
    "everything else holds under the filter too",
    arguments: ["oracle", "fork", "system-call", "own-handler"]
      + (Sanitizer.isThread ? [] : ["timer"]))
  func underFilter(verb: String) throws {
    let run = try ProgramRun(["forbidden", verb, "automatic"])
    #expect(run.succeeded, run.report)
  }

  /// Once only, because a million first touches of pages take seconds: where userfaultfd is
  /// forbidden, automatic is the signal way.
  @Test("a million scattered chunks meet no limit, under the filter too")
  func million() throws {
    let run = try ProgramRun(["forbidden", "million", "automatic"])
    #expect(run.output.contains("coarsened"), run.report)
    #expect(run.succeeded, run.report)
  }

  @Test(
    "a program that uses up the mappings itself loses no write", .disabled(if: Sanitizer.isAny))
  func fewMappings() throws {
    let run = try ProgramRun(["few-mappings", "signal"])
    #expect(run.succeeded, run.report)
  }

  @Test(
    "a forked child uses the memory, is refused the tracker, and disturbs nobody",
    arguments: ["fork", "bare-fork"], allChoices.map { "\($0)" })
  func forks(verb: String, choice: String) throws {
    let run = try ProgramRun([verb, choice])
    #expect(run.succeeded, run.report)
  }

  /// Not under the thread sanitizer, which runs signal handlers with every signal blocked: a write
  /// fault that is blocked ends the process.
  @Test(
    "signal handlers may write to watched memory", .disabled(if: Sanitizer.isThread),
    arguments: seeingChoices.map { "\($0)" })
  func timer(choice: String) throws {
    let run = try ProgramRun(["timer", choice])
    #expect(run.succeeded, run.report)
  }

  @Test(
    "a system call into watched memory works under the kernel's tracker",
    .disabled(if: isFiltered))
  func systemCallKernel() throws {
    let run = try ProgramRun(["system-call", "kernel"])
    #expect(run.succeeded, run.report)
    #expect(run.output.contains("unprepared: 30000\nprepared: 30000"), run.report)
  }

  @Test("a system call into protected memory fails with EFAULT until the buffer is prepared")
  func systemCallSignal() throws {
    let run = try ProgramRun(["system-call", "signal"])
    #expect(run.succeeded, run.report)
    #expect(run.output.contains("unprepared: -1 errno 14\nprepared: 30000"), run.report)
  }
}
