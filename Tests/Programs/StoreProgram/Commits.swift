import Glibc
import SoftPMBase
import SoftPMStore
import SoftPMTesting

/// Commits to two containers until it is killed.
struct Commits {
  private let store: ChunkStore
  private var random: StoreRandom
  private static let chunkCount = 24
  private static let kept = 6

  /// Which version wrote each chunk last; 0: none, or removed.
  struct Table {
    var writers = [UInt64](repeating: 0, count: Commits.chunkCount)

    var encoded: [UInt8] {
      writers.flatMap { writer in (0..<8).map { UInt8(truncatingIfNeeded: writer >> (8 * $0)) } }
    }

    init() {}

    init?(_ bytes: [UInt8]) {
      guard bytes.count == Commits.chunkCount * 8 else { return nil }
      for index in writers.indices {
        writers[index] = (0..<8).reduce(0) { $0 | UInt64(bytes[index * 8 + $1]) << (8 * $1) }
      }
    }
  }

  init(_ path: String, seed: UInt64) throws {
    var options = StoreFileOptions()
    options.lockTimeout = .seconds(20)
    // Many folds and reuse of space within a short life.
    options.foldAfter = 24
    options.watermarkDelay = .milliseconds(3)
    store = try ChunkStore.open(path, options)
    random = StoreRandom(seed: seed)
  }

  /// Several points are in flight at a time; a line tells of each as soon as it is durable.
  mutating func run() throws {
    var lines: [(StoredContainer, VersionID?, Table)] = []
    for name in ["a", "b"] {
      let container =
        try store.container(named: name)
        ?? store.createContainer(named: name, chunkSize: .kibibytes(4))
      try store.setRetention(.latest(Commits.kept), of: container.number)
      let table = try container.newest.flatMap { Table(try store.metadata(of: $0)) }
      lines.append((container, container.newest, table ?? Table()))
    }
    StoreProgram.say("open")
    while true {
      let line = Int.random(in: 0..<2, using: &random)
      var (container, parent, table) = lines[line]
      // The number that the next version gets: nobody else commits.
      let number = store.nextVersionNumber
      let count = Int.random(in: 1...5, using: &random)
      let chunks = Array(Set((0..<count).map { _ in Int.random(in: 0..<24, using: &random) }))
        .sorted()
      let images = PageBuffer(byteCount: chunks.count * 4096)
      var digests: [Digest] = []
      for (place, chunk) in chunks.enumerated() {
        table.writers[chunk] = number
        let image = Commits.image(chunk, number)
        image.withUnsafeBytes {
          UnsafeMutableRawBufferPointer(rebasing: images.bytes[(place * 4096)...])
            .copyMemory(from: $0)
          digests.append(Checksum.digest($0))
        }
      }
      let commit = try store.commit(
        CommitRequest(
          container: container.number, parent: parent,
          chunks: chunks.map { ChunkIndex(UInt32($0)) },
          images: ChunkImages(images, count: chunks.count, chunkBytes: 4096), digests: digests,
          metadata: table.encoded))
      precondition(commit.version.rawValue == number)
      let name = container.name
      commit.whenDone { error in
        StoreProgram.say(error.map { "failed \($0)" } ?? "durable \(name) \(number)")
      }
      parent = commit.version
      lines[line] = (container, parent, table)
      if Int.random(in: 0..<12, using: &random) == 0 { try commit.wait() }
    }
  }

  static func image(_ chunk: Int, _ writer: UInt64) -> [UInt8] {
    StoreModel.image(writer &* 64 &+ UInt64(chunk), byteCount: 4096)
  }

  /// Reads everything back; the newest version of each container goes to the output.
  ///
  /// With `holes`, older versions may be missing before younger ones: readers keep some.
  static func check(_ path: String, holes: Bool = false) throws {
    let store = try ChunkStore.open(path)
    for container in try store.containers {
      let versions = try store.versions(of: container.number)
      for (index, version) in versions.enumerated() {
        guard let table = Table(try store.metadata(of: version.id)) else {
          return StoreProgram.say("wrong metadata of \(version.id)")
        }
        if !holes, index > 0, version.parent != versions[index - 1].id {
          return StoreProgram.say("a hole before \(version.id) in \(versions.map(\.id))")
        }
        let stored = try store.chunks(of: version.id)
        guard
          stored.map({ Int($0.index.rawValue) })
            == table.writers.indices.filter({
              table.writers[$0] != 0
            })
        else { return StoreProgram.say("wrong chunks in \(version.id)") }
        let buffer = PageBuffer(byteCount: 4096)
        for chunk in stored {
          try store.read(chunk.index, of: version.id, into: buffer.bytes)
          let index = Int(chunk.index.rawValue)
          guard buffer.readOnly.elementsEqual(image(index, table.writers[index])) else {
            return StoreProgram.say("wrong content of \(chunk.index) in \(version.id)")
          }
        }
      }
      StoreProgram.say("newest \(container.name) \(container.newest?.rawValue ?? 0)")
    }
    if let problem = try store.verify().problems.first { return StoreProgram.say(problem) }
    try store.close()
    StoreProgram.say("checked")
  }
}
