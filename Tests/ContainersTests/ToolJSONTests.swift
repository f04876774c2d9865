import Containers
import Foundation
import SoftPMTesting
import Testing

/// What other programs rely on: JSON from every command, and an exit code per answer.
@Suite("The tool softpm, for programs")
struct ToolJSONTests {
  final class Before {
    var count = 3
    var title = "one"
  }
  final class After {
    var count = "three"
    var title = "one"
  }

  private func makeStore<Root: AnyObject>(_ root: Root, at path: String) throws {
    let store = try Store.open(path)
    try store.container("c", initial: root).persistAndWait()
    try store.close()
  }

  @Test("types --against tells of types that differ, and says 12; of the same, and says 0")
  func typesDiffer() throws {
    let folder = try ScratchFolder()
    let (before, after) = (folder.path("before.softpm"), folder.path("after.softpm"))
    try makeStore(Before(), at: before)
    try makeStore(After(), at: after)
    let tool = try ChildProgram("softpm")
    let differing = try tool.run("types", "\(before):c", "--against", "\(after):c")
    #expect(differing.status == 12, "\(differing.output)\(differing.errors)")
    #expect(differing.output.contains("Before") && differing.output.contains("After"))
    let same = try tool.run("types", "\(before):c", "--against", "\(before):c")
    #expect(same.status == 0, "\(same.output)\(same.errors)")
  }

  @Test(
    "every command answers in JSON when asked to, errors included",
    arguments: [
      "info G", "log G", "show G:notebook", "cat G:notebook root", "tree G:notebook",
      "types G:notebook", "verify G", "diff G:notebook@1 G:notebook@5", "export G:notebook",
      "dot G:notebook", "branch G:notebook x --dry-run", "label G:notebook@1 x --dry-run",
      "compact G --dry-run", "completions bash", "man", "info /nowhere", "cat G:nothing root",
      "cat G:notebook root.nothing", "nonsense", "log",
    ])
  func json(_ words: String) throws {
    let arguments = words.split(separator: " ").map { word in
      word == "G"
        ? Golden.path : word.hasPrefix("G:") ? Golden.path + word.dropFirst() : String(word)
    }
    let outcome = try ChildProgram("softpm").run(arguments + ["--json"])
    let text = outcome.output
    let value = try? JSONSerialization.jsonObject(with: Data(text.utf8))
    let object = try #require(value as? [String: Any], "\(words): \(text)")
    #expect(!object.isEmpty)
  }
}
