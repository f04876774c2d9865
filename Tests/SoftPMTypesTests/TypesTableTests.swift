import Foundation
import Testing
import TypesZoo

/// `docs/types.md` as data: what it says is stored or refused must be proved.
@Suite("The table of types")
struct TypesTableTests {
  private struct Row {
    var title: String
    var proofs: [String]
  }

  /// The rows under a heading. Their last cell names tests as `Suite.test`.
  private static func rows(under heading: String) throws -> [Row] {
    let url = Workshop.package.appendingPathComponent("docs/types.md")
    let text = try String(contentsOf: url, encoding: .utf8)
    let sections = text.components(separatedBy: "\n## ")
    let section = try #require(sections.first { $0.hasPrefix(heading + "\n") }, "\(heading)")
    return section.split(separator: "\n").filter { $0.hasPrefix("| ") }.dropFirst(2).map { line in
      let cells = line.dropFirst(2).dropLast(2).components(separatedBy: " | ")
      let proofs = cells[cells.count - 1].components(separatedBy: "`").enumerated()
        .filter { $0.offset % 2 == 1 }.map(\.element)
      return Row(title: cells[0], proofs: proofs)
    }
  }

  /// Every test of this folder, as `Suite.test`.
  private static func tests() throws -> Set<String> {
    let folder = URL(filePath: #filePath).deletingLastPathComponent()
    var found: Set<String> = []
    for name in try FileManager.default.contentsOfDirectory(atPath: folder.path) {
      let file = folder.appendingPathComponent(name)
      var suite = ""
      for line in try String(contentsOf: file, encoding: .utf8).split(separator: "\n") {
        if let match = line.firstMatch(of: /^struct (\w+Tests)\b/) { suite = String(match.1) }
        if let match = line.firstMatch(of: /^  func (\w+)\(/) {
          found.insert("\(suite).\(match.1)")
        }
      }
    }
    return found
  }

  @Test("shows each stored kind in the exhibition, or names tests that prove it")
  func stored() throws {
    let tests = try Self.tests()
    let exhibited = exhibitedRows()
    let rows = try Self.rows(under: "Stored")
    #expect(rows.count > 20)
    for row in rows {
      #expect(
        exhibited[row.title, default: 0] > 0 || !row.proofs.isEmpty, "no proof of: \(row.title)")
      for proof in row.proofs { #expect(tests.contains(proof), "\(row.title): no test \(proof)") }
    }
    let titles = Set(rows.map(\.title))
    for title in exhibited.keys { #expect(titles.contains(title), "not in the table: \(title)") }
  }

  @Test("names tests that prove each refusal")
  func refused() throws {
    let tests = try Self.tests()
    let rows = try Self.rows(under: "Refused")
    #expect(rows.count > 10)
    for row in rows {
      #expect(!row.proofs.isEmpty, "no proof of: \(row.title)")
      for proof in row.proofs { #expect(tests.contains(proof), "\(row.title): no test \(proof)") }
    }
  }
}
