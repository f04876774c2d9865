// A writer and readers as processes of their own, killed one after the other.

import Foundation
import SoftPMBase
import SoftPMStore
import SoftPMTesting
import Testing

@Suite struct ReaderProcessTests {
  private final class Child {
    private let process = Process()
    private let file: String
    let isWriter: Bool

    init(_ arguments: [String], in folder: ScratchFolder, isWriter: Bool) throws {
      self.isWriter = isWriter
      file = folder.path(UUID().uuidString)
      guard FileManager.default.createFile(atPath: file, contents: nil),
        let output = FileHandle(forWritingAtPath: file)
      else { throw CocoaError(.fileWriteUnknown) }
      process.executableURL = URL(filePath: try ChildProgram("StoreProgram").path)
      process.arguments = arguments
      process.standardOutput = output
      process.environment = ProcessInfo.processInfo.environment.merging(
        ["SWIFT_BACKTRACE": "enable=no"]
      ) { $1 }
      try process.run()
    }

    /// What it had printed when it was killed; a last line cut short is left out.
    func killed() throws -> [String] {
      kill(process.processIdentifier, SIGKILL)
      process.waitUntilExit()
      let text = try String(contentsOfFile: file, encoding: .utf8)
      try? FileManager.default.removeItem(atPath: file)
      return text.split(separator: "\n", omittingEmptySubsequences: false).dropLast().map(
        String.init)
    }
  }

  @Test(
    "a writer and three readers, each killed in turn: readers read what was, nothing leaks")
  func kills() throws {
    let isDeep = ProcessInfo.processInfo.environment["SOFTPM_TEST_DEEP"] == "1"
    let seconds = isDeep ? 60 : 8
    let folder = try ScratchFolder()
    let path = folder.path("s")
    try ChunkStore.open(path).close()
    var random = StoreRandom(seed: 3)
    var seed = 0
    func start(_ index: Int) throws -> Child {
      seed += 1
      return try Child(
        [index == 0 ? "commits" : "read", path, "\(seed)"], in: folder, isWriter: index == 0)
    }
    var children = try (0..<4).map(start)
    let end = ContinuousClock.now + .seconds(seconds)
    var reads = 0
    var points = 0
    func look(_ child: Child) throws {
      for line in try child.killed() {
        let word = line.split(separator: " ").first
        #expect(line == "open" || word == (child.isWriter ? "durable" : "read"), "\(line)")
        if word == "read" { reads += 1 }
        if word == "durable" { points += 1 }
      }
    }
    var turn = 0
    while ContinuousClock.now < end {
      usleep(UInt32.random(in: 100_000..<400_000, using: &random))
      try look(children[turn % 4])
      children[turn % 4] = try start(turn % 4)
      turn += 1
    }
    for child in children { try look(child) }
    // How many depends on how busy the machine is.
    #expect(reads > 3)
    #expect(points > 3)
    let outcome = try ChildProgram("StoreProgram").run("check", path, "holes")
    #expect(outcome.lines.last == "checked", "\(outcome)")
    // The dead left nothing behind: no pins, and no space.
    let store = try ChunkStore.open(path)
    try store.checkpointNow()
    let usage = try store.usage()
    #expect(!usage.hasReaders)
    #expect(usage.waitingBytes == 0)
    #expect(try store.spaceProblem() == nil)
    // Two containers of 24 chunks with 6 versions each, and their records.
    #expect(usage.usedBytes < 4 << 20)
    try store.close()
  }
}
