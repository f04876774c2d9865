import SoftPMBase
import SoftPMStore
import SoftPMTesting

/// A container under test, with what each of its versions is to hold.
struct StoreHistory {
  let store: ChunkStore
  let number: ContainerNumber
  private(set) var last: VersionID?
  private var salt: UInt64 = 0
  let chunkBytes: Int

  init(
    _ store: ChunkStore, named name: String = "a", chunkSize: ByteCount = .kibibytes(4),
    retention: StoredRetention = .all
  ) throws {
    self.store = store
    let known = try store.container(named: name)
    number = try known?.number ?? store.createContainer(named: name, chunkSize: chunkSize).number
    last = known?.newest
    salt = last?.rawValue ?? 0
    chunkBytes = chunkSize.rawValue
    try store.setRetention(retention, of: number)
  }

  /// A durable point that writes these chunks.
  @discardableResult
  mutating func point(
    _ chunks: some Sequence<UInt32>, metadata: [UInt8] = [], label: String? = nil
  ) throws -> VersionID {
    salt += 1
    var images: [UInt32: [UInt8]] = [:]
    for chunk in chunks { images[chunk] = StoreFixture.image(chunk, salt, bytes: chunkBytes) }
    var request = StoreFixture.request(
      number, parent: last, images, metadata: metadata, label: label)
    request.waitsAtOnce = true
    let commit = try store.commit(request)
    try commit.wait()
    last = commit.version
    return commit.version
  }
}

/// The code of the error that `body` throws; nil when it throws none.
func code(_ body: () throws -> Void) -> ContainerError.Code? {
  do { try body() } catch { return (error as? ContainerError)?.code }
  return nil
}
