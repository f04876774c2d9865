import Glibc
import SoftPMBase
import SoftPMStore
import Testing

@Suite struct StoreFileTests {
  private func code(_ body: () throws -> Void) -> ContainerError? {
    do { try body() } catch { return error as? ContainerError }
    return nil
  }

  private func commit(_ store: ChunkStore, _ salt: UInt64) throws -> VersionID {
    let container = try store.container(named: "a")
    let number =
      try container?.number
      ?? store.createContainer(named: "a", chunkSize: .kibibytes(4)).number
    let commit = try store.commit(
      StoreFixture.request(number, parent: container?.newest, [0: StoreFixture.image(0, salt)]))
    try commit.wait()
    return commit.version
  }

  @Test("a store is made with mode 0600, alone in its folder, and opens again")
  func making() throws {
    let folder = TemporaryFolder()
    let store = try ChunkStore.open(folder.file("s"))
    let version = try commit(store, 1)
    #expect(folder.names == ["s"])
    var status = stat()
    #expect(lstat(folder.file("s"), &status) == 0)
    #expect(status.st_mode & 0o777 == 0o600)
    try store.close()
    let again = try ChunkStore.open(folder.file("s"))
    #expect(try again.content(of: version) == [0: StoreFixture.image(0, 1)])
    try again.close()
  }

  @Test("a second writer is refused and told which process holds the store")
  func locking() throws {
    let folder = TemporaryFolder()
    let store = try ChunkStore.open(folder.file("s"))
    let error = try #require(code { _ = try ChunkStore.open(folder.file("s")) })
    #expect(error.code == .storeInUse)
    #expect(error.message.contains("process \(getpid())"))
    try store.close()
    try ChunkStore.open(folder.file("s")).close()
  }

  @Test("a store left without closing lets go of its lock with its last owner")
  func letting() throws {
    let folder = TemporaryFolder()
    do { _ = try commit(ChunkStore.open(folder.file("s")), 1) }
    var options = StoreFileOptions()
    // Zeros may still be on their way to the file's end.
    options.lockTimeout = .seconds(10)
    let store = try ChunkStore.open(folder.file("s"), options)
    #expect(try store.containers.count == 1)
    try store.close()
  }

  @Test("a reader opens beside the writer, sees durable versions, and changes nothing")
  func reading() throws {
    let folder = TemporaryFolder()
    let store = try ChunkStore.open(folder.file("s"))
    let first = try commit(store, 1)
    _ = try commit(store, 2)
    var options = StoreFileOptions()
    options.readOnly = true
    let reader = try ChunkStore.open(folder.file("s"), options)
    #expect(try reader.content(of: first) == [0: StoreFixture.image(0, 1)])
    #expect(
      code { _ = try reader.createContainer(named: "b", chunkSize: .kibibytes(4)) }?.code
        == .readOnly)
    try reader.close()
    try store.close()
    let after = try ChunkStore.open(folder.file("s"), options)
    #expect(try after.versions(of: after.containers[0].number).count == 2)
    try after.close()
  }

  @Test("an empty file is a new store; folders, links to nothing and other files are refused")
  func others() throws {
    let folder = TemporaryFolder()
    close(creat(folder.file("empty"), 0o644))
    try ChunkStore.open(folder.file("empty")).close()
    #expect(code { _ = try ChunkStore.open(folder.path) }?.code == .notAStore)
    #expect(code { _ = try ChunkStore.open("/dev/null") }?.code == .notAStore)
    #expect(code { _ = try ChunkStore.open(folder.file("no/s")) }?.code == .notFound)
    var options = StoreFileOptions()
    options.createIfMissing = false
    #expect(code { _ = try ChunkStore.open(folder.file("s"), options) }?.code == .notFound)
    let file = open(folder.file("text"), O_CREAT | O_RDWR, 0o600)
    _ = write(file, "hello", 5)
    close(file)
    #expect(code { _ = try ChunkStore.open(folder.file("text")) }?.code == .notAStore)
    #expect(folder.names.sorted() == ["empty", "text"])
  }

  @Test("a path that no file can have is refused as such, and one with a NUL is not cut short")
  func impossiblePaths() throws {
    let folder = TemporaryFolder()
    #expect(code { _ = try ChunkStore.open("") }?.code == .invalidArgument)
    #expect(code { _ = try ChunkStore.open(folder.file("a\0b")) }?.code == .invalidArgument)
    let long = String(repeating: "x", count: 300)
    #expect(code { _ = try ChunkStore.open(folder.file(long)) }?.code == .notFound)
    close(creat(folder.file("file"), 0o600))
    #expect(code { _ = try ChunkStore.open(folder.file("file/s")) }?.code == .notFound)
    symlink(folder.file("nowhere"), folder.file("link"))
    let nowhere = code { _ = try ChunkStore.open(folder.file("link")) }
    #expect(nowhere?.code == .notFound && nowhere?.message.contains("symbolic link") == true)
    symlink(folder.file("loop"), folder.file("loop"))
    #expect(code { _ = try ChunkStore.open(folder.file("loop")) }?.code == .notFound)
    #expect(folder.names.sorted() == ["file", "link", "loop"])
  }
}
