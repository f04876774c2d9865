// The watches of one tracker, and the lock of the table that they stand in.

import CSoftPMFault
import SoftPMBase

/// One tracker's watches. The tracker holds the table's lock around every use.
package final class WatchList {
  typealias Watch = UnsafeMutablePointer<softpm_watch>

  let table: OpaquePointer
  private(set) var first: Watch?

  init(_ kind: softpm_table_kind) {
    table = softpm_table_of(kind)
  }

  /// Runs `body` under the table's lock, with all signals blocked.
  func locked<Result, Failure: Error>(
    _ body: () throws(Failure) -> Result
  ) throws(Failure) -> Result {
    softpm_table_lock(table)
    defer { softpm_table_unlock(table) }
    return try body()
  }

  func open(_ range: AddressRange, granule: ByteCount) throws(ContainerError) {
    if let present = softpm_watch_holding(first, range.start, range.end),
      present.pointee.region.pointee.start == range.start,
      present.pointee.region.pointee.end == range.end
    {
      return
    }
    let shift = UInt32(granule.rawValue.trailingZeroBitCount)
    let result = softpm_watch_open(table, &first, range.start, range.end, shift)
    guard result == 0 else {
      throw .system(-result, doing: "Preparing to track writes to \(range)")
    }
  }

  func watch(holding range: AddressRange) -> Watch? {
    softpm_watch_holding(first, range.start, range.end)
  }

  func add(_ range: AddressRange) throws(ContainerError) -> Watch {
    guard let watch = watch(holding: range) else {
      throw ContainerError(
        code: .invalidArgument,
        message: "Memory can be watched only within a range that was reserved; \(range) is not.")
    }
    softpm_watch_add(watch, range.start, range.end)
    return watch
  }

  func remove(_ range: AddressRange) {
    guard let watch = watch(holding: range) else { return }
    softpm_watch_remove(watch, range.start, range.end)
  }

  func mark(_ range: AddressRange) {
    eachWatch { softpm_watch_mark($0, range.start, range.end) }
  }

  func markForEveryTracker(_ range: AddressRange) {
    var region = softpm_region_after(table, range.start)
    while let present = region, present.pointee.start < range.end {
      softpm_region_mark(present, range.start, range.end)
      region = softpm_region_after(table, present.pointee.end)
    }
  }

  func eachWatch<Failure: Error>(_ body: (Watch) throws(Failure) -> Void) throws(Failure) {
    var next = first
    while let watch = next {
      try body(watch)
      next = watch.pointee.next_of_tracker
    }
  }

  func closeAll() {
    softpm_watch_close_all(&first)
  }
}

/// Throws `.forked` in a child of the process that uses trackers: descriptors and tables are the
/// parent's there, and writing through them would change the parent's memory.
func requireSameProcess() throws(ContainerError) {
  guard softpm_process_was_forked() else { return }
  throw ContainerError(
    code: .forked,
    message: "Writes are tracked in the process that opened the container, not in its forks. "
      + "Open the store anew in a program started by the fork (exec).")
}

/// Throws unless `range` and `granule` are what a tracker can work with.
func requireAligned(_ range: AddressRange, granule: ByteCount) throws(ContainerError) {
  let page = pageBytes
  let size = granule.rawValue
  guard size >= page, size & (size - 1) == 0 else {
    throw ContainerError(
      code: .invalidArgument,
      message: "Writes are tracked in units of a power of two of at least \(page) bytes, "
        + "the page size of this machine; \(size) is not one.")
  }
  guard !range.isEmpty, range.start % UInt(page) == 0, range.end % UInt(page) == 0 else {
    throw ContainerError(
      code: .invalidArgument,
      message: "Tracked memory begins and ends at pages; \(range) does not.")
  }
}
