import CTrackingProbe
import Glibc
import SoftPMBase
import SoftPMTracking

/// What `automatic` took, and why.
func explain(_ choice: TrackerChoice) throws {
  let tracker = try choice.make()
  print("kind: \(tracker.kind.rawValue)")
  print("explanation: \(tracker.explanation)")
  print("automatic: \(TrackerChoice.explanation)")
}

/// Two threads write ten million words while this one collects; nothing may be lost. First long
/// rounds, then short ones in which a loss is not hidden by a later write to the same page.
func oracle(_ choice: TrackerChoice) throws {
  let watched = try Watched(choice, byteCount: 4 << 20, granule: 16 << 10)
  let copy = mapMemory(byteCount: watched.byteCount)!
  try watched.collect()
  watched.tracker.mark(
    AddressRange(start: UInt(bitPattern: watched.base), byteCount: watched.byteCount))
  for round in 0..<225 {
    let writers = (0..<2).map {
      probe_writer_start(
        watched.base, watched.byteCount, $0, round < 25 ? 200_000 : 100, UInt64(round * 2 + $0 + 1))
    }
    while !writers.allSatisfy({ probe_writer_is_finished($0) != 0 }) {
      try watched.collect()
      watched.refresh(copy)
    }
    for writer in writers { probe_writer_join(writer) }
    try watched.collect()
    watched.refresh(copy)
    let difference = probe_first_difference(watched.base, copy, watched.byteCount)
    require(difference == watched.byteCount, "round \(round): a write at \(difference) was lost")
  }
}

/// The same with room for 32 guarded runs only, so that faults open blocks of many sizes and
/// collections guard across gaps.
func coarseOracle(_ choice: TrackerChoice) throws {
  SignalTracker.setBudget(ofGuardedRuns: 32)
  try oracle(choice)
  // Watched in pieces, with gaps between them: more runs than may be guarded.
  let granule = 16 << 10
  let memory = mapMemory(byteCount: 600 * granule)!
  let start = UInt(bitPattern: memory)
  let tracker = try choice.make()
  let dirty = try DirtySet()
  try tracker.reserve(
    AddressRange(start: start, byteCount: 600 * granule), granule: ByteCount(granule))
  for index in stride(from: 0, to: 600, by: 3) {
    try tracker.watch(
      AddressRange(start: start + UInt(index * granule), byteCount: granule))
  }
  try tracker.collectAndRearm(into: dirty)
  for round in 0..<40 {
    probe_touch(memory + round * granule, 20 + round, 7 * granule, UInt8(round))
    try tracker.collectAndRearm(into: dirty)
    for step in 0..<20 + round {
      let index = round + step * 7
      guard index % 3 == 0, index < 600 else { continue }
      require(
        dirty.contains(start + UInt(index * granule)), "round \(round): \(index) was lost")
    }
  }
  let statistics = tracker.statistics
  require(statistics.guardedRuns <= 32, "the budget was exceeded")
  require(statistics.coarsenedFaults > 0, "no block was opened: the test tests nothing")
}

/// A million chunks written, no two of them neighbours.
///
/// Pages are given back once written where the tracker allows it, so that the test needs no 4 GiB.
func scatteredMillion(_ choice: TrackerChoice) throws {
  let count = 1_000_000
  let granule = pageBytes
  let watched = try Watched(
    choice, byteCount: 2 * count * granule, granule: granule, filled: false)
  // Not in order: with 7,919 prime to the count, every second granule is met once.
  let batch = 50_000
  for start in stride(from: 0, to: count, by: batch) {
    for index in start..<start + batch {
      watched.write(1, at: index * 7_919 % count * 2 * granule)
    }
    // The kernel's bits live in the page tables and go with the pages; the signal way's do not.
    if watched.tracker.kind == .signal {
      madvise(watched.base, watched.byteCount, Int32(MADV_DONTNEED))
    }
  }
  try watched.collect()
  for index in 0..<count {
    require(watched.isDirty(index * 2 * granule), "chunk \(index) was lost")
  }
  print("reported \(watched.dirty.byteCount / granule) granules")
  let statistics = watched.tracker.statistics
  print("faults: \(statistics.faults), coarsened: \(statistics.coarsenedFaults)")
  print("mappings: \(probe_mapping_count()) of 65530")
  print("guarded runs at most \(statistics.guardedRunsMost)")
  require(statistics.guardedRuns <= statistics.guardedRunsMost, "the budget was exceeded")
}

/// Scattered writes in a program that has used up nearly all mappings itself.
func fewMappings(_ choice: TrackerChoice) throws {
  let granule = 16 << 10
  let watched = try Watched(choice, byteCount: 20_000 * granule, granule: granule)
  let own = mapMemory(byteCount: 70_000 * pageBytes)!
  var used = 0
  while used < 70_000, mprotect(own + used * pageBytes, pageBytes, PROT_READ) == 0 { used += 2 }
  print("mappings used up: \(probe_mapping_count())")
  for round in 0..<3 {
    for index in stride(from: 0, to: 20_000, by: 3) {
      watched.write(UInt8(round), at: index * granule)
    }
    try watched.collect()
    for index in stride(from: 0, to: 20_000, by: 3) {
      require(watched.isDirty(index * granule), "round \(round): granule \(index) was lost")
    }
  }
  print("refused: \(watched.tracker.statistics.refusedGranules)")
}

/// A signal handler of the program's that writes to watched memory, at any moment.
func timerWrites(_ choice: TrackerChoice) throws {
  let watched = try Watched(choice, byteCount: 4 << 20, granule: 4 << 10)
  let copy = mapMemory(byteCount: watched.byteCount)!
  watched.tracker.mark(
    AddressRange(start: UInt(bitPattern: watched.base), byteCount: watched.byteCount))
  probe_start_writing_timer(watched.base, watched.byteCount, 100)
  let writers = (0..<2).map {
    probe_writer_start(watched.base, watched.byteCount, $0, 300_000, UInt64($0 + 1))
  }
  while !writers.allSatisfy({ probe_writer_is_finished($0) != 0 }) || probe_timer_writes() < 100 {
    try watched.collect()
    watched.refresh(copy)
  }
  for writer in writers { probe_writer_join(writer) }
  probe_stop_writing_timer()
  try watched.collect()
  watched.refresh(copy)
  let difference = probe_first_difference(watched.base, copy, watched.byteCount)
  require(difference == watched.byteCount, "a write at \(difference) was lost")
  print("timer writes: \(probe_timer_writes())")
}

/// read(2) into watched memory: works, or fails with EFAULT until the buffer is made ready.
func systemCall(_ choice: TrackerChoice) throws {
  let watched = try Watched(choice, byteCount: 1 << 20, granule: 16 << 10)
  let file = open("/dev/zero", O_RDONLY)
  let buffer = UnsafeMutableRawBufferPointer(start: watched.base + 40_000, count: 30_000)
  try watched.collect()
  let plain = read(file, buffer.baseAddress, buffer.count)
  print("unprepared: \(plain)\(plain < 0 ? " errno \(errno)" : "")")
  try watched.collect()
  prepareForSystemCall(UnsafeRawBufferPointer(buffer))
  let prepared = read(file, buffer.baseAddress, buffer.count)
  print("prepared: \(prepared)")
  try watched.collect()
  for offset in [40_000, 69_999] {
    require(watched.isDirty(offset), "a system call's write at \(offset) was not reported")
  }
  require(!watched.isDirty(4_000) && !watched.isDirty(90_000), "too much was reported")
}
