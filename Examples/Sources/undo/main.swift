// An editor whose undo is the store's history: each edit is a version, undo and redo switch
// between versions, and an edit after an undo grows a branch, so that nothing is ever lost.
//
//   undo [EDITS]      1,000 unless told otherwise; run it again and it goes on where it was

import Containers

final class Line {
  var text: String
  var next: Line?

  init(_ text: String) { self.text = text }
}

final class Document {
  var title = "Untitled"
  var first: Line?
  weak var cursor: Line?

  var text: String {
    var text = "\(title), at \(cursor?.text ?? "the top")"
    var line = first
    while let current = line {
      text += "\n" + current.text
      line = current.next
    }
    return text
  }

  /// Writes a line after the cursor, which moves on to it.
  func write(_ text: String) {
    let line = Line(text)
    line.next = cursor?.next ?? (cursor == nil ? first : nil)
    if let cursor { cursor.next = line } else { first = line }
    cursor = line
  }

  func edit(_ number: Int) {
    switch number % 5 {
    case 0: title = "Draft \(number)"
    case 1 where cursor != nil: cursor?.text += ", changed by edit \(number)"
    case 2:
      cursor = nil
      write("line \(number), at the top")
    default: write("line \(number)")
    }
    // Documents do not grow for ever; what falls off is still in the versions before.
    if number % 100 == 0 { first?.next?.next?.next = nil }
  }
}

struct Editor {
  let document: Container<Document>
  /// Which version each version was made from, as the store remembers it.
  private var parents: [VersionID: VersionID]
  private var undone: [VersionID] = []
  /// What the user saw at each version of this run: undo and redo must show exactly that.
  private var seen: [VersionID: String] = [:]

  init(_ document: Container<Document>) throws {
    self.document = document
    parents = [:]
    for version in try document.versions { parents[version.id] = version.parent }
  }

  /// Changes the document; that is a version, and what was undone before is a line of its own.
  mutating func edit(_ body: (Document) -> Void) throws -> VersionID {
    let before = document.version
    document.update { body($0) }
    let version = try document.persistAndWait()
    parents[version] = before
    undone = []
    seen[version] = document.read { $0.text }
    return version
  }

  func look() {
    guard let version = document.version else { return }
    precondition(document.read { $0.text } == seen[version], "version \(version) is another text")
  }

  mutating func undo() throws -> Bool {
    guard let version = document.version, let parent = parents[version] else { return false }
    try document.switchTo(parent)
    undone.append(version)
    return true
  }

  mutating func redo() throws -> Bool {
    guard let version = undone.popLast() else { return false }
    try document.switchTo(version)
    return true
  }
}

func timed(_ what: String, _ body: () throws -> Void) rethrows {
  let duration = try ContinuousClock().measure(body)
  print("\(what): \(duration.formatted)")
}

extension Duration {
  var formatted: String {
    "\(components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000) ms"
  }
}

let edits = CommandLine.arguments.dropFirst().first.flatMap { Int($0) } ?? 1000
let store = try Store.default
var attributes = ContainerAttributes()
attributes.retention = .all  // undo reaches back to the beginning
let document = try store.container("document", initial: Document(), attributes: attributes)
var editor = try Editor(document)
print("\(try document.versions.count) versions from before")

var line: [VersionID] = []
try timed("\(edits) edits, each a version") {
  for number in 1...edits {
    line.append(try editor.edit { $0.edit(number) })
  }
}
try timed("\(edits - 1) times undone, each text as it was") {
  for _ in 1..<edits where try editor.undo() { editor.look() }
}
try timed("\(edits - 1) times redone, each text as it was") {
  while try editor.redo() { editor.look() }
}
try timed("to the middle, at once") {
  try document.switchTo(line[edits / 2])
  editor.look()
}
let fresh = try editor.edit { $0.write("another way to go on") }
let redone = try editor.redo()
print("a fresh edit is version \(fresh), made from \(line[edits / 2]); redo: \(redone)")
try document.switchTo(line[edits - 1])
editor.look()
try document.switchTo(fresh)
let versions = try document.versions
let inner = Set(versions.compactMap(\.parent))
print("\(versions.count) versions, \(versions.count { !inner.contains($0.id) }) ends of lines")
