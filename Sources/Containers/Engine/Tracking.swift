import Dispatch
import SoftPMBase
import SoftPMHeap
import SoftPMTracking

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Sees the writes to one container's members: in its arena, and on nursery pages that hold some.
///
/// Used by one thread at a time, the one that makes a point.
final class Tracking {
  let tracker: any WriteTracker
  let dirty: DirtySet
  private let arena: Arena
  /// The arena's chunks below this one are watched.
  private var watchedChunks = 0
  private let gathering = GatheringTurns()

  init(
    _ arena: Arena, _ wanted: ContainerAttributes.WriteTracking
  ) throws(ContainerError) {
    self.arena = arena
    tracker = try Self.choice(wanted).make()
    dirty = try DirtySet()
    let space = AddressRange(start: arena.base, byteCount: arena.addressSpace.rawValue)
    try tracker.reserve(space, granule: arena.chunkSize)
    let small = AddressRange(start: space.start, end: min(space.start + Self.smallBytes, space.end))
    if small.end < space.end {
      tracker.adviseCold(AddressRange(start: small.end, end: space.end))
    }
    let nursery = Heap.nurseryRange
    if !nursery.isEmpty {
      try tracker.reserve(
        AddressRange(start: nursery.lowerBound, end: nursery.upperBound), granule: .kibibytes(4))
    }
  }

  deinit {
    tracker.stop()
  }

  /// What the environment says, for tests and measurements, goes before the attribute.
  private static func choice(_ wanted: ContainerAttributes.WriteTracking) -> TrackerChoice {
    switch getenv("SOFTPM_TRACKING").map({ String(cString: $0) }) {
    case "kernel": .kernel
    case "signal": .signal
    case "everything": .everythingDirty
    default:
      switch wanted {
      case .automatic: .automatic
      case .kernel: .kernel
      case .signal: .signal
      }
    }
  }

  /// Watches what the arena came to use since the last call, and tells what was written.
  func collect() throws(ContainerError) {
    let used = arena.chunkCount
    if used > watchedChunks {
      let size = UInt(arena.chunkSize.rawValue)
      try tracker.watch(
        AddressRange(
          start: arena.base + UInt(watchedChunks) * size, end: arena.base + UInt(used) * size))
      watchedChunks = used
    }
    try tracker.collectAndRearm(into: dirty)
  }

  /// Brings memory that has cooled back to huge pages, on a thread of its own. A container has to be
  /// large for that to pay: a scan of 1 GiB in small pages takes 0.3 ms, a block of 2 MiB as much.
  ///
  /// Not at once: a point that finds a block at work copies all of it, 1.5 ms instead of 0.15. So
  /// this waits for a pause between points, and does without one now and then.
  func gatherLater() {
    guard UInt(watchedChunks) * UInt(arena.chunkSize.rawValue) >= Self.gatheredBytes else { return }
    let turn = gathering.request()
    DispatchQueue.global(qos: .utility).asyncAfter(deadline: .now() + Self.pause) {
      [tracker, gathering] in
      guard gathering.begin(turn) else { return }
      _ = tracker.gatherCold(atMost: 16, unwrittenFor: 4)
      gathering.end()
    }
  }

  private static let pause = DispatchTimeInterval.milliseconds(20)

  /// As the arena itself has it: what comes before is in small pages anyway.
  private static let smallBytes: UInt = 16 << 20
  private static let gatheredBytes: UInt = 512 << 20

  /// Watches pages of the nursery, given by number.
  func watch(pages: [UInt]) throws(ContainerError) {
    try Self.forEachRun(of: pages) { run throws(ContainerError) in try tracker.watch(run) }
  }

  func unwatch(pages: [UInt]) {
    Self.forEachRun(of: pages) { tracker.unwatch($0) }
  }

  private static func forEachRun<Failure: Error>(
    of pages: [UInt], _ body: (AddressRange) throws(Failure) -> Void
  ) throws(Failure) {
    let shift = ForeignMembers.pageShift
    let sorted = pages.sorted()
    var position = 0
    while position < sorted.count {
      var last = position
      while last + 1 < sorted.count, sorted[last + 1] == sorted[last] + 1 { last += 1 }
      try body(AddressRange(start: sorted[position] << shift, end: (sorted[last] + 1) << shift))
      position = last + 1
    }
  }
}
