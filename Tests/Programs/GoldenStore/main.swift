// Makes the store that the tool's tests look at: Tests/Golden/notes.softpm. Run again only when the
// format has changed:
//
//     swift run GoldenStore Tests/Golden/notes.softpm

import Containers
import Glibc

final class Person {
  var name: String
  var age: Int
  var friends: [Person] = []
  weak var best: Person?
  init(_ name: String, _ age: Int) {
    self.name = name
    self.age = age
  }
}

enum Mood: Hashable {
  case calm
  case busy(tasks: Int)
  case away(String)
}

struct Page: Hashable {
  var title: String
  var lines: Int
}

final class Notebook {
  var title = "a notebook whose title is rather long"
  var people: [String: Person] = [:]
  var pages: [Page] = []
  var tags: Set<String> = []
  var mood = Mood.calm
  var note: String?
  var ratio = 0.5
  var isOpen = true
  var anything: [Any] = [1, "two", Page(title: "three", lines: 3)]
  var chief: Person?
}

guard CommandLine.arguments.count == 2 else {
  print("usage: GoldenStore PATH")
  exit(2)
}
let store = try Store.open(CommandLine.arguments[1])
let notebook = try store.container("notebook", initial: Notebook())
notebook.update { book in
  let ann = Person("Ann", 41)
  let bob = Person("Bob", 30)
  ann.friends = [bob]
  bob.friends = [ann]
  bob.best = ann
  book.people = ["Ann": ann, "Bob": bob]
  book.pages = [Page(title: "first", lines: 10), Page(title: "a page with a long title", lines: 2)]
  book.tags = ["red", "green"]
}
let first = try notebook.persistAndWait(label: "begun")
notebook.update { book in
  book.people["Ann"]?.age = 42
  book.people["Cleo"] = Person("Cleo", 7)
  book.mood = .busy(tasks: 3)
}
try notebook.persistAndWait()
let trial = try notebook.branch("trial", from: first)
trial.update { $0.note = "only in the trial" }
try trial.persistAndWait()
notebook.update { book in
  book.chief = book.people["Bob"]
  book.pages.removeLast()
  book.tags.insert("blue")
}
try notebook.persistAndWait(label: "release")
try trial.close()
try notebook.close()
try store.close()
