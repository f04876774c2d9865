// What the store does beside points: folds, zeros, telling readers.

import Glibc
import SoftPMBase
import SoftPMStore
import SoftPMTesting
import Testing

@Suite struct UpkeepTests {
  private func commit(
    _ store: ChunkStore, _ container: ContainerNumber, _ parent: VersionID?, _ salt: UInt64
  ) throws -> VersionID {
    var request = StoreFixture.request(
      container, parent: parent, [0: StoreFixture.image(0, salt)])
    request.waitsAtOnce = true
    let commit = try store.commit(request)
    try commit.wait()
    return commit.version
  }

  /// A store whose next commit is followed by a fold that fails.
  private func failingFold() throws -> (ChunkStore, ContainerNumber, VersionID) {
    let device = StoreRecordingDevice(NewStore.image(identity: Digest(low: 1, high: 2)))
    var options = StoreFileOptions()
    options.foldAfter = 4
    let store = try ChunkStore.open(on: device, options)
    let made = try store.createContainer(named: "a", chunkSize: .kibibytes(4))
    var last: VersionID?
    for salt in 1...3 { last = try commit(store, made.number, last, UInt64(salt)) }
    store.waitForBackground()
    // An image, a barrier and a flush are the point's.
    device.setFaults(StoreFaultPlan(.inputOutput, at: 3, forEver: false))
    let newest = try commit(store, made.number, last, 4)
    store.waitForBackground()
    return (store, made.number, newest)
  }

  @Test(
    "a fold that fails in the background is told of by the next commit, once, and harms nothing")
  func foldFailure() throws {
    let (store, number, newest) = try failingFold()
    #expect(store.statistics.lastBackgroundError?.code == .io)
    var code: ContainerError.Code?
    do { _ = try commit(store, number, newest, 5) } catch {
      code = (error as? ContainerError)?.code
    }
    #expect(code == .io)
    let after = try commit(store, number, newest, 6)
    #expect(try store.content(of: after) == [0: StoreFixture.image(0, 6)])
    store.waitForBackground()
    #expect(try store.spaceProblem() == nil)
    #expect(try store.verify().problems == [])
    try store.close()
  }

  @Test("a fold that fails in the background is told of by closing, when nobody commits any more")
  func foldFailureAtClose() throws {
    let (store, _, _) = try failingFold()
    var code: ContainerError.Code?
    do { try store.close() } catch { code = error.code }
    #expect(code == .io)
  }

  @Test("a reader sees the newest version soon after points stop, without a flush of any point")
  func watermark() throws {
    let folder = TemporaryFolder()
    var options = StoreFileOptions()
    options.watermarkDelay = .milliseconds(20)
    let store = try ChunkStore.open(folder.file("s"), options)
    let made = try store.createContainer(named: "a", chunkSize: .kibibytes(4))
    var last: VersionID?
    for salt in 1...5 { last = try commit(store, made.number, last, UInt64(salt)) }
    #expect(store.statistics.pointFlushes == 5)
    options.readOnly = true
    var seen: VersionID?
    for _ in 0..<500 {
      let reader = try ChunkStore.open(folder.file("s"), options)
      seen = try reader.containers.first?.newest
      try reader.close()
      if seen == last { break }
      usleep(10_000)
    }
    #expect(seen == last)
    #expect(store.statistics.pointFlushes == 5)
    let upkeep = store.statistics.upkeepFlushes
    // Idle means idle.
    usleep(100_000)
    #expect(store.statistics.upkeepFlushes == upkeep)
    try store.close()
  }

  @Test("zeros written ahead of need are counted apart from points' flushes")
  func zeros() throws {
    let folder = TemporaryFolder()
    var options = StoreFileOptions()
    options.watermarkDelay = nil
    let store = try ChunkStore.open(folder.file("s"), options)
    let made = try store.createContainer(named: "a", chunkSize: .kibibytes(4))
    let opening = store.statistics
    #expect(opening.pointFlushes == 0)
    // What was found.
    #expect(opening.upkeepFlushes == 1)
    #expect(opening.zeroFlushes == 0)
    #expect(opening.bytesWritten == 0)
    _ = try commit(store, made.number, nil, 1)
    store.waitForBackground()
    let after = store.statistics
    #expect(after.pointFlushes == 1)
    // And two superblocks with the epoch.
    #expect(after.upkeepFlushes == 3)
    #expect(after.zeroFlushes == 1)
    #expect(after.bytesZeroed >= 512 << 10)
    #expect(after.flushes == 5)
    try store.close()
  }

  @Test("killed after each of its points, two hundred times, a store goes on", arguments: [1, 3])
  func killedAfterEachPoint(points: Int) throws {
    var content = NewStore.image(identity: Digest(low: 1, high: 3))
    var last: VersionID?
    var count = 0
    for round in 0..<200 {
      let device = StoreRecordingDevice(content)
      let store = try ChunkStore.open(on: device)
      let number =
        try store.container(named: "a")?.number
        ?? store.createContainer(named: "a", chunkSize: .kibibytes(4)).number
      #expect(try store.versions(of: number).count == count, "round \(round)")
      for _ in 0..<points {
        last = try commit(store, number, last, UInt64(count))
        count += 1
      }
      // Nobody closes it.
      content = device.content
    }
  }

  @Test(
    "opening for writing, reading and closing writes nothing, however the store was left",
    arguments: [true, false])
  func openingWritesNothing(wasClosed: Bool) throws {
    let device = StoreRecordingDevice([])
    var options = StoreFileOptions()
    options.watermarkDelay = nil
    let writer = try ChunkStore.open(on: device, options)
    let made = try writer.createContainer(named: "a", chunkSize: .kibibytes(4))
    var last: VersionID?
    for fill in 1...9 { last = try commit(writer, made.number, last, UInt64(fill)) }
    let left =
      wasClosed
      ? {
        try writer.close()
        return device.content
      } : { device.content }
    let content = try left()
    for _ in 0..<2 {
      let copy = StoreRecordingDevice(content)
      let store = try ChunkStore.open(on: copy, options)
      #expect(try store.versions(of: made.number).count == 9)
      try store.close()
      #expect(copy.content == content)
    }
    // Whoever begins to write begins an epoch first, at once or with the first commit.
    for startsAtOnce in [true, false] {
      let copy = StoreRecordingDevice(content)
      let store = try ChunkStore.open(on: copy, options)
      if startsAtOnce {
        try store.startWriting()
        #expect(copy.content != content)
      }
      let upkeep = store.statistics.upkeepFlushes
      _ = try commit(store, made.number, last, 10)
      #expect(store.statistics.upkeepFlushes - upkeep == (startsAtOnce ? 0 : 2))
      // (What was above the watermark of a copy, the copy cannot know to be durable.)
      if wasClosed { #expect(copy.violations == []) }
      try store.close()
    }
    if !wasClosed { try writer.close() }
  }
}
