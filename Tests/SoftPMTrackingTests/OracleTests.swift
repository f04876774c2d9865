import CTrackingProbe
import Glibc
import SoftPMBase
import Synchronization
import Testing

@testable import SoftPMTracking

/// Two threads write at random while a third collects. What a tracker did not report must not have
/// changed: a copy that is brought up to date only where it reports must end up equal.
@Suite("trackers against the oracle", .serialized)
struct OracleTests {
  /// One thread that writes until told to stop.
  final class Writer: @unchecked Sendable {
    let memory: TestMemory
    let lane: Int
    let writes: Int
    let seed: UInt64
    var thread = pthread_t()

    init(_ memory: TestMemory, lane: Int, writes: Int, seed: UInt64) {
      self.memory = memory
      self.lane = lane
      self.writes = writes
      self.seed = seed
    }

    func start() {
      let context = Unmanaged.passRetained(self).toOpaque()
      let result = pthread_create(
        &thread, nil,
        { context in
          let writer = Unmanaged<Writer>.fromOpaque(context!).takeRetainedValue()
          _ = probe_write_randomly(
            writer.memory.base, writer.memory.byteCount, writer.lane, writer.writes, writer.seed)
          writer.finished.store(true, ordering: .releasing)
          return nil
        }, context)
      precondition(result == 0)
    }

    func join() { pthread_join(thread, nil) }
    let finished = Atomic(false)
  }

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
        Writer(memory, lane: $0, writes: writes / rounds / 2, seed: UInt64(round * 2 + $0 + 1))
      }
      for writer in writers { writer.start() }
      while !writers.allSatisfy({ $0.finished.load(ordering: .acquiring) }) {
        try tracker.collectAndRearm(into: dirty)
        refresh(copy, from: memory, dirty)
        collections += 1
      }
      for writer in writers { writer.join() }
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
    try run(.kernel, bytes: 8 << 20, granule: 4 << 10, rounds: 100, writes: 10_000_000)
  }

  @Test("signals lose none of ten million writes of two threads")
  func signal() throws {
    try run(.signal, bytes: 4 << 20, granule: 16 << 10, rounds: 100, writes: 10_000_000)
  }

  @Test("signals lose no write in blocks opened to save mappings")
  func coarseSignal() throws {
    try run(.signal, bytes: 32 << 20, granule: 4 << 10, rounds: 10, writes: 200_000)
  }

  @Test("everything dirty passes its own test")
  func everything() throws {
    try run(.everythingDirty, bytes: 1 << 20, granule: 4 << 10, rounds: 10, writes: 1_000_000)
  }
}
