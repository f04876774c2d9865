import Glibc
import SoftPMBase
import Testing

@testable import SoftPMTracking

@Suite("what every tracker promises")
struct WriteTrackerTests {
  let granule = 16 << 10

  /// A tracker that watches 64 granules, all of them collected once.
  func quietTracker(
    _ choice: TrackerChoice, _ memory: TestMemory, _ dirty: DirtySet
  ) throws -> any WriteTracker {
    let tracker = try choice.make()
    try tracker.reserve(memory.range, granule: ByteCount(granule))
    try tracker.watch(memory.range)
    memory.fill()
    try tracker.collectAndRearm(into: dirty)
    try tracker.collectAndRearm(into: dirty)
    return tracker
  }

  @Test("what is newly watched counts as written", arguments: allChoices)
  func newlyWatched(choice: TrackerChoice) throws {
    let memory = TestMemory(byteCount: 64 * granule)
    let dirty = try DirtySet()
    let tracker = try choice.make()
    try tracker.reserve(memory.range, granule: ByteCount(granule))
    try tracker.watch(memory.range(granule, 3 * granule))
    try tracker.collectAndRearm(into: dirty)
    #expect(memory.runs(of: dirty, unit: granule) == [1..<4])
  }

  @Test("one write is one dirty granule, reported once", arguments: seeingChoices)
  func oneWrite(choice: TrackerChoice) throws {
    let memory = TestMemory(byteCount: 64 * granule)
    let dirty = try DirtySet()
    let tracker = try quietTracker(choice, memory, dirty)
    #expect(dirty.isEmpty)
    memory[5 * granule + 100] = 7
    try tracker.collectAndRearm(into: dirty)
    let unit = unit(of: tracker, granule: granule)
    let first = 5 * granule / unit
    #expect(memory.runs(of: dirty, unit: unit) == [first..<first + 1])
    try tracker.collectAndRearm(into: dirty)
    #expect(dirty.isEmpty)
    #expect(memory[5 * granule + 100] == 7)
  }

  @Test("reading reports nothing", arguments: seeingChoices)
  func reading(choice: TrackerChoice) throws {
    let memory = TestMemory(byteCount: 64 * granule)
    let dirty = try DirtySet()
    let tracker = try quietTracker(choice, memory, dirty)
    var sum = 0
    for offset in stride(from: 0, to: memory.byteCount, by: 512) { sum += Int(memory[offset]) }
    #expect(sum > 0)
    try tracker.collectAndRearm(into: dirty)
    #expect(dirty.isEmpty)
  }

  @Test("scattered writes are all reported, and nothing else", arguments: seeingChoices)
  func scattered(choice: TrackerChoice) throws {
    let memory = TestMemory(byteCount: 512 * granule)
    let dirty = try DirtySet()
    let tracker = try quietTracker(choice, memory, dirty)
    let unit = unit(of: tracker, granule: granule)
    for seed in UInt64(1)...20 {
      var generator = Generator(seed: seed)
      var written: Set<Int> = []
      for _ in 0..<Int.random(in: 1...300, using: &generator) {
        let offset = Int.random(in: 0..<memory.byteCount, using: &generator)
        memory[offset] &+= 1
        written.insert(offset / unit)
      }
      try tracker.collectAndRearm(into: dirty)
      let reported = Set(memory.runs(of: dirty, unit: unit).flatMap { Array($0) })
      #expect(reported == written, "\(choice), seed \(seed)")
    }
  }

