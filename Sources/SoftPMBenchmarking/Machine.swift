// What the figures were measured on.

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

public struct Machine: Codable, Sendable {
  public let processor, kernel, memory, build: String
  public let cores: Int
  public let loadAtStart: String
  public internal(set) var loadAtEnd = ""
  /// What the script that started the run knows: `SOFTPM_BENCH_VERSIONS`.
  public let versions: String

  static func current() -> Machine {
    Machine(
      processor: field("model name", of: "/proc/cpuinfo") ?? "unknown processor",
      kernel: kernelText(),
      memory: field("MemTotal", of: "/proc/meminfo") ?? "unknown",
      build: isOptimised ? "optimised" : "debug: figures mean nothing",
      cores: Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))),
      loadAtStart: load(),
      versions: getenv("SOFTPM_BENCH_VERSIONS").map { String(cString: $0) } ?? "")
  }

  var lines: [String] {
    [
      "machine   \(cores) × \(processor), \(memory)",
      "kernel    \(kernel)",
      "versions  \(versions.isEmpty ? "not told (run it through make bench)" : versions)",
      "build     \(build)",
      "load      \(loadAtStart) at start, \(loadAtEnd) at the end",
    ]
  }

  static func load() -> String {
    content("/proc/loadavg").split(separator: " ").first.map(String.init) ?? "unknown"
  }

  private static var isOptimised: Bool {
    #if DEBUG
      false
    #else
      true
    #endif
  }

  private static func kernelText() -> String {
    "\(content("/proc/sys/kernel/ostype")) \(content("/proc/sys/kernel/osrelease"))"
  }

  private static func field(_ name: String, of path: String) -> String? {
    for line in content(path).split(separator: "\n") where line.hasPrefix(name) {
      let value = line.drop { $0 != ":" }.dropFirst().drop { $0 == " " }
      return String(value)
    }
    return nil
  }

  /// A small file of /proc, without the line's end; empty where there is none.
  private static func content(_ path: String) -> String {
    guard let file = fopen(path, "r") else { return "" }
    defer { fclose(file) }
    var bytes = [UInt8](repeating: 0, count: 64 << 10)
    let count = fread(&bytes, 1, bytes.count, file)
    let text = String(decoding: bytes[..<count], as: UTF8.self)
    return text.hasSuffix("\n") ? String(text.dropLast()) : text
  }
}

/// A folder of its own for a measurement's files, removed with them at the end.
public final class ScratchFolder {
  public let path: String

  /// Below `SOFTPM_BENCH_FOLDER`, or the working directory: /tmp is often no disk.
  public init() throws {
    let parent = getenv("SOFTPM_BENCH_FOLDER").map { String(cString: $0) } ?? "."
    var template = Array((parent + "/softpm-bench-XXXXXX").utf8CString)
    guard mkdtemp(&template) != nil else {
      throw BenchmarkFailure("no folder can be made in \(parent); set SOFTPM_BENCH_FOLDER")
    }
    path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
  }

  public func file(_ name: String) -> String { path + "/" + name }

  deinit {
    guard let folder = opendir(path) else { return }
    while let entry = readdir(folder) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name != ".", name != ".." { unlink(path + "/" + name) }
    }
    closedir(folder)
    rmdir(path)
  }
}

public struct BenchmarkFailure: Error, CustomStringConvertible {
  public let description: String
  public init(_ description: String) { self.description = description }
}
