import Glibc
import SoftPMBase
import SoftPMStore
import SoftPMTesting
import Testing

@Suite struct PersistentMemoryTests {
  private func options(segmentBytes: Int = 1 << 30) -> StoreFileOptions {
    var options = StoreFileOptions()
    options.driver = .pmem
    options.segmentBytes = segmentBytes
    return options
  }

  private func fill(_ store: ChunkStore, _ points: Int, chunks: UInt32 = 20) throws -> VersionID {
    let container = try store.container(named: "a")
    let number =
      try container?.number
      ?? store.createContainer(named: "a", chunkSize: .kibibytes(4)).number
    var last = container?.newest
    for point in 0..<points {
      var images: [UInt32: [UInt8]] = [:]
      for chunk in 0..<chunks { images[chunk] = StoreFixture.image(chunk, UInt64(point)) }
      let commit = try store.commit(StoreFixture.request(number, parent: last, images))
      try commit.wait()
      last = commit.version
    }
    return try #require(last)
  }

  @Test(
    "a store mapped from memory or disk reads back under every driver",
    arguments: ["/dev/shm", "/tmp"])
  func media(_ parent: String) throws {
    let folder = TemporaryFolder(in: parent)
    let store = try ChunkStore.open(folder.file("s"), options())
    #expect(store.statistics.driver == "pmem")
    // Neither is persistent memory, and only that may be called durable without msync.
    #expect(store.statistics.reason.contains("msync makes it durable"))
    let version = try fill(store, 30)
    try store.checkpointNow()
    try store.close()
    for driver in [StoreDriver.posix, .pmem, .automatic] {
      var other = StoreFileOptions()
      other.driver = driver
      let again = try ChunkStore.open(folder.file("s"), other)
      #expect(try again.content(of: version)[7] == StoreFixture.image(7, 29))
      #expect(try again.verify().problems == [])
      try again.close()
    }
  }

  @Test("PMEM_IS_PMEM_FORCE does not make a disk file durable in our eyes")
  func forced() throws {
    let folder = TemporaryFolder()
    try ChunkStore.open(folder.file("s")).close()
    for force in ["0", "1"] {
      let environment = ["PMEM_IS_PMEM_FORCE": force, "SOFTPM_DRIVER": "pmem"]
      let outcome = try ChildProgram("StoreProgram", environment: environment)
        .run("driver", folder.file("s"))
      #expect(
        outcome.output
          == "pmem: chosen by SOFTPM_DRIVER; the file is not on persistent memory, so msync makes "
          + "it durable\n")
      // And what is not persistent memory is not chosen for being it.
      let automatic = try ChildProgram("StoreProgram", environment: ["PMEM_IS_PMEM_FORCE": force])
        .run("driver", folder.file("s"))
      #expect(!automatic.output.hasPrefix("pmem"))
    }
  }

  @Test("the file grows past its first mappings, and every byte arrives")
  func growing() throws {
    let folder = TemporaryFolder(in: "/dev/shm")
    let store = try ChunkStore.open(folder.file("s"), options(segmentBytes: 64 << 10))
    // Chunks of 20 × 4 KiB straddle segments of 64 KiB.
    let version = try fill(store, 40)
    #expect(store.statistics.bytesWritten > 3 << 20)
    #expect(try store.verify().problems == [])
    try store.close()
    let again = try ChunkStore.open(folder.file("s"), options())
    #expect(try again.content(of: version).count == 20)
    try again.close()
  }

  @Test("a file made shorter by somebody else is an error, and not a signal")
  func truncated() throws {
    let folder = TemporaryFolder(in: "/dev/shm")
    let store = try ChunkStore.open(folder.file("s"), options())
    _ = try fill(store, 3)
    folder.settle("s")
    #expect(truncate(folder.file("s"), 8192) == 0)
    #expect(throws: ContainerError.self) { _ = try fill(store, 1) }
    #expect(throws: ContainerError.self) { _ = try store.content(of: 1) }
  }

  @Test(
    "storing into a hole of a full file system is an error, and not a signal",
    .enabled(if: PrivateStorage.isAvailable, "\(PrivateStorage.needs)"))
  func holes() throws {
    let folder = try PrivateFolder(.memory, byteCount: 8 << 20)
    var store = try ChunkStore.open(folder.file("s"), options())
    _ = try fill(store, 1, chunks: 40)
    try store.setRetention(.latest(1), of: try #require(try store.container(named: "a")).number)
    _ = try fill(store, 20, chunks: 40)
    // All that is free becomes holes, and another file takes what they gave back.
    _ = try store.compact()
    try store.close()
    let rest = creat(folder.file("rest"), 0o600)
    let block = [UInt8](repeating: 1, count: 4096)
    while write(rest, block, 4096) == 4096 {}
    store = try ChunkStore.open(folder.file("s"), options())
    var refused = false
    do { for _ in 0..<40 { _ = try fill(store, 1, chunks: 40) } } catch let error as ContainerError
    {
      #expect(error.code == .noSpace)
      refused = true
    }
    #expect(refused)
    close(rest)
    unlink(folder.file("rest"))
    _ = try fill(store, 10, chunks: 40)
    #expect(try store.verify().problems == [])
    try store.close()
  }

  @Test("on persistent memory every byte is fenced before a write returns")
  func fences() throws {
    let folder = TemporaryFolder(in: "/dev/shm")
    let recorder = RecordingPrimitives()
    let device = try PersistentMemoryDevice.simulated(folder.file("s"), recorder)
    let store = try ChunkStore.open(on: device)
    #expect(store.statistics.reason.contains("a fence makes it durable"))
    let before = recorder.counts
    _ = try fill(store, 1)
    let after = recorder.counts
    #expect(after.unfenced == 0)
    #expect(after.fences > before.fences)
    // A write is durable when it returns, before anybody asks for a flush.
    let page = PageBuffer(byteCount: 4096)
    try device.write([DeviceWrite(offset: 1 << 20, bytes: page.readOnly)])
    #expect(recorder.counts.unfenced == 0)
    #expect(recorder.counts.copied == after.copied + 4096)
    // Everything that was written came this way.
    #expect(after.copied == store.statistics.bytesWritten)
    #expect(after.synchronised == 0)
    try store.close()
  }

  @Test("crash states of persistent memory recover to a point that was allowed")
  func crashStates() {
    var proof = StoreProof(isThorough: false)
    proof.persistentMemory()
    #expect(proof.failures.isEmpty, "\(proof.failures.joined(separator: "\n"))")
  }
}
