import CTrackingProbe
import SoftPMBase
import Testing

@testable import SoftPMTracking

/// Two threads write at random while a third collects. What a tracker did not report must not have
/// changed: a copy that is brought up to date only where it reports must end up equal.
@Suite("trackers against the oracle", .serialized)
struct OracleTests {
  func refresh(_ copy: UnsafeMutableRawPointer, from memory: TestMemory, _ dirty: DirtySet) {
    dirty.forEachRun { run in
      let offset = Int(run.start - memory.range.start)
      probe_copy(copy + offset, memory.base + offset, run.byteCount)
    }
  }

  /// Ten million writes in rounds; in each the writers run against collections, then all is quiet
  /// and the copy is compared.
  func run(_ choice: TrackerChoice, bytes: Int, granule: Int, rounds: Int, writes: Int) throws {
    let memory = TestMemory(byteCount: bytes)
    memory.fill()
    let copy = mapMemory(byteCount: bytes)!
    defer { unmapMemory(copy, byteCount: bytes) }
    let dirty = try DirtySet()
    let tracker = try choice.make()
    try tracker.reserve(memory.range, granule: ByteCount(granule))
    try tracker.watch(memory.range)
    var collections = 0
    for round in 0..<rounds {
      let writers = (0..<2).map {
        probe_writer_start(
          memory.base, bytes, $0, writes / rounds / 2, UInt64(round * 2 + $0 + 1))
      }
      while !writers.allSatisfy({ probe_writer_is_finished($0) != 0 }) {
        try tracker.collectAndRearm(into: dirty)
        refresh(copy, from: memory, dirty)
        collections += 1
      }
      for writer in writers { probe_writer_join(writer) }
      try tracker.collectAndRearm(into: dirty)
      refresh(copy, from: memory, dirty)
      let difference = probe_first_difference(memory.base, copy, bytes)
      #expect(difference == bytes, "\(choice), round \(round): a write at \(difference) was lost")
      if difference != bytes { return }
    }
    #expect(collections >= rounds, "\(choice): too few collections met a write")
  }

  @Test("the kernel loses none of ten million writes of two threads")
  func kernel() throws {
    try run(.kernel, bytes: 8 << 20, granule: 4 << 10, rounds: 40, writes: 10_000_000)
  }

  @Test("signals lose none of ten million writes of two threads")
  func signal() throws {
    try run(.signal, bytes: 4 << 20, granule: 16 << 10, rounds: 40, writes: 10_000_000)
  }

  @Test("signals lose no write in blocks opened to save mappings")
  func coarseSignal() throws {
    try run(.signal, bytes: 32 << 20, granule: 4 << 10, rounds: 4, writes: 80_000)
  }

  @Test("everything dirty passes its own test")
  func everything() throws {
    try run(.everythingDirty, bytes: 1 << 20, granule: 4 << 10, rounds: 10, writes: 1_000_000)
  }
}
