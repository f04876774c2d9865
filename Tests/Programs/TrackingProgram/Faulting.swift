import CTrackingProbe
import Glibc
import SoftPMBase
import SoftPMTracking

@inline(never)
func dereference(_ address: UInt) -> Int {
  UnsafePointer<Int>(bitPattern: address)!.pointee
}

@inline(never)
func overwrite(_ address: UInt) {
  UnsafeMutablePointer<Int>(bitPattern: address)!.pointee = 1
}

/// A null dereference while memory is tracked: Swift's backtrace must be printed.
func crash(_ choice: TrackerChoice) throws {
  let watched = try Watched(choice, byteCount: 1 << 20, granule: 16 << 10)
  watched.write(2, at: 20_000)
  print(dereference(8))
}

/// A write to memory that somebody else protected, inside a watched range: not ours either.
func crashOnProtected(_ choice: TrackerChoice) throws {
  let watched = try Watched(choice, byteCount: 1 << 20, granule: 16 << 10)
  watched.write(2, at: 40_000)
  mprotect(watched.base + 32_768, 16 << 10, PROT_READ)
  overwrite(UInt(bitPattern: watched.base) + 40_000)
}

/// A handler that the program installed before the tracker came still gets its faults.
func ownHandler(_ choice: TrackerChoice) throws {
  let own = mapMemory(byteCount: 64 << 10)!
  probe_install_own_handler(own, 64 << 10)
  let watched = try Watched(choice, byteCount: 1 << 20, granule: 16 << 10)
  for round in 0..<10 {
    mprotect(own, 64 << 10, PROT_READ)
    own.storeBytes(of: UInt8(round), toByteOffset: 5_000, as: UInt8.self)
    watched.write(UInt8(round), at: 100_000)
    try watched.collect()
    require(watched.isDirty(100_000), "round \(round): the write was lost")
  }
  require(probe_own_handler_count() == 10, "\(probe_own_handler_count()) of 10 faults arrived")
}

/// What a forked child does with memory that its parent tracks.
final class ChildWork {
  let watched: Watched
  init(_ watched: Watched) { self.watched = watched }

  /// 0 when the child can use the memory and is refused the tracker.
  func run() -> Int32 {
    probe_touch(watched.base, watched.byteCount / pageBytes, pageBytes, 99)
    for page in 0..<watched.byteCount / pageBytes {
      let value = watched.base.load(fromByteOffset: page * pageBytes, as: UInt8.self)
      if value != 99 { return 2 }
    }
    do {
      try watched.collect()
      return 3
    } catch {
      guard (error as? ContainerError)?.code == .forked else { return 4 }
    }
    watched.tracker.stop()
    return 0
  }
}

func callback(_ context: UnsafeMutableRawPointer?) -> Int32 {
  Unmanaged<ChildWork>.fromOpaque(context!).takeUnretainedValue().run()
}

/// Children forked while threads write and the tracker collects neither hang nor disturb it.
func forkWhileWriting(_ choice: TrackerChoice) throws {
  let watched = try Watched(choice, byteCount: 2 << 20, granule: 16 << 10)
  let copy = mapMemory(byteCount: watched.byteCount)!
  watched.tracker.mark(
    AddressRange(start: UInt(bitPattern: watched.base), byteCount: watched.byteCount))
  let work = ChildWork(watched)
  let context = Unmanaged.passUnretained(work).toOpaque()
  for round in 0..<30 {
    let writers = (0..<2).map {
      probe_writer_start(
        watched.base, watched.byteCount, $0, 200_000, UInt64(round * 2 + $0 + 1))
    }
    let status = probe_in_fork(callback, context, 20)
    require(status == 0, "round \(round): the child ended with \(status)")
    try watched.collect()
    watched.refresh(copy)
    for writer in writers { probe_writer_join(writer) }
    try watched.collect()
    watched.refresh(copy)
    let difference = probe_first_difference(watched.base, copy, watched.byteCount)
    require(difference == watched.byteCount, "round \(round): a write at \(difference) was lost")
  }
}

/// The same for a child made by the bare system call, which runs no handlers of fork.
func bareFork(_ choice: TrackerChoice) throws {
  let watched = try Watched(choice, byteCount: 2 << 20, granule: 16 << 10)
  let work = ChildWork(watched)
  let context = Unmanaged.passUnretained(work).toOpaque()
  let status = probe_in_bare_fork(callback, context, 20)
  require(status == 0, "the child ended with \(status)")
  watched.write(7, at: 50_000)
  try watched.collect()
  require(watched.isDirty(50_000), "the parent's tracking was disturbed")
  if watched.tracker.kind != .everythingDirty {
    require(watched.dirty.byteCount <= 16 << 10, "the child's writes were reported")
  }
}