  @Test("marking by hand is like a write, for this tracker alone", arguments: seeingChoices)
  func marking(choice: TrackerChoice) throws {
    let memory = TestMemory(byteCount: 64 * granule)
    let dirty = try DirtySet()
    let tracker = try quietTracker(choice, memory, dirty)
    let other = try quietTracker(choice, memory, dirty)
    try tracker.collectAndRearm(into: dirty)
    tracker.mark(memory.range(2 * granule, 2 * granule))
    try other.collectAndRearm(into: dirty)
    #expect(dirty.isEmpty)
    try tracker.collectAndRearm(into: dirty)
    #expect(memory.runs(of: dirty, unit: granule) == [2..<4])
    tracker.markForEveryTracker(memory.range(7 * granule, granule))
    for each in [tracker, other] {
      try each.collectAndRearm(into: dirty)
      #expect(memory.runs(of: dirty, unit: granule) == [7..<8])
      try each.collectAndRearm(into: dirty)
      #expect(dirty.isEmpty)
    }
  }

  @Test("one container's collection does not swallow another's dirt", arguments: seeingChoices)
  func sharedPages(choice: TrackerChoice) throws {
    let memory = TestMemory(byteCount: 64 * granule)
    let dirty = try DirtySet()
    let first = try quietTracker(choice, memory, dirty)
    let second = try quietTracker(choice, memory, dirty)
    try first.collectAndRearm(into: dirty)
    let unit = unit(of: first, granule: granule)
    memory[9 * granule] = 3
    for tracker in [first, second] {
      try tracker.collectAndRearm(into: dirty)
      let start = 9 * granule / unit
      #expect(memory.runs(of: dirty, unit: unit) == [start..<start + 1])
    }
    memory[9 * granule] = 4
    try second.collectAndRearm(into: dirty)
    memory[11 * granule] = 4
    try first.collectAndRearm(into: dirty)
    #expect(dirty.contains(memory.range(9 * granule, 1).start))
    #expect(dirty.contains(memory.range(11 * granule, 1).start))
    try second.collectAndRearm(into: dirty)
    #expect(!dirty.contains(memory.range(9 * granule, 1).start))
    #expect(dirty.contains(memory.range(11 * granule, 1).start))
  }

  @Test(
    "two kinds of tracker may watch the same memory",
    .disabled(if: isFiltered))
  func twoKinds() throws {
    let memory = TestMemory(byteCount: 64 * granule)
    let dirty = try DirtySet()
    let kernel = try quietTracker(.kernel, memory, dirty)
    let signal = try quietTracker(.signal, memory, dirty)
    try kernel.collectAndRearm(into: dirty)
    for round in 0..<20 {
      memory[(round * 3 % 64) * granule] = 9
      try (round % 2 == 0 ? kernel : signal).collectAndRearm(into: dirty)
      #expect(dirty.contains(memory.range((round * 3 % 64) * granule, 1).start), "\(round)")
      try (round % 2 == 0 ? signal : kernel).collectAndRearm(into: dirty)
      #expect(dirty.contains(memory.range((round * 3 % 64) * granule, 1).start), "\(round)")
    }
  }

  @Test("memory given back and taken again counts as written", arguments: seeingChoices)
  func givenBack(choice: TrackerChoice) throws {
    let memory = TestMemory(byteCount: 64 * granule)
    let dirty = try DirtySet()
    let tracker = try quietTracker(choice, memory, dirty)
    memory.giveBack(8 * granule, 8 * granule)
    try tracker.collectAndRearm(into: dirty)
    try tracker.collectAndRearm(into: dirty)
    #expect(dirty.isEmpty)
    #expect(memory[9 * granule] == 0)
    memory[9 * granule + 5] = 1
    try tracker.collectAndRearm(into: dirty)
    #expect(dirty.contains(memory.range(9 * granule + 5, 1).start))
    #expect(dirty.byteCount <= granule)
    memory[9 * granule + 5] = 2
    try tracker.collectAndRearm(into: dirty)
    #expect(dirty.contains(memory.range(9 * granule + 5, 1).start))
  }

