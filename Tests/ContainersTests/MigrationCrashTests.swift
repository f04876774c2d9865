import Foundation
import SoftPMBase
import SoftPMStore
import SoftPMTesting
import Testing

@testable import Containers

/// The types of an earlier program and of this one, in one process: a registered name makes the one
/// into the other.
final class EarlierNote {
  var text: String
  var size: Int32
  var next: EarlierNote?
  init(_ number: Int, _ next: EarlierNote?) {
    text = "the text of note number \(number)"
    size = Int32(number)
    self.next = next
  }
}

final class LaterNote {
  var next: LaterNote?
  var size: Int
  var text: String
  var tags: [String]?
  var index: [String: Int] = [:]
  init() {
    size = 0
    text = ""
  }
}

@Suite("A crash while types are migrated")
struct MigrationCrashTests {
  private static let count = 60

  /// A store as the earlier program left it.
  private static func earlier() throws -> [UInt8] {
    let device = StoreRecordingDevice([])
    let store = Store(StoreCore(try ChunkStore.open(on: device), path: nil))
    var note: EarlierNote?
    for number in 0..<count { note = EarlierNote(number, note) }
    let root = try #require(note)
    try store.container("notes", initial: root).persistAndWait()
    try store.close()
    return device.content
  }

  private static func open(_ device: any Device, migrating: Bool) throws -> Store {
    var migrations = Migrations()
    if migrating { migrations.rename("ContainersTests.EarlierNote", to: LaterNote.self) }
    return Store(
      StoreCore(try ChunkStore.open(on: device), path: nil, migrations: migrations))
  }

  private static func isEarlier(_ root: EarlierNote) -> Bool {
    var note: EarlierNote? = root
    for number in (0..<count).reversed() {
      guard let current = note, current.size == Int32(number),
        current.text == "the text of note number \(number)"
      else { return false }
      note = current.next
    }
    return note == nil
  }

  private static func isLater(_ root: LaterNote, tags: [String]?) -> Bool {
    var note: LaterNote? = root
    for number in (0..<count).reversed() {
      guard let current = note, current.size == number, current.tags == tags,
        current.text == "the text of note number \(number)", current.index.isEmpty
      else { return false }
      note = current.next
    }
    return note == nil
  }

  /// What a crash left: the old version, as the earlier program has it and migrated; or the new one
  /// beside it.
  private static func problem(_ image: StoreCrashImage, mayBeNew: Bool) throws -> String? {
    let earlier = try open(image, migrating: false)
    let versions = try earlier.versions(of: "notes").map(\.id)
    guard versions == [1] || mayBeNew && versions.count == 2 else { return "versions \(versions)" }
    var old = EarlierNote(0, nil)
    guard try pCRestore("notes", &old, version: 1, in: earlier) != nil, isEarlier(old) else {
      return "the old version is not as it was"
    }
    try earlier.close()
    let later = try open(image, migrating: true)
    let notes = try later.container("notes", initial: LaterNote())
    let isNew = versions.count == 2
    guard notes.read({ isLater($0, tags: isNew ? ["new"] : nil) }),
      (notes.migration == nil) == isNew
    else { return "the newest version is not whole" }
    guard try notes.snapshot(1).read({ isLater($0, tags: nil) }) else {
      return "the old version is not migrated on the way"
    }
    try later.close()
    return nil
  }

  private static func tag(_ root: LaterNote) {
    var note: LaterNote? = root
    while let current = note {
      current.tags = ["new"]
      note = current.next
    }
  }

  @Test("in whatever state it leaves the medium, the old version is whole, or both are")
  func everyState() throws {
    let content = try Self.earlier()
    let device = StoreRecordingDevice(content)
    let store = try Self.open(device, migrating: true)
    let notes = try store.container("notes", initial: LaterNote())
    notes.update { Self.tag($0) }
    #expect(device.violations == [])
    try notes.persistAndWait()
    device.mark(allowed: [1])
    try store.close()
    let isDeep = ProcessInfo.processInfo.environment["SOFTPM_TEST_DEEP"] == "1"
    var enumerator = StoreCrashEnumerator(content, bounds: isDeep ? .quick : .smoke, seed: 3)
    var counts = (old: 0, new: 0)
    var looks = 0
    try enumerator.run(device.trace) { state in
      looks += 1
      // Of a large point thousands; a stride that is prime to how states follow each other.
      guard isDeep || looks % 11 == 0 else { return }
      let found = try Self.problem(state.image, mayBeNew: true)
      #expect(found == nil, "seed=3 \(state.name)")
      let versions = try Self.open(state.image, migrating: true).versions(of: "notes").count
      // What was reported durable is never lost.
      #expect(versions == 2 || !state.allowed.contains(1), "\(state.name)")
      if versions == 2 { counts.new += 1 } else { counts.old += 1 }
    }
    print("migration crash states: \(enumerator.distinctStates), looked at \(counts)")
    #expect(counts.old > 20 && counts.new > 5)
  }

