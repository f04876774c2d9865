import CSoftPMFault
import Glibc
import SoftPMBase
import Testing

@testable import SoftPMTracking

@Suite("sets of granules")
struct GranulesTests {
  @Test("a set does what a Set of numbers does", arguments: UInt64(1)...40)
  func againstSet(seed: UInt64) {
    var generator = Generator(seed: seed)
    let count = Int.random(in: 1...9000, using: &generator)
    var set = softpm_granules()
    #expect(softpm_granules_open(&set, count) == 0)
    defer { softpm_granules_close(&set) }
    var model: Set<Int> = []
    for _ in 0..<60 {
      let from = Int.random(in: 0..<count, using: &generator)
      let length = Int.random(
        in: 0...(Bool.random(using: &generator) ? 5 : count), using: &generator)
      let to = min(from + length, count)
      if Bool.random(using: &generator) {
        softpm_granules_insert(&set, from, from + length)
        model.formUnion(from..<to)
      } else {
        softpm_granules_remove(&set, from, from + length)
        model.subtract(from..<to)
      }
    }
    check(&set, model, count, seed)
  }

  private func check(_ set: inout softpm_granules, _ model: Set<Int>, _ count: Int, _ seed: UInt64)
  {
    var mismatches = 0
    var starts = 0
    for index in 0..<count {
      if softpm_granules_contains(&set, index) != model.contains(index) { mismatches += 1 }
      if model.contains(index), !model.contains(index - 1) { starts += 1 }
    }
    #expect(mismatches == 0, "seed \(seed)")
    #expect(softpm_granules_run_starts(&set, 0, count) == starts, "seed \(seed)")
    var found: Set<Int> = []
    var from = softpm_granules_next(&set, 0, count)
    while from < count {
      let to = softpm_granules_next_absent(&set, from, count)
      #expect(to > from, "seed \(seed)")
      found.formUnion(from..<to)
      from = softpm_granules_next(&set, to, count)
    }
    #expect(found == model, "seed \(seed)")
    for middle in [1, count / 3, count / 2] where middle < count {
      let first = model.filter { $0 >= middle }.min() ?? count
      #expect(softpm_granules_next(&set, middle, count) == first, "seed \(seed)")
    }
  }

  /// The nursery's sets have as many: a look through the summary of one took 0.09 ms of every point.
  @Test("a set with room for 268 million granules is looked at where its members are, only")
  func span() {
    var set = softpm_granules()
    let count = 1 << 28
    #expect(softpm_granules_open(&set, count) == 0)
    defer { softpm_granules_close(&set) }
    func touchedPages() -> Int {
      let pages = set.mapped / 4096
      var present = [UInt8](repeating: 0, count: pages)
      #expect(mincore(set.words, set.mapped, &present) == 0)
      return present.count { $0 & 1 != 0 }
    }
    #expect(softpm_granules_next(&set, 0, count) == count && touchedPages() == 0)
    softpm_granules_insert(&set, 1_000_000, 1_000_003)
    #expect(softpm_granules_next(&set, 0, count) == 1_000_000)
    #expect(softpm_granules_next(&set, 1_000_003, count) == count)
    #expect(softpm_granules_next(&set, 0, 1_000_000) == 1_000_000)
    #expect(softpm_granules_run_starts(&set, 0, count) == 1)
    softpm_granules_remove(&set, 0, count)
    #expect(softpm_granules_next(&set, 0, count) == count)
    #expect(touchedPages() <= 2, "a word's and its summary's")
  }

  @Test("a list of runs grows beyond its first memory and joins what touches")
  func runs() throws {
    let dirty = try DirtySet()
    for index in 0..<20_000 {
      #expect(softpm_runs_reserve(&dirty.storage, 1) == 0)
      softpm_runs_append(&dirty.storage, UInt(index * 100), UInt(index * 100 + 50))
      softpm_runs_append(&dirty.storage, UInt(index * 100 + 50), UInt(index * 100 + 60))
    }
    #expect(dirty.runCount == 20_000)
    #expect(dirty.contains(100 * 777 + 59))
    #expect(!dirty.contains(100 * 777 + 60))
    #expect(dirty.overlaps(AddressRange(start: 100 * 777 + 60, end: 100 * 778 + 1)))
    #expect(!dirty.overlaps(AddressRange(start: 100 * 777 + 60, end: 100 * 778)))
    #expect(dirty.byteCount == 20_000 * 60)
  }

  @Test("every chunk with a written byte is visited once")
  func chunks() throws {
    let dirty = try DirtySet()
    #expect(softpm_runs_reserve(&dirty.storage, 4) == 0)
    for (start, end) in [(100, 200), (1_000, 1_100), (1_110, 1_120), (1_900, 3_050)]
      as [(UInt, UInt)]
    {
      softpm_runs_append(&dirty.storage, start, end)
    }
    var visited: [UInt32] = []
    dirty.forEachChunk(from: 1_000, to: 3_000, chunkBytes: 256) { visited.append($0.rawValue) }
    #expect(visited == [0, 3, 4, 5, 6, 7])
  }
}
