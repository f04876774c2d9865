// The store's space as programs see it: compaction, backup, what keeps what.

import Containers
import Foundation
import SoftPMTesting
import Testing

@Suite struct StoreSpaceTests {
  final class Note {
    var text: String
    var next: Note?
    init(_ text: String) { self.text = text }
  }
  final class Notes {
    var first: Note?
    var count = 0
    func add(_ text: String) {
      let note = Note(text)
      note.next = first
      first = note
      count += 1
    }
  }

  private func fill(_ notes: Container<Notes>, _ count: Int) throws {
    notes.update { root in
      for number in 0..<count {
        root.add(String(repeating: "note \(number) of \(count) ", count: 8))
      }
    }
  }

  @Test("what no version holds any more leaves the file when it is compacted")
  func compacting() throws {
    let folder = try ScratchFolder()
    let store = try Store.open(folder.path("s"))
    var attributes = ContainerAttributes()
    attributes.retention = .latest(1)
    let notes = try store.container("notes", initial: Notes(), attributes: attributes)
    notes.update { $0.add("kept") }
    try notes.persistAndWait()
    let small = try store.compact()
    try fill(notes, 20_000)
    try notes.persistAndWait()
    let large = try store.compact()
    #expect(large.bytesAfter > small.bytesAfter + (2 << 20))
    // The objects become unreachable: there is no garbage in a version, so nothing else is needed.
    notes.update { root in
      root.first = nil
      root.add("kept")
    }
    try notes.persistAndWait()
    var told = 0
    let after = try store.compact { progress in
      told += 1
      #expect(progress.bytesDone <= progress.bytesTotal)
    }
    #expect(told > 0)
    #expect(after.bytesAfter < small.bytesAfter + (256 << 10))
    #expect(try store.verify().isIntact)
    try store.close()
    let again = try Store.open(folder.path("s"))
    let restored = try again.container("notes", initial: Notes())
    #expect(restored.read { $0.first?.text } == "kept")
    try again.close()
  }

  @Test("a backup is a store of its own, made while the other one is in use")
  func backup() throws {
    let folder = try ScratchFolder()
    let store = try Store.open(folder.path("s"))
    let notes = try store.container("notes", initial: Notes())
    try fill(notes, 500)
    let version = try notes.persistAndWait(label: "before")
    try store.backup(to: folder.path("copy"))
    try fill(notes, 500)
    try notes.persistAndWait()
    #expect(throws: ContainerError.self) { try store.backup(to: folder.path("copy")) }
    let copy = try Store.open(folder.path("copy"))
    let restored = try copy.container("notes", initial: Notes())
    #expect(restored.read { $0.count } == 500)
    #expect(try restored.versions.map(\.id) == [version])
    #expect(try restored.versions.map(\.label) == ["before"])
    try fill(restored, 1)
    try restored.persistAndWait()
    try copy.close()
    #expect(notes.read { $0.count } == 1000)
    try store.close()
  }

  @Test("the listing of space says what keeps each version, and what it would give back")
  func listing() throws {
    let store = try Store.inMemory()
    var attributes = ContainerAttributes()
    attributes.retention = .latest(2)
    let notes = try store.container("notes", initial: Notes(), attributes: attributes)
    var made: [VersionID] = []
    for round in 0..<6 {
      try fill(notes, 100)
      made.append(try notes.persistAndWait(label: round == 1 ? "good" : nil))
      if round == 2 { _ = try notes.branch("side") }
    }
    let snapshot = try notes.snapshot(made[4])
    try fill(notes, 1)
    made.append(try notes.persistAndWait())
    let space = try store.space
    func reasons(_ index: Int) -> [VersionSpace.Reason]? {
      space.versions.first { $0.id == made[index] }?.reasons
    }
    #expect(reasons(1) == [.label])
    #expect(reasons(2) == [.branch])
    #expect(reasons(4) == [.snapshot])
    #expect(reasons(5) == [.retention])
    #expect(reasons(6) == [.newest])
    #expect(space.versions.allSatisfy { $0.ownBytes >= 0 })
    #expect(space.versions.contains { $0.ownBytes > 0 })
    #expect(space.usedBytes > 0)
    #expect(!space.hasReaders)
    #expect(store.driver == "memory")
    snapshot.close()
    try store.close()
  }

  @Test("a version under a snapshot of a read-only opening outlives the writer's retention")
  func readers() throws {
    let folder = try ScratchFolder()
    let store = try Store.open(folder.path("s"))
    var attributes = ContainerAttributes()
    attributes.retention = .latest(2)
    let notes = try store.container("notes", initial: Notes(), attributes: attributes)
    try fill(notes, 10)
    let first = try notes.persistAndWait()
    try fill(notes, 10)
    try notes.persistAndWait()
    var options = StoreOptions()
    options.readOnly = true
    let reader = try Store.open(folder.path("s"), options)
    let seen = try reader.container("notes", initial: Notes())
    let snapshot = try seen.snapshot(first)
    for _ in 0..<5 {
      try fill(notes, 10)
      try notes.persistAndWait()
    }
    #expect(try notes.versions.contains { $0.id == first })
    #expect(snapshot.read { $0.count } == 10)
    snapshot.close()
    try fill(notes, 10)
    try notes.persistAndWait()
    #expect(try !notes.versions.contains { $0.id == first })
    try reader.close()
    try store.close()
  }
}
