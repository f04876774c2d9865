import CTrackingProbe
import Glibc
import SoftPMBase
import Testing

@testable import SoftPMTracking

@Suite("keeping memory as it was", .serialized)
struct FrozenMemoryTests {
  let granule = 16 << 10

  /// Points over memory that two threads write to meanwhile: the frozen content must be that of
  /// the freeze, and no write may be lost to the tracker.
  func run(_ choice: TrackerChoice, poolBytes: Int) throws {
    let bytes = 4 << 20
    let memory = TestMemory(byteCount: bytes)
    memory.fill()
    let atFreeze = mapMemory(byteCount: bytes)!
    let image = mapMemory(byteCount: bytes)!
    defer {
      unmapMemory(atFreeze, byteCount: bytes)
      unmapMemory(image, byteCount: bytes)
    }
    let dirty = try DirtySet()
    let frozen = try FrozenMemory(pool: CopyPool(byteCount: ByteCount(poolBytes)))
    let tracker = try choice.make()
    try tracker.reserve(memory.range, granule: ByteCount(granule))
    try tracker.watch(memory.range)
    for round in 0..<10 {
      // Quiet, as under the container's lock.
      try tracker.collectAndRearm(into: dirty)
      probe_copy(atFreeze, memory.base, bytes)
      try frozen.freeze(dirty, in: memory.range, granule: ByteCount(granule))
      #expect(frozen.copiedBytes <= poolBytes)
      #expect(frozen.copiedBytes + frozen.protectedBytes == dirty.byteCount)
      let writers = (0..<2).map {
        probe_writer_start(memory.base, bytes, $0, 400, UInt64(round * 2 + $0 + 1))
      }
      if round % 3 == 0 { frozen.copyRest() }
      var broken = 0
      dirty.forEachRun { run in
        let offset = Int(run.start - memory.range.start)
        let target = UnsafeMutableRawBufferPointer(start: image + offset, count: run.byteCount)
        if !frozen.read(run.start, into: target) { broken += 1 }
      }
      for writer in writers { probe_writer_join(writer) }
      #expect(broken == 0, "\(choice), round \(round)")
      let difference = probe_first_difference(image, atFreeze, bytes)
      #expect(difference == bytes, "\(choice), round \(round): differs at \(difference)")
      frozen.release()
    }
  }

  @Test("a point reads what was there when it froze", arguments: seeingChoices, [0, 1, 16])
  func content(choice: TrackerChoice, poolMebibytes: Int) throws {
    try run(choice, poolBytes: max(poolMebibytes << 20, pageBytes))
  }

  @Test("several points may be in flight over the same memory", arguments: seeingChoices)
  func several(choice: TrackerChoice) throws {
    let memory = TestMemory(byteCount: 64 * granule)
    memory.fill()
    let dirty = try DirtySet()
    let pool = try CopyPool(byteCount: ByteCount(10 * granule))
    let tracker = try choice.make()
    try tracker.reserve(memory.range, granule: ByteCount(granule))
    try tracker.watch(memory.range)
    var points: [FrozenMemory] = []
    for round in 0..<8 {
      for index in 0..<64 { memory[index * granule + 10] = UInt8(round) }
      try tracker.collectAndRearm(into: dirty)
      let frozen = try FrozenMemory(pool: pool)
      try frozen.freeze(dirty, in: memory.range, granule: ByteCount(granule))
      points.append(frozen)
    }
    memory[5] = 99
    for round in [3, 0, 7, 1, 2, 6, 5, 4] {
      for index in 0..<64 {
        let content = points[round].content(at: memory.range.start + UInt(index * granule + 10))
        #expect(content?.start.load(as: UInt8.self) == UInt8(round), "\(round) \(index)")
      }
      points[round].release()
    }
    try tracker.collectAndRearm(into: dirty)
    #expect(dirty.contains(memory.range.start + 5))
  }

