import Glibc
import SoftPMBase
import SoftPMStore
import SoftPMTesting
import Synchronization
import Testing

@Suite struct BackupTests {
  @Test("a backup holds every durable version under its number, and opens like any store")
  func whole() throws {
    let folder = TemporaryFolder()
    let store = try ChunkStore.open(folder.file("s"))
    var history = try StoreHistory(store, retention: .latest(5))
    for _ in 0..<20 { try history.point(0..<30, metadata: [UInt8](repeating: 3, count: 9000)) }
    try history.point(0..<3, label: "good")
    let before = try store.versions(of: history.number)
    let contents = try before.map { try store.content(of: $0.id) }
    try store.backup(to: folder.file("copy"))
    #expect(folder.names.sorted() == ["copy", "s"])
    // Still the writer's: the copy has no lock on it, and points go on.
    try history.point(0..<30)
    var copy = try ChunkStore.open(folder.file("copy"))
    let listed = try copy.versions(of: history.number)
    #expect(listed == before)
    #expect(listed.last?.label == "good")
    #expect(try listed.map { try copy.content(of: $0.id) } == contents)
    #expect(try copy.metadata(of: listed[0].id) == [UInt8](repeating: 3, count: 9000))
    #expect(try copy.verify().problems == [])
    var further = try StoreHistory(copy)
    let next = try further.point(0..<2)
    #expect(next > listed[4].id)
    try copy.close()
    copy = try ChunkStore.open(folder.file("copy"))
    #expect(try copy.spaceProblem() == nil)
    try copy.close()
    try store.close()
    #expect(code { try store.backup(to: folder.file("late")) } == .closed)
  }

  @Test("a backup made while points go on is the store at one moment")
  func consistent() throws {
    let folder = TemporaryFolder()
    let store = try ChunkStore.open(folder.file("s"))
    var history = try StoreHistory(store, retention: .latest(2))
    for _ in 0..<5 { try history.point(0..<600) }
    // Points, drops and folds from within the copying, as another thread would make them.
    var steps = 0
    let before = try #require(history.last)
    try store.backup(to: folder.file("copy")) { _, _ in
      steps += 1
      if steps <= 3 {
        for _ in 0..<3 {
          for _ in 0..<2 { _ = try? history.point(0..<600) }
          try? store.checkpointNow()
        }
      }
    }
    #expect(steps > 1)
    let copy = try ChunkStore.open(folder.file("copy"))
    #expect(try copy.versions(of: history.number).last?.id == before)
    #expect(try copy.verify().problems == [])
    try copy.close()
    try store.checkpointNow()
    #expect(try store.usage().waitingBytes == 0)
    #expect(try store.spaceProblem() == nil)
    try store.close()
  }

  @Test("verify, while points, drops and folds go on, reads every byte of what there was")
  func verifying() throws {
    let store = try ChunkStore.open(on: MemoryDevice())
    var history = try StoreHistory(store, retention: .latest(2))
    for _ in 0..<5 { try history.point(0..<600) }
    try store.checkpointNow()
    var steps: [Int] = []
    let found = try store.verify { done, total in
      #expect(done <= total)
      steps.append(done)
      if steps.count % 100 == 1, steps.count < 1_000 {
        for _ in 0..<3 { _ = try? history.point(0..<600) }
        try? store.checkpointNow()
      }
    }
    #expect(found.problems == [])
    #expect(found.versions == 2 && found.bytes == 2 * 600 * 4096 && steps.last == found.bytes)
    #expect(steps == steps.sorted())
    try store.checkpointNow()
    #expect(try store.usage().waitingBytes == 0)
    #expect(try store.verify().problems == [])
    try store.close()
  }

  @Test("a reader makes a backup of what it sees, while the writer goes on")
  func byReader() throws {
    let folder = TemporaryFolder()
    let store = try ChunkStore.open(folder.file("s"))
    var history = try StoreHistory(store, retention: .latest(3))
    for _ in 0..<10 { try history.point(0..<40) }
    var options = StoreFileOptions()
    options.readOnly = true
    let reader = try ChunkStore.open(folder.file("s"), options)
    let seen = try reader.versions(of: history.number)
    for _ in 0..<10 { try history.point(0..<40) }
    try store.checkpointNow()
    try reader.backup(to: folder.file("copy"))
    let copy = try ChunkStore.open(folder.file("copy"))
    #expect(try copy.versions(of: history.number) == seen)
    #expect(try copy.content(of: seen[0].id) == reader.content(of: seen[0].id))
    #expect(try copy.spaceProblem() == nil)
    try copy.close()
    try reader.close()
    try store.close()
  }

  @Test("a backup appears whole or not at all: a taken name, no folder, no space, damage")
  func refusals() throws {
    let folder = TemporaryFolder()
    let store = try ChunkStore.open(folder.file("s"))
    var history = try StoreHistory(store)
    try history.point(0..<200)
    #expect(code { try store.backup(to: folder.file("s")) } == .exists)
    #expect(code { try store.backup(to: folder.file("none/copy")) } == .notFound)
    if PrivateStorage.isAvailable {
      let small = try PrivateFolder(.memory, byteCount: 256 << 10)
      #expect(code { try store.backup(to: small.file("copy")) } == .noSpace)
      #expect(access(small.file("copy"), F_OK) != 0)
    }
    try store.checkpointNow()
    let file = open(folder.file("s"), O_RDWR)
    var byte = [UInt8](repeating: 0, count: 1)
    #expect(pread(file, &byte, 1, 40 * 4096) == 1)
    byte[0] ^= 1
    #expect(pwrite(file, byte, 1, 40 * 4096) == 1)
    close(file)
    #expect(code { try store.backup(to: folder.file("copy")) } == .corrupt)
    #expect(folder.names == ["s"])
    try store.close()
  }
}
