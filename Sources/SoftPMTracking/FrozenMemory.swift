// The content that memory had at a point, kept while the program goes on changing it.
//
// 1. `freeze` copies what fits into the pool; the rest is write-protected and copied when somebody
//    writes to it, or when it is read here, whichever comes first.
// 2. A value is made once and used for many points, one after another; freezing allocates nothing
//    in an arena. One thread at a time uses it.
// 3. What is frozen in place answers system calls that write into it with EFAULT until it has been
//    copied; `copyRest` hastens that.

import CSoftPMFault
import SoftPMBase

/// Keeps the content of dirty memory as it was when `freeze` was called.
package final class FrozenMemory: @unchecked Sendable {
  private let pool: CopyPool
  private var piece: CopyPool.Piece?
  /// Where what was copied came from, and where it lies in the pool: run by run.
  private var origins = softpm_runs()
  private var copies = softpm_runs()
  /// What was left in place.
  private var rest = softpm_runs()
  private var frozen: OpaquePointer?

  /// Bytes copied at once, and bytes left in place, by the last `freeze`.
  package private(set) var copiedBytes = 0
  package private(set) var protectedBytes = 0

  package init(pool: CopyPool) throws(ContainerError) {
    self.pool = pool
    for result in [
      softpm_runs_open(&origins), softpm_runs_open(&copies), softpm_runs_open(&rest),
      softpm_fault_install(),
    ] where result != 0 {
      throw .system(-result, doing: "Preparing to keep memory as it is")
    }
  }

  deinit {
    release()
    softpm_runs_close(&origins)
    softpm_runs_close(&copies)
    softpm_runs_close(&rest)
  }

  /// Keeps the runs of `dirty` that lie in `range`, a reserved range with granules of `granule`.
  ///
  /// Nobody may write to them until this returns. Afterwards everybody may.
  package func freeze(
    _ dirty: DirtySet, in range: AddressRange, granule: ByteCount
  ) throws(ContainerError) {
    precondition(piece == nil && frozen == nil, "what was frozen before was not released")
    try requireSameProcess()
    var wanted = 0
    var shortBytes = 0
    dirty.forEachRun { run in
      guard range.contains(run.start) else { return }
      wanted += run.byteCount
      if run.byteCount < Self.longRunBytes { shortBytes += run.byteCount }
    }
    guard wanted > 0 else { return }
    piece = pool.take(wanted, unit: pageBytes)
    let bytes = piece?.bytes.count ?? 0
    var roomForShort = min(shortBytes, bytes)
    var roomForLong = bytes - roomForShort
    var target = piece?.bytes.baseAddress
    for index in 0..<dirty.runCount {
      let run = dirty.run(at: index)
      guard range.contains(run.start) else { continue }
      try reserveRuns()
      let isShort = run.byteCount < Self.longRunBytes
      let copied = min(run.byteCount, isShort ? roomForShort : roomForLong)
      if copied > 0, let destination = target {
        destination.copyMemory(
          from: UnsafeRawPointer(bitPattern: run.start)!, byteCount: copied)
        append(run.start, copied, to: &origins)
        append(UInt(bitPattern: destination), copied, to: &copies)
        target = destination + copied
        if isShort { roomForShort -= copied } else { roomForLong -= copied }
      }
      append(run.start + UInt(copied), run.byteCount - copied, to: &rest)
    }
    copiedBytes = bytes
    protectedBytes = wanted - copiedBytes
    if rest.count > 0 { try protectRest(in: range, granule: granule) }
  }

  /// Protecting costs by the run, copying by the byte: shorter runs than this are copied first,
  /// and longer ones take the room that is left (docs/tracking.md has the figures).
  private static let longRunBytes = 64 << 10

  private func reserveRuns() throws(ContainerError) {
    let results = (
      softpm_runs_reserve(&origins, 1), softpm_runs_reserve(&copies, 1),
      softpm_runs_reserve(&rest, 1)
    )
    guard results == (0, 0, 0) else {
      release()
      throw .system(-min(results.0, results.1, results.2), doing: "Keeping memory as it is")
    }
  }

  /// Runs that touch are not joined, so that `origins` and `copies` stay in step.
  private func append(_ start: UInt, _ byteCount: Int, to runs: inout softpm_runs) {
    guard byteCount > 0 else { return }
    runs.first = runs.count
    softpm_runs_append(&runs, start, start + UInt(byteCount))
  }

  private func protectRest(
    in range: AddressRange, granule: ByteCount
  ) throws(ContainerError) {
    let table = softpm_table_of(softpm_table_signal)
    softpm_table_lock(table)
    let shift = UInt32(granule.rawValue.trailingZeroBitCount)
    let result = softpm_freeze_open(
      range.start, range.end, shift, rest.list, rest.count, &frozen)
    softpm_table_unlock(table)
    guard result == 0 else {
      release()
      throw .system(-result, doing: "Write-protecting memory to keep it as it is")
    }
  }

  /// Copies the content that [`address`, + `target.count`) had into `target`; false when some of
  /// it was not frozen.
  package func read(_ address: UInt, into target: UnsafeMutableRawBufferPointer) -> Bool {
    var offset = 0
    while offset < target.count {
      guard let (source, available) = content(at: address + UInt(offset)) else { return false }
      let count = min(available, target.count - offset)
      (target.baseAddress! + offset).copyMemory(from: source, byteCount: count)
      offset += count
    }
    return true
  }

  /// The kept content at `address`, valid until `release`, and how many bytes follow it there.
  package func content(at address: UInt) -> (start: UnsafeRawPointer, byteCount: Int)? {
    var low = 0
    var high = origins.count
    while low < high {
      let middle = low + (high - low) / 2
      if origins.list[middle].end <= address { low = middle + 1 } else { high = middle }
    }
    if low < origins.count, origins.list[low].start <= address {
      let offset = address - origins.list[low].start
      return (
        UnsafeRawPointer(bitPattern: copies.list[low].start + offset)!,
        Int(origins.list[low].end - address)
      )
    }
    guard let frozen else { return nil }
    let table = softpm_table_of(softpm_table_signal)
    softpm_table_lock(table)
    defer { softpm_table_unlock(table) }
    var contiguous = 0
    guard let start = softpm_freeze_content(frozen, address, &contiguous) else { return nil }
    return (UnsafeRawPointer(start), contiguous)
  }

  /// Copies what is still in place, in steps short enough that no writer waits for long; to be
  /// called by the thread that makes the images.
  package func copyRest() {
    guard let frozen else { return }
    let table = softpm_table_of(softpm_table_signal)
    var position: UInt = 0
    repeat {
      softpm_table_lock(table)
      position = softpm_freeze_advance(frozen, position, Self.stepBytes)
      softpm_table_unlock(table)
    } while position != 0
  }

  /// 256 KiB take 14 µs to copy into present memory, 90 into fresh: about as long as one fault of
  /// a writer that has to wait for it.
  private static let stepBytes = 256 << 10

  /// Bytes that writers' faults copied since `freeze`, and bytes still in place.
  package var progress: (copiedByFaults: Int, inPlace: Int) {
    guard let frozen else { return (0, 0) }
    let table = softpm_table_of(softpm_table_signal)
    softpm_table_lock(table)
    defer { softpm_table_unlock(table) }
    return (softpm_freeze_copied_by_faults(frozen), softpm_freeze_in_place(frozen))
  }

  /// Forgets the content. The memory is as writable as if it had never been frozen.
  package func release() {
    if let frozen {
      let table = softpm_table_of(softpm_table_signal)
      softpm_table_lock(table)
      softpm_freeze_close(frozen)
      softpm_table_unlock(table)
      self.frozen = nil
    }
    if let piece { pool.giveBack(piece) }
    piece = nil
    origins.count = 0
    copies.count = 0
    rest.count = 0
    copiedBytes = 0
    protectedBytes = 0
  }
}
