import Glibc
import SoftPMBase
import SoftPMStore
import SoftPMTesting
import Testing

/// A medium that is full refuses points, loses nothing, and can be emptied.
@Suite(.serialized) struct RoomTests {
  /// Fills a store, empties it, goes on; twice, and after reopening.
  private func fillAndEmpty(_ reopen: () throws -> ChunkStore, chunks: UInt32) throws {
    var store = try reopen()
    var history = try StoreHistory(store)
    try history.point(0..<4, label: "first")
    for round in 0..<2 {
      var made = 0
      var refusal: ContainerError?
      while refusal == nil {
        do { try history.point(0..<chunks) } catch let error as ContainerError { refusal = error }
        made += 1
        if made > 20_000 { break }
      }
      #expect(refusal?.code == .noSpace)
      #expect(made > 3, "round \(round)")
      // A refusal leads to a fold, which may make room for a few more; then it is final.
      var refusals = 0
      while refusals < 4, made < 20_000 {
        made += 1
        refusals = code { try history.point(0..<chunks) } == nil ? 0 : refusals + 1
      }
      #expect(refusals == 4)
      #expect(try store.verify().problems == [])
      if round == 0 {
        try store.close()
        store = try reopen()
        history = try StoreHistory(store)
      }
      // Dropping one after the other works at every moment, and makes room.
      let listed = try store.versions(of: history.number)
      for version in listed.dropLast(2) { try store.deleteVersion(version.id) }
      try history.point(0..<chunks)
      #expect(try store.versions(of: history.number).count == 3)
      #expect(try store.verify().problems == [])
      #expect(try store.spaceProblem() == nil)
    }
    try store.close()
  }

  @Test("a device of fixed size is filled, emptied, and gone on with", arguments: [1, 10, 40])
  func fixed(_ chunks: UInt32) throws {
    var device = MemoryDevice(capacity: 3 << 20)
    let open = {
      device = MemoryDevice(device.content, capacity: 3 << 20)
      return try ChunkStore.open(on: device)
    }
    try fillAndEmpty(open, chunks: chunks)
  }

  @Test(
    "a full file system is emptied and gone on with, whatever the driver",
    .enabled(if: PrivateStorage.isAvailable, "\(PrivateStorage.needs)"),
    arguments: [StoreDriver.posix, .pmem, .uring])
  func fileSystems(_ driver: StoreDriver) throws {
    var options = StoreFileOptions()
    options.driver = driver
    let folder = try PrivateFolder(.memory, byteCount: 5 << 20)
    try fillAndEmpty({ try ChunkStore.open(folder.file("s"), options) }, chunks: 30)
  }

  @Test(
    "a full ext4 on a disk of its own is emptied and gone on with",
    .enabled(if: PrivateStorage.isAvailable, "\(PrivateStorage.needs)"))
  func ext4() throws {
    let folder = try PrivateFolder(.ext4, byteCount: 12 << 20)
    try fillAndEmpty({ try ChunkStore.open(folder.file("s")) }, chunks: 100)
  }

  @Test(
    "a full block device is emptied and gone on with",
    .enabled(if: PrivateStorage.isAvailable, "\(PrivateStorage.needs)"))
  func block() throws {
    let device = try LoopDevice(byteCount: 5 << 20)
    try fillAndEmpty({ try ChunkStore.open(device.path) }, chunks: 30)
  }

  @Test("a point that fits nowhere whole is dealt out to what is free")
  func pieces() throws {
    let device = MemoryDevice(capacity: 4 << 20)
    let store = try ChunkStore.open(on: device)
    var history = try StoreHistory(store)
    var versions: [VersionID] = []
    while code({
      versions.append(try history.point(UInt32(versions.count)..<UInt32(versions.count + 3)))
    }) == nil {}
    // Every other version goes: what they alone had are holes of a chunk or two.
    for version in versions.dropLast(2).enumerated() where version.offset % 2 == 0 {
      try store.deleteVersion(version.element)
    }
    try history.point(5000..<5100)
    #expect(try store.verify().problems == [])
    #expect(try store.spaceProblem() == nil)
  }
}