  @Test("a range that grows is watched piece by piece", arguments: allChoices)
  func growing(choice: TrackerChoice) throws {
    let memory = TestMemory(byteCount: 4 << 30)
    let dirty = try DirtySet()
    let tracker = try choice.make()
    try tracker.reserve(memory.range, granule: ByteCount(granule))
    for index in 0..<100 {
      try tracker.watch(memory.range(index * granule, granule))
      memory[index * granule + 1] = 1
      try tracker.collectAndRearm(into: dirty)
      #expect(dirty.contains(memory.range(index * granule + 1, 1).start))
      if tracker.kind != .everythingDirty { #expect(dirty.byteCount <= 3 * granule) }
      memory[index * granule + 1] = 2
      memory[(99 - index) * granule + 2] = 2
    }
  }

  @Test("what is no longer watched is not reported", arguments: allChoices)
  func unwatching(choice: TrackerChoice) throws {
    let memory = TestMemory(byteCount: 64 * granule)
    let dirty = try DirtySet()
    let tracker = try quietTracker(choice, memory, dirty)
    tracker.unwatch(memory.range(10 * granule, 10 * granule))
    for index in 0..<64 { memory[index * granule] = 5 }
    try tracker.collectAndRearm(into: dirty)
    var reported: Set<UInt32> = []
    dirty.forEachChunk(from: memory.range.start, to: memory.range.end, chunkBytes: granule) {
      reported.insert($0.rawValue)
    }
    #expect(reported == Set(0..<64).subtracting(10..<20))
    try tracker.watch(memory.range(12 * granule, granule))
    try tracker.collectAndRearm(into: dirty)
    #expect(dirty.contains(memory.range(12 * granule, 1).start))
  }

  @Test("after stop the memory is ordinary memory", arguments: allChoices)
  func stopping(choice: TrackerChoice) throws {
    let memory = TestMemory(byteCount: 64 * granule)
    let dirty = try DirtySet()
    let tracker = try quietTracker(choice, memory, dirty)
    tracker.stop()
    tracker.stop()
    let file = open("/dev/zero", O_RDONLY)
    defer { close(file) }
    #expect(read(file, memory.base, memory.byteCount) == memory.byteCount)
    try tracker.collectAndRearm(into: dirty)
    #expect(dirty.isEmpty)
  }

  @Test("what cannot be watched is refused with a code", arguments: allChoices)
  func refusals(choice: TrackerChoice) throws {
    let memory = TestMemory(byteCount: 64 * granule)
    let tracker = try choice.make()
    func code(_ body: () throws -> Void) -> ContainerError.Code? {
      do {
        try body()
        return nil
      } catch {
        return (error as? ContainerError)?.code
      }
    }
    #expect(code { try tracker.watch(memory.range) } == .invalidArgument)
    #expect(
      code { try tracker.reserve(memory.range, granule: ByteCount(100)) } == .invalidArgument)
    #expect(
      code { try tracker.reserve(memory.range(1, 5), granule: ByteCount(granule)) }
        == .invalidArgument)
    try tracker.reserve(memory.range, granule: ByteCount(granule))
    #expect(
      code { try tracker.reserve(memory.range(0, 2 * granule), granule: ByteCount(granule)) }
        != nil)
  }

  @Test(
    "memory mapped anew is registered again, and all of it counts as written",
    .disabled(if: isFiltered))
  func mappedAnew() throws {
    let memory = TestMemory(byteCount: 64 * granule)
    let dirty = try DirtySet()
    let tracker = try quietTracker(.kernel, memory, dirty)
    mmap(
      memory.base + 4 * granule, 2 * granule, PROT_READ | PROT_WRITE,
      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0)
    memory[4 * granule] = 1
    memory[20 * granule] = 1
    try tracker.collectAndRearm(into: dirty)
    #expect(dirty.contains(memory.range(4 * granule, 1).start))
    #expect(dirty.contains(memory.range(20 * granule, 1).start))
    #expect(!dirty.contains(memory.range(30 * granule, 1).start))
    memory[4 * granule] = 2
    try tracker.collectAndRearm(into: dirty)
    #expect(memory.runs(of: dirty, unit: pageBytes).count == 1)
    #expect(dirty.contains(memory.range(4 * granule, 1).start))
  }
}
