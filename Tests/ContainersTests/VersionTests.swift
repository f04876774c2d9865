import Containers
import SoftPMTesting
import Testing

/// The past as programs reach it: by both vocabularies, several versions at once, and what branches
/// keep of it.
@Suite("Versions")
struct VersionTests {
  final class Page {
    var text: String
    var next: Page?
    init(_ text: String) { self.text = text }
  }
  final class Book {
    var pages: [Page] = []
    var texts: [String] { pages.map(\.text) }

    func write(_ number: Int) {
      let page = Page("page number \(number), not inline")
      page.next = pages.first
      pages.append(page)
    }
    static func texts(_ numbers: ClosedRange<Int>) -> [String] {
      numbers.map { "page number \($0), not inline" }
    }
  }

  private func code(of body: () throws -> Void) -> ContainerError.Code? {
    do { try body() } catch { return (error as? ContainerError)?.code }
    return nil
  }

  /// Three versions of one, two and three pages.
  private func makeBook(_ store: Store) throws -> (ContainerID, Book, [VersionID]) {
    let book = Book()
    let id = try pCAlloc("book", book, in: store)
    let made = try (1...3).map { number in
      book.write(number)
      return try pPointSync(id)
    }
    return (id, book, made)
  }

  @Test("pCRestore of a version gives its root; until a point is made the newest is what opens")
  func restoring() throws {
    let store = try Store.inMemory()
    var (id, book, made) = try makeBook(store)
    try pCFree(id)
    #expect(try pCRestore("no such book", &book, version: made[0], in: store) == nil)
    #expect(
      code { _ = try pCRestore("book", &book, version: 9_999, in: store) } == .noSuchVersion)
    #expect(book.texts == Book.texts(1...3))

    id = try #require(try pCRestore("book", &book, version: made[0], in: store))
    #expect(book.texts == Book.texts(1...1))
    try pCFree(id)
    id = try #require(try pCRestore("book", &book, in: store))
    #expect(book.texts == Book.texts(1...3))
    try pCFree(id)