  @Test(
    "and whichever write or flush of the point fails, the old version stays and the next point works",
    arguments: StoreFaultPlan.Kind.allCases)
  func everyFault(_ kind: StoreFaultPlan.Kind) throws {
    let content = try Self.earlier()
    var failures = 0
    for operation in 0..<100 {
      let device = StoreRecordingDevice(content)
      let store = try Self.open(device, migrating: true)
      let notes = try store.container("notes", initial: LaterNote())
      notes.update { Self.tag($0) }
      device.setFaults(StoreFaultPlan(kind, at: operation, forEver: false))
      do {
        try notes.persistAndWait()
        let wasReached = device.operations > operation
        device.setFaults(nil)
        try store.close()
        if !wasReached { break }
        continue
      } catch is ContainerError {
        failures += 1
      }
      device.setFaults(nil)
      let left = StoreCrashImage(base: device.content)
      #expect(try Self.problem(left, mayBeNew: true) == nil, "\(kind) at \(operation)")
      #expect(notes.read { Self.isLater($0, tags: ["new"]) })
      let version = try notes.persistAndWait()
      #expect(try notes.versions.last?.id == version)
      #expect(try notes.snapshot(1).read { Self.isLater($0, tags: nil) })
      try store.close()
      let again = try Self.open(device, migrating: false)
      let reopened = try again.container("notes", initial: LaterNote())
      #expect(reopened.migration == nil && reopened.read { Self.isLater($0, tags: ["new"]) })
      try again.close()
    }
    #expect(failures > 0)
  }
}

@Suite("Migrating a container")
struct MigrationTests {
  private func migrated() throws -> (Store, Container<LaterNote>) {
    let device = StoreRecordingDevice([])
    let first = Store(StoreCore(try ChunkStore.open(on: device), path: nil))
    let root = EarlierNote(1, EarlierNote(0, nil))
    try first.container("notes", initial: root).persistAndWait()
    try first.close()
    var migrations = Migrations()
    migrations.rename("ContainersTests.EarlierNote", to: LaterNote.self)
    let store = Store(
      StoreCore(try ChunkStore.open(on: device), path: nil, migrations: migrations))
    return (store, try store.container("notes", initial: LaterNote()))
  }

  @Test("its objects are ordinary ones: held, changed, let go of, with nothing left behind")
  func ordinary() throws {
    let (store, notes) = try migrated()
    weak let second = notes.root.next
    #expect(second?.size == 0)
    var held: LaterNote? = notes.root.next
    notes.update { $0.next = nil }
    #expect(second != nil)
    held = nil
    #expect(second == nil && held == nil)
    try notes.persistAndWait()
    #expect(notes.statistics.objectCount > 0)
    try store.close()
  }

  @Test("a branch of an old version is migrated when it is opened, and independent of its base")
  func branches() throws {
    let (store, notes) = try migrated()
    let branch = try notes.branch("other", from: 1)
    #expect(branch.migration != nil && branch.root.size == 1)
    branch.update { $0.size = 5 }
    try branch.persistAndWait()
    #expect(notes.root.size == 1)
    try notes.persistAndWait()
    try notes.switchTo(1)
    #expect(notes.root.size == 1 && notes.root.next?.size == 0)
    try store.close()
  }

  @Test("versions count on, old ones age by retention, and the old type table goes with them")
  func retention() throws {
    let (store, notes) = try migrated()
    notes.attributes.retention = .latest(2)
    for size in 10..<15 {
      notes.update { $0.size = size }
      try notes.persistAndWait()
    }
    #expect(try notes.versions.count == 2)
    #expect(try notes.versions.last?.id == 6)
    #expect(try store.verify().problems.isEmpty)
    try store.close()
  }

  @Test("an exclusion follows a class that was renamed")
  func exclusions() throws {
    let device = StoreRecordingDevice([])
    let first = Store(StoreCore(try ChunkStore.open(on: device), path: nil))
    let earlier = try first.container("notes", initial: EarlierNote(7, nil))
    try earlier.exclude(\EarlierNote.size)
    try earlier.persistAndWait()
    try first.close()
    var migrations = Migrations()
    migrations.rename("ContainersTests.EarlierNote", to: LaterNote.self)
    let store = Store(
      StoreCore(try ChunkStore.open(on: device), path: nil, migrations: migrations))
    let notes = try store.container("notes", initial: LaterNote())
    #expect(notes.root.size == 0)
    notes.update { $0.size = 9 }
    let version = try notes.persistAndWait()
    #expect(try notes.snapshot(version).root.size == 0)
    try store.close()
  }

  @Test("a root of another type is refused by its name, and a closure's error is the cause")
  func errors() throws {
    let (store, notes) = try migrated()
    #expect(throws: ContainerError.self) {
      try store.container("notes", initial: [LaterNote]())
    }
    try notes.close()
    do {
      _ = try store.container("notes", initial: [LaterNote]())
      Issue.record("a container was opened with another root")
    } catch let error as ContainerError {
      #expect(error.code == .typeChanged && error.message.contains("LaterNote"))
    }
    try store.close()
    struct Unlucky: Error {}
    let device = StoreRecordingDevice([])
    let first = Store(StoreCore(try ChunkStore.open(on: device), path: nil))
    try first.container("notes", initial: EarlierNote(0, nil)).persistAndWait()
    try first.close()
    var migrations = Migrations()
    migrations.rename("ContainersTests.EarlierNote", to: LaterNote.self)
    migrations.change("ContainersTests.EarlierNote") { _, _ in throw Unlucky() }
    let second = Store(
      StoreCore(try ChunkStore.open(on: device), path: nil, migrations: migrations))
    do {
      _ = try second.container("notes", initial: LaterNote())
      Issue.record("a closure's error was lost")
    } catch let error as ContainerError {
      #expect(error.code == .typeChanged && error.cause is Unlucky)
    }
    #expect(try second.versions(of: "notes").count == 1)
    try second.close()
  }
}
