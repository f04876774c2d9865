import Glibc
import SoftPMBase
import Testing

@testable import SoftPMTracking

@Suite(
  "Pages that are written time and again", .enabled(if: TrackerChoice.kernelRefusal == nil))
struct HotPagesTests {
  private static let block = 2 << 20
  private static let pages = block / pageBytes

  /// Four blocks, watched and armed.
  private func watched() throws -> (TestMemory, KernelTracker, DirtySet) {
    let memory = TestMemory(byteCount: 4 * Self.block)
    memory.fill()
    let tracker = try KernelTracker()
    try tracker.reserve(memory.range, granule: .kibibytes(4))
    try tracker.watch(memory.range)
    let dirty = try DirtySet()
    try tracker.collectAndRearm(into: dirty)
    return (memory, tracker, dirty)
  }

  @Test("are reported by every collection, and mostly cost their writer no fault")
  func reported() throws {
    let (memory, tracker, dirty) = try watched()
    var faults: [Int] = []
    for round in 0..<60 {
      let before = pageFaults()
      for offset in stride(from: 0, to: memory.byteCount, by: pageBytes) {
        memory[offset] = UInt8(truncatingIfNeeded: round)
      }
      faults.append(pageFaults() - before)
      try tracker.collectAndRearm(into: dirty)
      #expect(dirty.byteCount == memory.byteCount, "round \(round)")
    }
    // Each page in each of the first rounds; later in one of ten.
    #expect(faults[0] >= 4 * Self.pages - 8)
    let late = faults[40...].reduce(0, +)
    #expect(late < 20 * 4 * Self.pages / 4, "\(faults)")
    #expect(late >= 4 * Self.pages, "nobody looked again: \(faults)")
  }

  @Test("are found precisely again when they are written no more, and nothing is missed meanwhile")
  func cooled() throws {
    let (memory, tracker, dirty) = try watched()
    for round in 0..<30 {
      for offset in stride(from: 0, to: memory.byteCount, by: pageBytes) {
        memory[offset] = UInt8(truncatingIfNeeded: round)
      }
      try tracker.collectAndRearm(into: dirty)
    }
    var sizes: [Int] = []
    for round in 0..<(HotPages.mostLeft + 4) {
      let written = (round * 37 % (4 * Self.pages)) * pageBytes
      memory[written] = 200
      try tracker.collectAndRearm(into: dirty)
      #expect(dirty.contains(memory.range.start + UInt(written)), "round \(round)")
      sizes.append(dirty.byteCount)
    }
    #expect(sizes.last == pageBytes, "\(sizes)")
  }

  @Test("are told apart from pages beside them, whose writes are found precisely")
  func neighbours() throws {
    let (memory, tracker, dirty) = try watched()
    var sizes: [Int] = []
    for round in 0..<60 {
      // Every other page of two blocks; of the others one, here and there.
      for page in stride(from: 0, to: 2 * Self.pages, by: 2) {
        memory[page * pageBytes] = UInt8(truncatingIfNeeded: round)
      }
      let written = (1 + 2 * (round * 97 % (2 * Self.pages - 1))) * pageBytes
      memory[written] = UInt8(truncatingIfNeeded: round)
      try tracker.collectAndRearm(into: dirty)
      #expect(dirty.contains(memory.range.start + UInt(written)), "round \(round)")
      sizes.append(dirty.byteCount)
    }
    #expect(sizes.allSatisfy { $0 == (Self.pages + 1) * pageBytes }, "\(sizes)")
  }

  @Test("are given up where much else is written, and nothing is missed")
  func givenUp() throws {
    let (memory, tracker, dirty) = try watched()
    for round in 0..<40 {
      let isWide = round > 20
      var written: [Int] = []
      for page in 0..<4 * Self.pages where page % 4 == 0 || isWide && page % 4 == 2 {
        memory[page * pageBytes] = UInt8(truncatingIfNeeded: round)
        written.append(page)
      }
      try tracker.collectAndRearm(into: dirty)
      let missed = written.filter {
        !dirty.contains(memory.range.start + UInt($0 * pageBytes))
      }
      #expect(missed.isEmpty, "round \(round)")
    }
  }
}

/// Page faults of this thread so far.
private func pageFaults() -> Int {
  var usage = rusage()
  // RUSAGE_THREAD, which only GNU's own headers tell of.
  getrusage(__rusage_who_t(1), &usage)
  return usage.ru_minflt
}
