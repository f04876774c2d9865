import Glibc
import SoftPMBase
import SoftPMStore
import SoftPMTesting

/// Reads what `Commits` writes, beside it, again and again.
enum Reading {
  /// Opens, looks at some versions, keeps them for a while, looks again, closes; a line each time.
  static func run(_ path: String, seed: UInt64) throws {
    var random = StoreRandom(seed: seed)
    var options = StoreFileOptions()
    options.readOnly = true
    StoreProgram.say("open")
    while true {
      let store = try ChunkStore.open(path, options)
      var pinned: [VersionID] = []
      for container in try store.containers {
        for version in try store.versions(of: container.number)
        where Int.random(in: 0..<3, using: &random) == 0 {
          try store.pin(version.id)
          pinned.append(version.id)
          try look(at: version.id, in: store)
        }
      }
      usleep(UInt32.random(in: 0..<30_000, using: &random))
      for version in pinned { try look(at: version, in: store) }
      if Int.random(in: 0..<4, using: &random) == 0 {
        let problems = try store.verify().problems
        if let problem = problems.first { throw Wrong(description: problem) }
      }
      for version in pinned { store.unpin(version) }
      try store.close()
      StoreProgram.say("read \(pinned.count)")
    }
  }

  struct Wrong: Error, CustomStringConvertible { let description: String }

  private static func look(at version: VersionID, in store: ChunkStore) throws {
    guard let table = Commits.Table(try store.metadata(of: version)) else {
      throw Wrong(description: "wrong metadata of \(version)")
    }
    let buffer = PageBuffer(byteCount: 4096)
    let stored = try store.chunks(of: version)
    guard stored.count == table.writers.filter({ $0 != 0 }).count else {
      throw Wrong(description: "wrong chunks in \(version)")
    }
    for chunk in stored {
      try store.read(chunk.index, of: version, into: buffer.bytes)
      let index = Int(chunk.index.rawValue)
      guard buffer.readOnly.elementsEqual(Commits.image(index, table.writers[index])) else {
        throw Wrong(description: "wrong content of \(chunk.index) in \(version)")
      }
    }
  }
}
