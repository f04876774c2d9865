import Foundation
import SoftPMTesting
import Testing

/// The public interface: a program that imports `Containers` alone uses all of it.
@Suite("Public declarations")
struct DeclarationTests {
  private static let root = URL(filePath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  private static func sources(_ folder: String) throws -> [(path: String, text: String)] {
    let start = root.appending(path: folder)
    return try FileManager.default.contentsOfDirectory(atPath: start.path()).sorted()
      .filter { $0.hasSuffix(".swift") }
      .map { ($0, try String(contentsOf: start.appending(path: $0), encoding: .utf8)) }
  }

  /// What programs see: `Containers`, and the plain values that it exports. What looks into stores
  /// without a program (`Inspection`) has tests of its own, and so has describing hidden storage.
  private static func declared() throws -> Set<String> {
    let files = try sources("Sources/Containers/Public") + sources("Sources/SoftPMBase")
    return files.reduce(into: []) { $0.formUnion(PublicDeclarations.names(in: $1.text)) }
  }

  /// What the program said of each use, by the name of the declaration.
  private static let uses = Result { () throws -> [String: String] in
    let folder = try ScratchFolder()
    let program = try ChildProgram(
      "ContractProgram", environment: ["SOFTPM_STORE": folder.path("default.softpm")])
    let outcome = try program.run(folder.url.path())
    #expect(outcome.status == 0, "\(outcome.errors)")
    return outcome.lines.reduce(into: [:]) { uses, line in
      let words = line.split(separator: " ", maxSplits: 2).map(String.init)
      guard words.count > 1 else { return }
      uses[words[1]] = line
    }
  }

  @Test("a use of every one compiles, runs, and does what it should")
  func everyUseWorks() throws {
    let uses = try Self.uses.get()
    #expect(uses.count > 150)
    for line in uses.values where !line.hasPrefix("works: ") { Issue.record("\(line)") }
  }

  @Test("none is forgotten, and none is there that no source declares")
  func noneIsForgotten() throws {
    let uses = Set(try Self.uses.get().keys)
    let declared = try Self.declared()
    #expect(
      declared.subtracting(uses).sorted() == [],
      "add a use of each to Tests/Programs/ContractProgram")
    #expect(
      uses.subtracting(declared).sorted() == [],
      "the names in Tests/Programs/ContractProgram must be those of the sources")
  }

  @Test("none of the contract's was taken away")
  func contractIsKept() throws {
    let uses = Set(try Self.uses.get().keys)
    #expect(Self.contract.subtracting(uses).sorted() == [])
  }

  @Test("the program imports Containers alone, and each use has the name in its code")
  func programIsPlain() throws {
    let files = try Self.sources("Tests/Programs/ContractProgram")
    let imports = files.flatMap { $0.text.split(separator: "\n") }
      .filter { $0.contains(#/^(@\w+ )?import /#) }
    #expect(Set(imports) == ["import Containers"])
    let code = files.map(\.text).joined().replacing(#/"[^"\n]*"/#, with: "")
    let words = Set(code.matches(of: /\w+|</).map { String($0.output) })
    for name in try Self.uses.get().keys {
      let last = name.prefix { $0 != "(" }.split(separator: ".").last.map(String.init) ?? name
      #expect(words.contains(last), "\(name) is named, but not used")
    }
  }

  @Test("the list of declarations finds each kind in a source, and nothing that is not public")
  func findsDeclarations() {
    let source = """
      public struct A: Sendable {
        public enum B: Sendable { case one }
        public enum C {
          case two(Int)
          case three, four
        }
        enum Hidden {
          case five
        }
        public let d = 1
        let e = 2
        public init(
          f: Int, _ g: [String: Int] = [:], h i: (Int, Int) -> Int
        ) {
          switch f {
          case 1: break
          }
        }
        public static func < (left: A, right: A) -> Bool { true }
      }
      extension A {
        @discardableResult
        public func j<T>(_ k: T, l: Int) -> Int { 1 }
        public static var `default`: Int { 1 }
      }
      func m() {}
      """
    #expect(
      PublicDeclarations.names(in: source) == [
        "A", "A.B", "A.B.one", "A.C", "A.C.two", "A.C.three", "A.C.four", "A.d", "A.init(f:_:h:)",
        "A.<(_:_:)", "A.j(_:l:)", "A.default",
      ])
  }
}

/// Finds the public declarations of formatted sources: one a line, indented by where they belong.
enum PublicDeclarations {
  static func names(in text: String) -> Set<String> {
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    var found: Set<String> = []
    var open: [(indent: Int, name: String, casesArePublic: Bool)] = []
    for (index, line) in lines.enumerated() {
      let indent = line.prefix { $0 == " " }.count
      let text = line.dropFirst(indent)
      if text.hasPrefix("}") { open.removeAll { $0.indent >= indent } }
      let path = open.map { $0.name + "." }.joined()
      if let match = text.prefixMatch(
        of: /(public )?(?:\w+ )*?(struct|class|enum|protocol|extension) ([\w.]+)/)
      {
        let isPublic = match.1 != nil
        let isEnum = match.2 == "enum"
        if isPublic { found.insert(path + match.3) }
        if text.hasSuffix("{") {
          open.append((indent, String(match.3), isPublic && isEnum))
        } else if isPublic, isEnum, let cases = text.firstMatch(of: /\{ case (.*) \}$/) {
          for name in caseNames(cases.1) { found.insert("\(path)\(match.3).\(name)") }
        }
      } else if let owner = open.last, owner.casesArePublic, indent == owner.indent + 2,
        let match = text.prefixMatch(of: /(?:indirect )?case (.*)/)
      {
        for name in caseNames(match.1) { found.insert(path + name) }
      } else if let match = text.prefixMatch(
        of: #/(?:@\w+ )?public (?:\w+ )*?(var|let|func|init|subscript)\b ?`?(\w+|[<>=+*\/!-]+)?/#)
      {
        let name = match.1 == "init" ? "init" : String(match.2 ?? "")
        let takesParameters = match.1 != "var" && match.1 != "let"
        found.insert(
          path + name + (takesParameters ? labels(lines[index...].joined(separator: " ")) : ""))
      }
    }
    return found
  }

  /// `two(Int), three` → `two`, `three`.
  private static func caseNames(_ list: Substring) -> [String] {
    split(String(list)).map { String($0.trimming.prefix { $0.isLetter || $0.isNumber }) }
  }

  /// The labels of a signature, as in `(_:label:)`.
  private static func labels(_ signature: String) -> String {
    guard let start = signature.firstIndex(of: "(") else { return "" }
    var depth = 0
    var end = start
    for index in signature[start...].indices {
      if signature[index] == "(" { depth += 1 }
      if signature[index] == ")" { depth -= 1 }
      end = index
      if depth == 0 { break }
    }
    let inner = String(signature[signature.index(after: start)..<end])
    // An operator's parameters have no labels.
    let isOperator = !signature[..<start].contains(/(init|\w+(<[^(]*>)?)$/)
    let names = split(inner).map {
      isOperator ? "_" : String($0.trimming.prefix { !" :".contains($0) })
    }
    return "(" + names.map { $0 + ":" }.joined() + ")"
  }

  /// At commas outside of brackets.
  private static func split(_ list: String) -> [String] {
    var parts = [""]
    var depth = 0
    for character in list {
      if "([{<".contains(character) { depth += 1 }
      if ")]}>".contains(character), !(parts.last?.hasSuffix("-") ?? false) { depth -= 1 }
      if character == ",", depth == 0 {
        parts.append("")
      } else {
        parts[parts.count - 1].append(character)
      }
    }
    return parts.filter { !$0.trimming.isEmpty }
  }
}

extension String {
  fileprivate var trimming: Substring { Substring(self).drop { $0 == " " } }
}
