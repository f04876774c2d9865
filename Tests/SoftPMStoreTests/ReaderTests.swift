import Glibc
import SoftPMBase
import SoftPMStore
import SoftPMTesting
import Testing

/// Readers beside a writer. They are openings of their own, which is what counts: pins belong to
/// open file descriptions, not to processes. `ReaderProcessTests` has processes.
@Suite struct ReaderTests {
  private func reader(_ path: String) throws -> ChunkStore {
    var options = StoreFileOptions()
    options.readOnly = true
    return try ChunkStore.open(path, options)
  }

  @Test("what a reader's view holds stays readable, however much the writer drops and folds")
  func views() throws {
    let folder = TemporaryFolder()
    let store = try ChunkStore.open(folder.file("s"))
    var history = try StoreHistory(store, retention: .latest(2))
    let seen = try history.point(0..<20)
    try history.point(0..<1)
    let reader = try reader(folder.file("s"))
    let before = try reader.content(of: seen)
    for _ in 0..<60 {
      try history.point(0..<20)
      try store.checkpointNow()
    }
    #expect(code { _ = try store.metadata(of: seen) } == .noSuchVersion)
    #expect(try reader.content(of: seen) == before)
    #expect(try reader.verify().problems == [])
    #expect(try store.usage().waitingBytes > 0)
    #expect(try store.usage().hasReaders)
    try reader.close()
    try store.checkpointNow()
    #expect(try store.usage().waitingBytes == 0)
    #expect(try !store.usage().hasReaders)
    #expect(try store.spaceProblem() == nil)
    try store.close()
  }

  @Test("a reader that stays keeps what it sees, and not what came and went since")
  func growth() throws {
    let folder = TemporaryFolder()
    let store = try ChunkStore.open(folder.file("s"))
    var history = try StoreHistory(store, retention: .latest(1))
    try history.point(0..<200)
    let reader = try reader(folder.file("s"))
    var sizes: [Int] = []
    for round in 0..<200 {
      try history.point(0..<20)
      if round % 5 == 4 { try store.checkpointNow() }
      if round % 50 == 49 { sizes.append(try store.usage().usedBytes + store.usage().waitingBytes) }
    }
    // Were all that is freed kept, 200 × 21 blocks would have come together by now.
    #expect(sizes[3] < sizes[1] + 60 * 4096, "\(sizes)")
    #expect(try reader.verify().problems == [])
    #expect(try store.spaceProblem() == nil)
    try reader.close()
    try store.close()
  }

  @Test("a version under a reader's snapshot outlives retention, and goes when that is closed")
  func snapshots() throws {
    let folder = TemporaryFolder()
    let store = try ChunkStore.open(folder.file("s"))
    var history = try StoreHistory(store, retention: .latest(2))
    let pinned = try history.point(0..<4)
    try history.point(0..<4)
    let reader = try reader(folder.file("s"))
    try reader.pin(pinned)
    for _ in 0..<5 { try history.point(0..<4) }
    #expect(try store.versions(of: history.number).map(\.id).contains(pinned))
    #expect(try store.usage().versions.first { $0.version == pinned }?.reasons == [.reader])
    reader.unpin(pinned)
    try history.point(0..<4)
    #expect(try !store.versions(of: history.number).map(\.id).contains(pinned))
    try reader.close()
    try store.close()
  }

  @Test("a writer that begins while somebody reads gives nothing out that they look at")
  func successor() throws {
    let folder = TemporaryFolder()
    var store = try ChunkStore.open(folder.file("s"))
    var history = try StoreHistory(store, retention: .latest(1))
    let seen = try history.point(0..<50)
    try history.point(0..<1)
    let reader = try reader(folder.file("s"))
    for _ in 0..<3 {
      try history.point(0..<50)
      try store.checkpointNow()
    }
    // What the first writer kept back is free in the eyes of the second.
    try store.close()
    store = try ChunkStore.open(folder.file("s"))
    history = try StoreHistory(store, retention: .latest(1))
    for _ in 0..<10 {
      try history.point(0..<50)
      try store.checkpointNow()
    }
    #expect(try reader.content(of: seen).count == 50)
    #expect(try reader.verify().problems == [])
    try reader.close()
    for _ in 0..<3 { try store.checkpointNow() }
    #expect(try store.usage().waitingBytes == 0)
    try store.close()
  }

  @Test("a reader shows nothing above the watermark")
  func watermark() throws {
    let folder = TemporaryFolder()
    let store = try ChunkStore.open(folder.file("s"))
    var history = try StoreHistory(store)
    let first = try history.point(0..<4)
    let second = try history.point(0..<4)
    var reader = try reader(folder.file("s"))
    // The file itself tells that the first is durable; of the second only the writer knows.
    #expect(try reader.versions(of: history.number).map(\.id) == [first])
    try reader.close()
    try store.close()
    reader = try self.reader(folder.file("s"))
    #expect(try reader.versions(of: history.number).map(\.id) == [first, second])
    try reader.close()
  }

  @Test("a hundred readers come and go while a writer drops and folds, and all read what was")
  func coming() throws {
    let folder = TemporaryFolder()
    let store = try ChunkStore.open(folder.file("s"))
    var history = try StoreHistory(store, retention: .latest(3))
    var random = StoreRandom(seed: 11)
    var readers: [ChunkStore] = []
    try history.point(0..<30)
    for round in 0..<100 {
      try history.point((0..<30).filter { _ in Bool.random(using: &random) })
      if round % 3 == 0 { try store.checkpointNow() }
      readers.append(try reader(folder.file("s")))
      if readers.count > 4 {
        let index = Int.random(in: 0..<readers.count, using: &random)
        let leaving = readers.remove(at: index)
        #expect(try leaving.verify().problems == [], "round \(round)")
        try leaving.close()
      }
    }
    for reader in readers {
      #expect(try reader.verify().problems == [])
      try reader.close()
    }
    try store.checkpointNow()
    #expect(try store.spaceProblem() == nil)
    #expect(try store.usage().waitingBytes == 0)
    try store.close()
  }
}
