// What a collection found: the written granules as runs of addresses.
//
// 1. Runs are in ascending order, disjoint and not empty; their bounds are granule bounds.
// 2. They live in memory of the set's own, from mmap: filling a set allocates nothing in an arena,
//    even while the thread is in a container's scope.
// 3. A set is made once and filled by many collections. It is used by one thread at a time.

import CSoftPMFault
import SoftPMBase

/// The written granules that a collection found.
package final class DirtySet: @unchecked Sendable {
  var storage = softpm_runs()

  package init() throws(ContainerError) {
    let result = softpm_runs_open(&storage)
    guard result == 0 else {
      throw .system(-result, doing: "Mapping memory for the list of written pages")
    }
  }

  deinit {
    softpm_runs_close(&storage)
  }

  package var runCount: Int { storage.count }
  package var isEmpty: Bool { storage.count == 0 }

  /// How many bytes the runs have together.
  package var byteCount: Int {
    var sum = 0
    for index in 0..<storage.count { sum += run(at: index).byteCount }
    return sum
  }

  package func run(at index: Int) -> AddressRange {
    precondition(index < storage.count, "no such run")
    let run = storage.list[index]
    return AddressRange(start: run.start, end: run.end)
  }

  package func forEachRun<Failure: Error>(
    _ body: (AddressRange) throws(Failure) -> Void
  ) throws(Failure) {
    for index in 0..<storage.count { try body(run(at: index)) }
  }

  /// Whether anything in `range` was written. Takes time logarithmic in the number of runs.
  package func overlaps(_ range: AddressRange) -> Bool {
    let index = firstRun(endingAfter: range.start)
    return index < storage.count && storage.list[index].start < range.end
  }

  package func contains(_ address: UInt) -> Bool {
    overlaps(AddressRange(start: address, byteCount: 1))
  }

  /// Calls `body` once for every chunk of `chunkBytes` from `base` on in which anything was
  /// written, in ascending order; runs outside [`base`, `limit`) are passed over.
  package func forEachChunk<Failure: Error>(
    from base: UInt, to limit: UInt, chunkBytes: Int,
    _ body: (ChunkIndex) throws(Failure) -> Void
  ) throws(Failure) {
    let size = UInt(chunkBytes)
    var next: UInt = 0
    var index = firstRun(endingAfter: base)
    while index < storage.count, storage.list[index].start < limit {
      let run = storage.list[index]
      var chunk = max((max(run.start, base) - base) / size, next)
      let end = (min(run.end, limit) - base + size - 1) / size
      while chunk < end {
        try body(ChunkIndex(UInt32(chunk)))
        chunk += 1
      }
      next = max(next, end)
      index += 1
    }
  }

  package func removeAll() {
    storage.count = 0
    storage.first = 0
  }

  private func firstRun(endingAfter address: UInt) -> Int {
    var low = 0
    var high = storage.count
    while low < high {
      let middle = low + (high - low) / 2
      if storage.list[middle].end <= address { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
