import Foundation
import Testing

/// What a process says about its seeds.
private struct Seeds: Equatable {
  var areTheUsers: Bool
  var numbers: String

  init(_ output: String) {
    let words = output.split(separator: " ", maxSplits: 1)
    areTheUsers = words.first == "user"
    numbers = words.count > 1 ? String(words[1]) : ""
  }
}

/// A state directory of its own for each test.
private struct StateFolder: ~Copyable {
  let url: URL

  init() throws {
    url = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(at: url) }

  var home: URL { url.appendingPathComponent("softpm") }
  var file: URL { home.appendingPathComponent("hash-seed") }
  var environment: [String: String] { ["XDG_STATE_HOME": url.path] }

  func seeds(_ more: [String: String] = [:]) throws -> Seeds {
    let (status, output) = try Program.run(
      "TypesReader", ["--seeds"], environment: environment.merging(more) { $1 })
    #expect(status == 0)
    return Seeds(output)
  }

  func mode(_ url: URL) throws -> Int {
    var status = stat()
    try #require(lstat(url.path, &status) == 0)
    return Int(status.st_mode & 0o7777)
  }

  func place(_ bytes: [UInt8], mode: mode_t = 0o600) throws {
    try? FileManager.default.createDirectory(at: home, withIntermediateDirectories: false)
    chmod(home.path, 0o700)
    try Data(bytes).write(to: file)
    chmod(file.path, mode)
  }
}

@Suite("The hash seeds of a process")
struct HashSeedTests {
  @Test("are its user's, drawn once, in a file that nobody else can read")
  func sameSeeds() throws {
    let folder = try StateFolder()
    let first = try folder.seeds()
    #expect(first.areTheUsers)
    #expect(try folder.seeds() == first)
    #expect(try folder.mode(folder.home) == 0o700 && folder.mode(folder.file) == 0o600)
    let bytes = try Data(contentsOf: folder.file)
    #expect(bytes.count == 16)
    let other = try StateFolder()
    #expect(try other.seeds() != first, "another user draws other seeds")
  }

  @Test("are in ~/.local/state where XDG_STATE_HOME is not set, or no absolute path")
  func homeFolder() throws {
    let folder = try StateFolder()
    for state in ["", "relative/path"] {
      let seeds = try folder.seeds(["XDG_STATE_HOME": state, "HOME": folder.url.path])
      #expect(seeds.areTheUsers)
    }
    let path = folder.url.appendingPathComponent(".local/state/softpm/hash-seed").path
    #expect(FileManager.default.fileExists(atPath: path))
  }

