import SoftPMBase
import SoftPMStore
import SoftPMTesting
import Synchronization
import Testing

@Suite struct SpaceTests {
  private func options(foldAfter: Int) -> StoreFileOptions {
    var options = StoreFileOptions()
    options.foldAfter = foldAfter
    return options
  }

  @discardableResult
  private func commit(
    _ store: ChunkStore, _ container: ContainerNumber, parent: VersionID?, _ chunks: Range<UInt32>,
    label: String? = nil
  ) throws -> VersionID {
    var images: [UInt32: [UInt8]] = [:]
    for chunk in chunks {
      images[chunk] = [UInt8](repeating: UInt8.random(in: 1...255), count: 4096)
      images[chunk]?[0] = UInt8(truncatingIfNeeded: chunk)
    }
    var request = StoreFixture.request(container, parent: parent, images, label: label)
    request.waitsAtOnce = true
    let commit = try store.commit(request)
    try commit.wait()
    return commit.version
  }

  @Test("opening reads as few blocks after a long history as after a short one")
  func opening() throws {
    var reads: [Int] = []
    for rounds in [40, 1200] {
      let device = MemoryDevice()
      let store = try ChunkStore.open(on: device, options(foldAfter: 32))
      let made = try store.createContainer(named: "a", chunkSize: .kibibytes(4))
      var last = try commit(store, made.number, parent: nil, 0..<200)
      for round in 0..<rounds {
        last = try commit(
          store, made.number, parent: last, UInt32(round % 150)..<UInt32(round % 150 + 1))
      }
      try store.checkpointNow()
      let reader = try ChunkStore.open(on: MemoryDevice(device.content))
      reads.append(reader.statistics.reads)
      #expect(try reader.containers.first?.newest == last)
      try store.close()
    }
    // Two superblocks, a checkpoint, one node of containers, the end of the chain.
    #expect(reads[0] == reads[1])
    #expect(reads[1] <= 6)
  }

  @Test("superseded space is used again: a store with little kept does not grow")
  func reuse() throws {
    let device = MemoryDevice()
    let store = try ChunkStore.open(on: device, options(foldAfter: .max))
    let made = try store.createContainer(named: "a", chunkSize: .kibibytes(4))
    try store.setRetention(.latest(3), of: made.number)
    var last = try commit(store, made.number, parent: nil, 0..<40)
    var size = 0
    for round in 0..<300 {
      last = try commit(store, made.number, parent: last, 0..<4)
      if round % 20 == 19 { try store.checkpointNow() }
      if round == 149 { size = device.byteCount }
    }
    #expect(try store.versions(of: made.number).count == 3)
    // (A block more or less: where a fold finds its blocks is not the same every time.)
    #expect(device.byteCount <= size + size / 10)
    #expect(try store.spaceProblem() == nil)
    #expect(try store.verify().problems == [])
    try store.close()
  }

  @Test("labelled and pinned versions and bases of branches outlive retention")
  func kept() throws {
    let store = try ChunkStore.inMemory()
    let made = try store.createContainer(named: "a", chunkSize: .kibibytes(4))
    try store.setRetention(.latest(1), of: made.number)
    let labelled = try commit(store, made.number, parent: nil, 0..<2, label: "first")
    let base = try commit(store, made.number, parent: labelled, 0..<1)
    let branch = try store.createContainer(named: "b", chunkSize: .kibibytes(4))
    try commit(store, branch.number, parent: base, 1..<2)
    let pinned = try commit(store, made.number, parent: base, 0..<1)
    try store.pin(pinned)
    var last = pinned
    for _ in 0..<5 { last = try commit(store, made.number, parent: last, 0..<1) }
    #expect(try store.versions(of: made.number).map(\.id) == [labelled, base, pinned, last])
    store.unpin(pinned)
    last = try commit(store, made.number, parent: last, 0..<1)
    #expect(try store.versions(of: made.number).map(\.id) == [labelled, base, last])
    try store.checkpointNow()
    #expect(try store.spaceProblem() == nil)
    #expect(try store.verify().problems == [])
  }

  @Test(
    "a branch's base is kept for as long as there is the branch, whatever became of its versions")
  func bases() throws {
    var device = MemoryDevice()
    var store = try ChunkStore.open(on: device, options(foldAfter: .max))
    let made = try store.createContainer(named: "a", chunkSize: .kibibytes(4))
    let branch = try store.createContainer(named: "b", chunkSize: .kibibytes(4))
    let base = try commit(store, made.number, parent: nil, 0..<2)
    var tip = try commit(store, branch.number, parent: base, 1..<2)
    var last = base
    /// Makes points on both lines, of which each keeps its newest, and says which versions the first has.
    func kept() throws -> [VersionID] {
      for number in [made.number, branch.number] {
        try store.setRetention(.latest(1), of: number)
      }
      for _ in 0..<3 {
        tip = try commit(store, branch.number, parent: tip, 1..<2)
        last = try commit(store, made.number, parent: last, 0..<1)
      }
      #expect(try store.versions(of: branch.number).map(\.id) == [tip])
      return try store.versions(of: made.number).map(\.id)
    }
    #expect(try kept() == [base, last])
    func reopen() throws {
      try store.close()
      device = MemoryDevice(device.content)
      store = try ChunkStore.open(on: device, options(foldAfter: .max))
    }
    // Opened again, from the barriers and from a checkpoint.
    try reopen()
    #expect(try kept() == [base, last])
    try store.checkpointNow()
    try reopen()
    #expect(try kept() == [base, last])
    #expect(try store.usage().versions.first { $0.version == base }?.reasons == [.branch])
    try store.deleteContainer(branch.number)
    #expect(try store.versions(of: made.number).map(\.id) == [base, last])
    last = try commit(store, made.number, parent: last, 0..<1)
    #expect(try store.versions(of: made.number).map(\.id) == [last])
    try store.checkpointNow()
    #expect(try store.spaceProblem() == nil)
    #expect(try store.verify().problems == [])
  }

  @Test("retention by age keeps what is young, what has a label, and the newest however old")
  func ages() throws {
    let now = Hand()
    var options = options(foldAfter: .max)
    options.clock = { now.seconds }
    let store = try ChunkStore.open(on: MemoryDevice(), options)
    let made = try store.createContainer(named: "a", chunkSize: .kibibytes(4))
    try store.setRetention(.since(seconds: 30), of: made.number)
    var versions: [VersionID] = []
    for step in 0..<10 {
      now.set(step * 10)
      versions.append(
        try commit(
          store, made.number, parent: versions.last, 0..<2, label: step == 1 ? "kept" : nil))
      // Those of the last 30 seconds, and the one with a label.
      let expected = versions.indices.filter { $0 == 1 || $0 >= step - 3 }.map { versions[$0] }
      #expect(try store.versions(of: made.number).map(\.id) == expected, "step \(step)")
    }
    // Nothing goes while no point comes; then all that is too old does at once.
    now.set(1000)
    #expect(try store.versions(of: made.number).count == 5)
    let last = try commit(store, made.number, parent: versions.last, 0..<1)
    #expect(try store.versions(of: made.number).map(\.id) == [versions[1], last])
    try store.checkpointNow()
    #expect(try store.spaceProblem() == nil)
    try store.close()
  }
}

/// A clock that is set by hand.
private final class Hand: Sendable {
  private let time = Atomic<Int>(0)
  var seconds: Double { Double(time.load(ordering: .relaxed)) }
  func set(_ seconds: Int) { time.store(seconds, ordering: .relaxed) }
}