    // A point makes a version that descends from the restored one, though nothing has changed.
    id = try #require(try pCRestore("book", &book, version: made[1], in: store))
    let next = try pPointSync(id)
    #expect(next > made[2])
    #expect(try store.versions(of: "book").map(\.parent) == [nil, made[0], made[1], made[1]])
    #expect(try pPointSync(id) == next)
    try pCFree(id)
    id = try #require(try pCRestore("book", &book, in: store))
    #expect(book.texts == Book.texts(1...2))
    try store.close()
  }

  @Test("pCSwitch makes a past version the live one; what was held before is no part of it")
  func switching() throws {
    let store = try Store.inMemory()
    var (id, book, made) = try makeBook(store)
    let held = book
    try pCSwitch(id, to: made[0], &book)
    #expect(book.texts == Book.texts(1...1) && held.texts == Book.texts(1...3))
    #expect(book !== held && book.pages[0] !== held.pages[0])
    held.write(4)
    let next = try pPointSync(id)
    #expect(try store.versions(of: "book").last?.parent == made[0])
    #expect(book.texts == Book.texts(1...1))
    #expect(code { try pCSwitch(id, to: 9_999, &book) } == .noSuchVersion)
    // Nothing happened to the live one.
    #expect(try pPointSync(id) == next)
    try store.close()
  }

  @Test("pCClone begins a line at any version, and both lines go on by themselves")
  func cloning() throws {
    let store = try Store.inMemory()
    let (id, book, made) = try makeBook(store)
    let clone = try pCClone(id, as: "clone", at: made[0])
    #expect(code { _ = try pCClone(id, as: "clone") } == .exists)
    #expect(code { _ = try pCClone(id, as: "another", at: 9_999) } == .noSuchVersion)
    var copy = Book()
    #expect(try pCRestore("clone", &copy, in: store) == clone)
    #expect(copy.texts == Book.texts(1...1))
    copy.write(20)
    try pPointSync(clone)
    book.write(4)
    try pPointSync(id)
    #expect(copy.texts == Book.texts(1...1) + Book.texts(20...20))
    #expect(book.texts == Book.texts(1...4))
    #expect(try store.versions(of: "clone").first?.parent == made[0])
    // Before its first point a clone opens as its base.
    let still = try pCClone(id, as: "still", at: made[1])
    try pCFree(still)
    #expect(try pCRestore("still", &copy, in: store) != nil)
    #expect(copy.texts == Book.texts(1...2))
    try store.close()
  }

  @Test("several versions live at once, each for itself; what is held outlives its snapshot")
  func several() throws {
    let store = try Store.inMemory()
    let (_, book, made) = try makeBook(store)
    let container = try store.container("book", initial: Book())
    var snapshots = try (made + made).map { try container.snapshot($0) }
    for (number, snapshot) in snapshots.enumerated() {
      let pages = number % 3 + 1
      #expect(snapshot.read { $0.texts } == Book.texts(1...pages), "snapshot \(number)")
      snapshot.root.pages[0].text = "changed in snapshot \(number)"
    }
    for (number, snapshot) in snapshots.enumerated() {
      #expect(snapshot.root.pages[0].text == "changed in snapshot \(number)")
    }
    #expect(book.texts == Book.texts(1...3))
    // Nothing of that reaches the store.
    #expect(try container.persistAndWait() == made[2])

    let held = snapshots[1].root.pages[1]
    weak let gone = snapshots[2].root.pages[2]
    weak let kept = held
    for snapshot in snapshots { snapshot.close() }
    snapshots = []
    #expect(gone == nil)
    #expect(kept === held && held.text == Book.texts(2...2)[0])
    #expect(held.next?.text == "changed in snapshot 1")

    // Linked into the live graph it persists there, as the object that it is.
    container.update { $0.pages.append(held) }
    let with = try container.persistAndWait()
    try container.close()
    let again = try store.container("book", initial: Book())
    #expect(again.version == with)
    #expect(again.root.texts == Book.texts(1...3) + Book.texts(2...2))
    #expect(again.root.pages[3].next?.text == "changed in snapshot 1")
    try store.close()
  }

  @Test("a branch's base is kept whatever the retention, until the branch is deleted")
  func bases() throws {
    let folder = try ScratchFolder()
    var store = try Store.open(folder.path("s"))
    var attributes = ContainerAttributes()
    attributes.retention = .latest(2)
    var trunk = try store.container("trunk", initial: Book(), attributes: attributes)
    var base: VersionID = 0
    func grow(_ container: Container<Book>, _ numbers: ClosedRange<Int>) throws {
      for number in numbers {
        container.update { $0.write(number) }
        try container.persistAndWait()
      }
    }
    try grow(trunk, 1...3)
    base = try #require(trunk.version)
    var branch = try trunk.branch("branch")
    // The branch's own first version goes the way of all others.
    for round in 0..<3 {
      try grow(trunk, 4...7)
      try grow(branch, 4...7)
      #expect(try branch.versions.count == 2 && !branch.versions.contains { $0.parent == base })
      let kept = try trunk.versions
      #expect(kept.count == 3 && kept.first?.id == base, "round \(round): \(kept.map(\.id))")
      #expect(try trunk.snapshot(base).root.texts == Book.texts(1...3))
      #expect(try store.space.versions.first { $0.id == base }?.reasons == [.branch])
      try store.close()
      store = try Store.open(folder.path("s"))
      trunk = try store.container("trunk", initial: Book())
      branch = try store.container("branch", initial: Book())
    }
    try store.delete("branch")
    try grow(trunk, 8...8)
    #expect(try trunk.versions.count == 2 && !trunk.versions.contains { $0.id == base })
    // What nobody but the program wants any more may go.
    branch = try trunk.branch("branch")
    let other = try #require(trunk.version)
    try grow(trunk, 9...9)
    try trunk.deleteVersion(other)
    #expect(branch.root.texts.count == trunk.root.texts.count - 1)
    #expect(try store.verify().isIntact)
    try store.close()
  }
}
