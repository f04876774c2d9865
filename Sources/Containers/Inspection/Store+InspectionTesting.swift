import SoftPMBase
import SoftPMHeap

extension Store {
  /// For tests: how many chunks comparing two versions reads, and how many there are in one.
  package func readsOfDiff(
    _ a: VersionID, _ b: VersionID
  ) throws -> (read: Int, chunks: Int) {
    try withoutScopes {
      let old = try core.reader(of: a)
      let new = try core.reader(of: b)
      var diff = try VersionDiff(from: old, to: new)
      _ = try diff.run()
      return (old.chunkReads + new.chunkReads, new.digests.count)
    }
  }
}
