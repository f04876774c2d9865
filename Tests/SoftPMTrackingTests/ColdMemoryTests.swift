import CSoftPMLinux
import CTrackingProbe
import Foundation
import SoftPMBase
import Testing

@testable import SoftPMTracking

@Suite("cold memory in huge pages", .serialized)
struct ColdMemoryTests {
  static let block = 2 << 20

  /// Memory that starts at a block's bound.
  final class Blocks {
    let memory: TestMemory
    let base: UnsafeMutableRawPointer
    let count: Int

    init(_ count: Int) {
      self.count = count
      memory = TestMemory(byteCount: (count + 1) * block)
      base = UnsafeMutableRawPointer(
        bitPattern: (UInt(bitPattern: memory.base) + UInt(block) - 1) & ~UInt(block - 1))!
    }

    var range: AddressRange {
      AddressRange(start: UInt(bitPattern: base), byteCount: count * block)
    }
  }

  /// Whether this kernel makes huge pages at all; some are built without.
  static let hasHugePages: Bool = {
    guard !isFiltered else { return false }
    let blocks = Blocks(1)
    probe_touch(blocks.base, block / pageBytes, pageBytes, 1)
    return softpm_collapse_huge_pages(blocks.range.start, block) == 0
  }()

  func filled(_ count: Int) throws -> (Blocks, any WriteTracker, DirtySet) {
    let blocks = Blocks(count)
    let tracker = try KernelTracker()
    let dirty = try DirtySet()
    try tracker.reserve(blocks.range, granule: .kibibytes(16))
    try tracker.watch(blocks.range)
    tracker.adviseCold(blocks.range)
    probe_touch(blocks.base, count * Self.block / pageBytes, pageBytes, 1)
    try tracker.collectAndRearm(into: dirty)
    return (blocks, tracker, dirty)
  }

  @Test("a write into a huge page is reported by the small page", .enabled(if: hasHugePages))
  func precise() throws {
    let (blocks, tracker, dirty) = try filled(8)
    for index in 0..<8 {
      blocks.base.storeBytes(
        of: 2, toByteOffset: index * Self.block + 37 * pageBytes, as: UInt8.self)
    }
    try tracker.collectAndRearm(into: dirty)
    #expect(dirty.runCount == 8)
    #expect(dirty.byteCount == 8 * pageBytes)
  }

  @Test("what has cooled is gathered, what is warm is not", .enabled(if: hasHugePages))
  func gathering() throws {
    let (blocks, tracker, dirty) = try filled(8)
    func write(_ block: Int, _ value: UInt8) {
      blocks.base.storeBytes(
        of: value, toByteOffset: block * Self.block + 5 * pageBytes, as: UInt8.self)
    }
    for index in 0..<8 { write(index, 2) }
    for round in 0..<4 {
      try tracker.collectAndRearm(into: dirty)
      write(3, UInt8(round + 10))
    }
    try tracker.collectAndRearm(into: dirty)
    write(4, 99)
    // Block 3 is warm; 4 was written since the last collection.
    #expect(tracker.gatherCold(atMost: 2, unwrittenFor: 3) == 2)
    #expect(tracker.gatherCold(atMost: 100, unwrittenFor: 3) == 4)
    #expect(tracker.gatherCold(atMost: 100, unwrittenFor: 3) == 0)
    try tracker.collectAndRearm(into: dirty)
    #expect(dirty.runCount == 1 && dirty.byteCount == pageBytes)
    #expect(dirty.contains(blocks.range.start + UInt(4 * Self.block + 5 * pageBytes)))
    // And everything is still seen.
    for index in 0..<8 { write(index, 100) }
    try tracker.collectAndRearm(into: dirty)
    #expect(dirty.runCount == 8 && dirty.byteCount == 8 * pageBytes)
    #expect(tracker.statistics.gatheredBlocks == 6)
  }

  @Test("a block with pages given back is left alone", .enabled(if: hasHugePages))
  func holes() throws {
    let (blocks, tracker, dirty) = try filled(2)
    madvise(blocks.base + 64 * pageBytes, 8 * pageBytes, Int32(MADV_DONTNEED))
    blocks.base.storeBytes(of: 5, toByteOffset: 9, as: UInt8.self)
    for _ in 0..<5 { try tracker.collectAndRearm(into: dirty) }
    _ = tracker.gatherCold(atMost: 100, unwrittenFor: 2)
    try tracker.collectAndRearm(into: dirty)
    #expect(dirty.isEmpty)
    blocks.base.storeBytes(of: 6, toByteOffset: 65 * pageBytes, as: UInt8.self)
    try tracker.collectAndRearm(into: dirty)
    #expect(dirty.contains(blocks.range.start + UInt(65 * pageBytes)))
  }

  /// Writers, collections and gathering at the same time: a copy brought up to date only where a
  /// collection reports must end up equal, round for round.
  @Test(
    "no write is lost while blocks are gathered beside the writers", .enabled(if: hasHugePages))
  func gatheringBesideWriters() throws {
    let (blocks, tracker, dirty) = try filled(4)
    let bytes = blocks.range.byteCount
    let copy = mapMemory(byteCount: bytes)!
    defer { unmapMemory(copy, byteCount: bytes) }
    func collect() throws {
      try tracker.collectAndRearm(into: dirty)
      dirty.forEachRun { run in
        let offset = Int(run.start - blocks.range.start)
        probe_copy(copy + offset, blocks.base + offset, run.byteCount)
      }
    }
    tracker.mark(blocks.range)
    try collect()
    let stop = DispatchSemaphore(value: 0)
    let stopped = DispatchSemaphore(value: 0)
    Thread.detachNewThread {
      while stop.wait(timeout: .now()) == .timedOut {
        _ = tracker.gatherCold(atMost: 1, unwrittenFor: 0)
      }
      stopped.signal()
    }
    for round in 0..<(isDeep ? 4_000 : 300) {
      let writers = (0..<2).map {
        probe_writer_start(blocks.base, bytes, $0, 20, UInt64(round * 2 + $0 + 1))
      }
      if round % 2 == 0 { try collect() }
      for writer in writers { probe_writer_join(writer) }
      try collect()
      let lost = probe_first_difference(blocks.base, copy, bytes)
      #expect(lost == bytes, "round \(round): a write at \(lost) was lost")
      if lost != bytes { break }
    }
    stop.signal()
    stopped.wait()
    #expect(tracker.statistics.gatheredBlocks > 0)
  }

  @Test("stopping waits for a block at work", .enabled(if: hasHugePages))
  func stopping() throws {
    for _ in 0..<10 {
      let (blocks, tracker, _) = try filled(4)
      for index in 0..<4 { blocks.base.storeBytes(of: 3, toByteOffset: index << 21, as: Int.self) }
      let dirty = try DirtySet()
      try tracker.collectAndRearm(into: dirty)
      let started = DispatchSemaphore(value: 0)
      let ended = DispatchSemaphore(value: 0)
      Thread.detachNewThread {
        started.signal()
        _ = tracker.gatherCold(atMost: 4, unwrittenFor: 0)
        ended.signal()
      }
      started.wait()
      tracker.stop()
      // From here on the memory may go, whatever the other thread still does.
      munmap(blocks.base, 4 * Self.block)
      ended.wait()
      mmap(
        blocks.base, 4 * Self.block, PROT_READ | PROT_WRITE,
        MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0)
    }
  }
}

private let isDeep = getenv("SOFTPM_TEST_DEEP") != nil
