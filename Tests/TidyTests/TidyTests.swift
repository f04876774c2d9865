import Foundation
import Testing

/// Rules of this code base that a formatter cannot see. Each names what to do instead.
@Suite("Tidiness")
struct TidyTests {
  private static let longestFile = 500
  private static let longestFunction = 70

  struct Source: Sendable, CustomTestStringConvertible {
    let path: String
    let lines: [String]
    var testDescription: String { path }

    func each(_ body: (_ line: String, _ place: String) -> Void) {
      for (index, line) in lines.enumerated() { body(line, "\(path):\(index + 1)") }
    }
  }

  private static let root = URL(filePath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  private static func sources(_ folders: [String], _ endings: [String]) -> [Source] {
    folders.flatMap { folder -> [Source] in
      let start = root.appending(path: folder)
      guard let walk = FileManager.default.enumerator(atPath: start.path()) else { return [] }
      return walk.compactMap { entry -> Source? in
        guard let name = entry as? String, endings.contains(where: name.hasSuffix),
          !name.contains(".build/"),
          let text = try? String(contentsOf: start.appending(path: name), encoding: .utf8)
        else { return nil }
        return Source(
          path: folder + "/" + name,
          lines: text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init))
      }
    }
  }

  private static let swift = sources(["Sources", "Tests", "Examples", "Benchmarks"], [".swift"])
  private static let product = sources(["Sources"], [".swift"])
  private static let c = sources(["Sources"], [".c", ".h"])

  @Test("the sources are found at all")
  func sourcesExist() {
    #expect(Self.product.count > 20)
    #expect(Self.c.count > 3)
  }

  @Test("no file is longer than 500 lines", arguments: swift + c)
  func fileLength(_ source: Source) {
    #expect(source.lines.count <= Self.longestFile, "split \(source.path) by what it is about")
  }

  @Test("no function is longer than 70 lines", arguments: swift)
  func functionLength(_ source: Source) {
    var start: (line: Int, indent: Int)?
    for (index, line) in source.lines.enumerated() {
      let indent = line.prefix { $0 == " " }.count
      let text = line.dropFirst(indent)
      if let open = start, text.hasPrefix("}"), indent == open.indent {
        #expect(
          index - open.line <= Self.longestFunction,
          "\(source.path):\(open.line + 1): split the function")
        start = nil
      } else if start == nil, text.contains(/\b(func|init|deinit|subscript)\b/),
        line.hasSuffix("{"), !text.hasPrefix("//")
      {
        start = (index, indent)
      }
    }
  }

  private static let banned: [(pattern: String, remedy: String)] = [
    ("try" + "!", "handle the error, or say with `misuse` why it cannot happen"),
    ("TO" + "DO", "finish it, or write it into the closing note"),
    ("FIX" + "ME", "fix it"),
    ("fatalError(\"" + "unimpl", "implement it"),
    ("import " + "Foundation.", "import the module, in tests and tools only"),
    ("print" + "(\"debug", "remove it"),
  ]

  @Test("nothing unfinished or unchecked is left in the sources", arguments: swift)
  func bannedWords(_ source: Source) {
    source.each { line, place in
      for rule in Self.banned where line.contains(rule.pattern) {
        Issue.record("\(place): \(rule.pattern): \(rule.remedy)")
      }
    }
  }

  @Test("the library does not use Foundation", arguments: product)
  func noFoundation(_ source: Source) {
    guard !source.path.contains("SoftPMTesting/") else { return }
    source.each { line, place in
      #expect(!line.hasPrefix("import Foundation"), "\(place): use Glibc or Synchronization")
    }
  }

  /// The layers of ARCHITECTURE.md: who may import whom.
  private static let allowed: [String: Set<String>] = [
    "SoftPMBase": [],
    "SoftPMStore": ["SoftPMBase"],
    "SoftPMHeap": ["SoftPMBase"],
    "SoftPMTracking": ["SoftPMBase"],
    "SoftPMTypes": ["SoftPMBase"],
    "Containers": ["SoftPMBase", "SoftPMStore", "SoftPMHeap", "SoftPMTracking", "SoftPMTypes"],
    "softpm": ["Containers"],
    "SoftPMTesting": ["SoftPMBase", "SoftPMStore"],
    "SoftPMBenchmarking": [
      "SoftPMBase", "SoftPMStore", "SoftPMHeap", "SoftPMTracking", "SoftPMTypes",
    ],
  ]

  @Test("imports point down the layers only", arguments: product)
  func layers(_ source: Source) {
    let module = String(source.path.split(separator: "/")[1])
    guard let allowed = Self.allowed[module] else { return }
    source.each { line, place in
      guard let match = line.firstMatch(of: /^(?:@\w+ )?import (SoftPM\w+|Containers)/) else {
        return
      }
      #expect(allowed.contains(String(match.1)), "\(place): \(module) may not use \(match.1)")
    }
  }

  @Test("every function that our C code exports begins with softpm_ or is interposed", arguments: c)
  func symbolPrefix(_ source: Source) {
    guard source.path.contains("CSoftPM"), source.path.hasSuffix(".h") else { return }
    source.each { line, place in
      // Attributes look like calls; what is left is a declaration that begins its line.
      let declaration = line.replacing(/__attribute__\(\([^)]*\)+ ?/, with: "")
      guard let match = declaration.firstMatch(of: /^[a-z][A-Za-z0-9_ \*]* \*?([a-z_0-9]+)\(/),
        !line.hasPrefix("static"), !line.hasPrefix("typedef")
      else { return }
      // Names that begin with two underscores are the system's, declared for our use.
      #expect(
        match.1.hasPrefix("softpm_") || match.1.hasPrefix("__"), "\(place): rename \(match.1)")
    }
  }

  @Test("every source file of the library says what it is before its first declaration")
  func headers() {
    for source in Self.product {
      let opening = source.lines.prefix(14).joined(separator: "\n")
      #expect(opening.contains("//"), "\(source.path): say in a comment what the file is")
    }
  }
}