  @Test("are the same in first processes that start at one time")
  func race() throws {
    for _ in 0..<3 {
      let folder = try StateFolder()
      let programs = try (0..<8).map { _ in
        try RunningProgram("TypesReader", ["--seeds"], environment: folder.environment)
      }
      let seeds = Set(programs.map { $0.wholeOutput().trimmingCharacters(in: .newlines) })
      #expect(seeds.count == 1 && seeds.first?.hasPrefix("user ") == true, "\(seeds)")
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.home.path).count == 1)
    }
  }

  @Test("let another program restore without rebuilding what is not hashed by address")
  func restoring() throws {
    let folder = try StateFolder()
    let image = folder.url.appendingPathComponent("image").path
    func rebuilt(_ environment: [String: String]) throws -> (String, Int) {
      let (status, output) = try Program.run("TypesReader", [image], environment: environment)
      #expect(status == 0, "\(output)")
      let words = output.split(separator: " ")
      return (words.prefix(2).joined(separator: " "), Int(words.dropFirst(2).first ?? "") ?? -1)
    }
    let (status, _) = try Program.run("TypesWriter", [image], environment: folder.environment)
    #expect(status == 0)
    let same = try rebuilt(folder.environment)
    let foreign = try rebuilt(["SOFTPM_HASH_SEED": "process"])
    #expect(same.0 == "same seeds" && foreign.0 == "other seeds")
    // What may be hashed by address: `states` (a key may hold an array), `hashables`, `tokens`,
    // `identities`. By content: `byName`, `squares`, `numbers`, `dates`.
    #expect(same.1 == 4 && foreign.1 == 4 + 4, "\(same), \(foreign)")
  }

  @Test("are Swift's own where the user or the environment wants that")
  func turnedOff() throws {
    let folder = try StateFolder()
    let users = try folder.seeds()
    let process = try folder.seeds(["SOFTPM_HASH_SEED": "process"])
    #expect(!process.areTheUsers && process.numbers != users.numbers)
    #expect(try folder.seeds(["SOFTPM_HASH_SEED": "process"]) != process)
    let deterministic = try folder.seeds(["SWIFT_DETERMINISTIC_HASHING": "1"])
    #expect(!deterministic.areTheUsers && deterministic.numbers.hasPrefix("0 0"))
    let homeless = try folder.seeds(["XDG_STATE_HOME": "", "HOME": ""])
    #expect(!homeless.areTheUsers)
    let nowhere = try folder.seeds(["XDG_STATE_HOME": "", "HOME": "/nonexistent/home"])
    #expect(!nowhere.areTheUsers)
    let fileInTheWay = try folder.seeds(["XDG_STATE_HOME": folder.file.path])
    #expect(!fileInTheWay.areTheUsers)
  }

  @Test("are Swift's own where the file is not what this library wrote")
  func unsafeFiles() throws {
    let sixteen = [UInt8](1...16)
    let whole = try StateFolder()
    try whole.place(sixteen)
    #expect(try whole.seeds().areTheUsers, "a file as it should be")
    for mode: mode_t in [0o640, 0o604, 0o660, 0o666] {
      let folder = try StateFolder()
      try folder.place(sixteen, mode: mode)
      #expect(try !folder.seeds().areTheUsers, "mode \(String(mode, radix: 8))")
    }
    for bytes in [[], [UInt8](1...15), [UInt8](1...17)] {
      let folder = try StateFolder()
      try folder.place(bytes)
      #expect(try !folder.seeds().areTheUsers, "\(bytes.count) bytes")
      #expect(try Data(contentsOf: folder.file) == Data(bytes), "left as it was")
    }
    let open = try StateFolder()
    try open.place(sixteen)
    chmod(open.home.path, 0o750)
    #expect(try !open.seeds().areTheUsers, "a directory that others may read")
  }

  @Test("are Swift's own, without waiting, where a link, a pipe or somebody else's file is")
  func strangeFiles() throws {
    let link = try StateFolder()
    try link.place([])
    let target = link.url.appendingPathComponent("target").path
    try Data(1...16).write(to: URL(fileURLWithPath: target))
    chmod(target, 0o600)
    unlink(link.file.path)
    symlink(target, link.file.path)
    #expect(try !link.seeds().areTheUsers, "a link")
    let directory = try StateFolder()
    let elsewhere = directory.url.appendingPathComponent("elsewhere").path
    mkdir(elsewhere, 0o700)
    symlink(elsewhere, directory.home.path)
    #expect(try !directory.seeds().areTheUsers, "a linked directory")
    let pipe = try StateFolder()
    try pipe.place([])
    unlink(pipe.file.path)
    mkfifo(pipe.file.path, 0o600)
    #expect(try !pipe.seeds().areTheUsers, "a pipe")
    // Only the superuser can give files away.
    if getuid() == 0 {
      let foreign = try StateFolder()
      try foreign.place([UInt8](1...16))
      chown(foreign.file.path, 12345, 12345)
      #expect(try !foreign.seeds().areTheUsers, "somebody else's file")
      chown(foreign.file.path, 0, 0)
      chown(foreign.home.path, 12345, 12345)
      #expect(try !foreign.seeds().areTheUsers, "somebody else's directory")
    }
  }
}