  @Test("what was not frozen is not answered for")
  func absent() throws {
    let memory = TestMemory(byteCount: 64 * granule)
    let dirty = try DirtySet()
    let tracker = try SignalTracker()
    try tracker.reserve(memory.range, granule: ByteCount(granule))
    try tracker.watch(memory.range(0, granule))
    try tracker.collectAndRearm(into: dirty)
    let frozen = try FrozenMemory(pool: CopyPool(byteCount: ByteCount(pageBytes)))
    try frozen.freeze(dirty, in: memory.range, granule: ByteCount(granule))
    #expect(frozen.content(at: memory.range.start + 100) != nil)
    #expect(frozen.content(at: memory.range.start + UInt(granule)) == nil)
  }

  @Test(
    "a system call into memory frozen in place fails until it was copied",
    .disabled(if: isFiltered))
  func systemCalls() throws {
    let memory = TestMemory(byteCount: 64 * granule)
    memory.fill()
    let dirty = try DirtySet()
    let tracker = try KernelTracker()
    try tracker.reserve(memory.range, granule: ByteCount(granule))
    try tracker.watch(memory.range)
    try tracker.collectAndRearm(into: dirty)
    let frozen = try FrozenMemory(pool: CopyPool(byteCount: ByteCount(granule)))
    try frozen.freeze(dirty, in: memory.range, granule: ByteCount(granule))
    let file = open("/dev/zero", O_RDONLY)
    defer { close(file) }
    let target = memory.base + 40 * granule
    #expect(read(file, target, 100) == -1 && errno == EFAULT)
    frozen.copyRest()
    #expect(frozen.progress.inPlace == 0)
    #expect(read(file, target, 100) == 100)
    try tracker.collectAndRearm(into: dirty)
    #expect(memory.runs(of: dirty, unit: granule) == [40..<41] || dirty.byteCount == pageBytes)
    #expect(frozen.content(at: UInt(bitPattern: target))?.start.load(as: UInt8.self) == 1)
    // And at once where the buffer is made ready by hand.
    frozen.release()
    try tracker.collectAndRearm(into: dirty)
    tracker.mark(memory.range)
    try tracker.collectAndRearm(into: dirty)
    try frozen.freeze(dirty, in: memory.range, granule: ByteCount(granule))
    prepareForSystemCall(UnsafeRawBufferPointer(start: target + granule, count: 100))
    #expect(read(file, target + granule, 100) == 100)
    #expect(
      frozen.content(at: UInt(bitPattern: target + granule))?.start.load(as: UInt8.self) == 1)
  }

  @Test("the pool gives back what it took, in any order", arguments: UInt64(1)...30)
  func pool(seed: UInt64) throws {
    var generator = Generator(seed: seed)
    let pool = try CopyPool(byteCount: ByteCount(64 * pageBytes))
    var held: [(CopyPool.Piece, UInt8)] = []
    for step in 0..<400 {
      if Bool.random(using: &generator) || held.isEmpty {
        let wanted = Int.random(in: 1...30, using: &generator) * pageBytes
        guard let piece = pool.take(wanted, unit: pageBytes) else { continue }
        #expect(piece.bytes.count <= wanted && piece.bytes.count > 0)
        let mark = UInt8(truncatingIfNeeded: step)
        for offset in stride(from: 0, to: piece.bytes.count, by: pageBytes) {
          piece.bytes[offset] = mark
        }
        held.append((piece, mark))
      } else {
        let (piece, mark) = held.remove(at: Int.random(in: 0..<held.count, using: &generator))
        for offset in stride(from: 0, to: piece.bytes.count, by: pageBytes) {
          #expect(piece.bytes[offset] == mark, "seed \(seed), step \(step)")
        }
        pool.giveBack(piece)
      }
    }
    for (piece, _) in held { pool.giveBack(piece) }
    #expect(pool.take(1 << 30, unit: pageBytes)?.bytes.count == 64 * pageBytes, "seed \(seed)")
  }
}
