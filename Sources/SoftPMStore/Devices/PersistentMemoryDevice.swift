// A file mapped into memory: on persistent memory without a system call per point, elsewhere
// with one.
//
// Facts:
// 1. *On persistent memory* (the kernel grants MAP_SYNC, and nothing else counts: libpmem's own
//    answer can be forced by an environment variable) bytes are copied past the caches, 8 bytes
//    at a time, and a fence makes them durable; they are when `write` returns.
// 2. *Elsewhere* bytes are copied into the page cache, and `flush` is an msync of what was
//    written since the last one. It is as durable as the disk below, and costs as much.
// 3. A mapping has no errors, only signals. So no byte is stored where the file has no storage:
//    the device grows by allocating first, knows its holes and fills them before it stores into
//    them, and asks for the file's length before every batch. Left is that another process
//    makes the file shorter during a batch; that kills (SIGBUS), as it would with any mapping.
// 4. Reads go through `pread`, which on persistent memory is a copy too: what cannot be read is
//    an error, not a signal.
// 5. The file is mapped a segment at a time, at most once each, and unmapped when it is closed:
//    growing moves nothing.

import CSoftPMLinux
import Glibc
import SoftPMBase
import Synchronization

/// What a processor does to put bytes onto mapped storage. The seam at which tests look on.
package protocol MappingPrimitives: Sendable {
  /// Copies past the caches; durable after `drain`.
  func copy(_ bytes: UnsafeRawBufferPointer, to target: UnsafeMutableRawPointer, at offset: Int)
  func drain()
  /// Writes a range of the page cache back and waits: 0, or an `errno`.
  func synchronise(_ start: UnsafeMutableRawPointer, _ count: Int, at offset: Int) -> Int32
}

package final class PersistentMemoryDevice: Device, @unchecked Sendable {
  /// Which of facts 1 and 2 holds.
  package enum Mode: Sendable { case persistentMemory, synchronised }

  private struct State {
    /// Addresses, in order of the file.
    var segments: [UInt] = []
    var holes = RangeSet<Int>()
    /// Written since the last flush, when that matters.
    var dirty: Range<Int>?
  }

  private let file: PosixDevice
  private let primitives: any MappingPrimitives
  private let state: Mutex<State>
  private let segmentBytes: Int
  private let isSimulated: Bool
  package let mode: Mode
  package let driver = "pmem"
  package let reason: String
  package var medium: String { mode == .persistentMemory ? "persistent memory" : file.medium }

  package init(
    _ file: PosixDevice, mode: Mode, primitives: any MappingPrimitives,
    segmentBytes: Int = 1 << 30, isSimulated: Bool = false
  ) throws(ContainerError) {
    self.file = file
    self.mode = mode
    self.isSimulated = isSimulated
    self.primitives = primitives
    self.segmentBytes = segmentBytes
    let active =
      mode == .persistentMemory
      ? "the file is on persistent memory, so a fence makes it durable"
      : "the file is not on persistent memory, so msync makes it durable"
    reason = file.reason.isEmpty ? active : "\(file.reason); \(active)"
    state = Mutex(State())
    let holes = file.holes
    state.withLock { $0.holes = holes }
  }

  /// A file that is taken for persistent memory though it is none: for tests of the order in
  /// which things are done, not of durability.
  package static func simulated(
    _ path: String, _ primitives: any MappingPrimitives, image: [UInt8] = NewStore.image()
  ) throws(ContainerError) -> PersistentMemoryDevice {
    let file = try StoreFile.open(path, StoreFileOptions()) { image }
    let posix = PosixDevice(file, readOnly: false, reason: "simulated")
    return try PersistentMemoryDevice(
      posix, mode: .persistentMemory, primitives: primitives, segmentBytes: 1 << 20,
      isSimulated: true)
  }

  deinit {
    close()
  }

  package var byteCount: Int { file.byteCount }
  package var capacity: Int? { file.capacity }
  package var allocatedBytes: Int { file.allocatedBytes }
  package var pins: (any ReaderPins)? { file.pins }

  package func read(
    into target: UnsafeMutableRawBufferPointer, at offset: Int, from source: ReadSource
  ) throws(ContainerError) {
    try file.read(into: target, at: offset, from: source)
  }

  package func write(_ writes: [DeviceWrite]) throws(ContainerError) {
    try file.checkOpen()
    try file.checkRoom(for: writes)
    guard let end = writes.map({ $0.offset + $0.bytes.count }).max() else { return }
    if end > byteCount { try grow(to: end) }
    try file.checkLength()
    for write in writes {
      try fillHoles(in: write.offset..<write.offset + write.bytes.count)
    }
    for write in writes { try store(write) }
    if mode == .persistentMemory { primitives.drain() }
  }

  package func flush() throws(ContainerError) {
    try file.checkOpen()
    guard mode == .synchronised else { return primitives.drain() }
    let dirty = state.withLock { state in
      defer { state.dirty = nil }
      return state.dirty
    }
    guard let dirty else { return }
    var start = dirty.lowerBound / pageBytes * pageBytes
    while start < dirty.upperBound {
      let (pointer, room) = try place(of: start)
      let count = min(dirty.upperBound - start, room)
      let number = primitives.synchronise(pointer, count, at: start)
      if number != 0 {
        throw .system(number, doing: "flushing the store's mapping", path: file.path)
      }
      start += count
    }
  }

  package func zero(from start: Int, to end: Int) throws(ContainerError) {
    try file.zero(from: start, to: end)
  }

  package func allocate(to end: Int) throws(ContainerError) {
    let before = byteCount
    try file.allocate(to: end)
    if byteCount > before { try file.flush() }
  }

  package func fill(from start: Int, to end: Int) throws(ContainerError) {
    try file.fill(from: start, to: end)
    try file.flush()
    state.withLock { $0.holes.remove(contentsOf: start..<end) }
  }

  package var holes: RangeSet<Int> { state.withLock { $0.holes } }

  package func discard(from start: Int, to end: Int) throws(ContainerError) {
    guard start < end else { return }
    // Noted first: were it noted later, a store in between could meet a hole.
    if capacity == nil { state.withLock { $0.holes.insert(contentsOf: start..<end) } }
    try file.discard(from: start, to: end)
  }

  package func truncate(to byteCount: Int) throws(ContainerError) {
    try file.truncate(to: byteCount)
    state.withLock { $0.holes.remove(contentsOf: self.byteCount..<Int.max) }
  }

  package func close() {
    guard file.closeOnce() else { return }
    let segments = state.withLock { state in
      defer { state.segments = [] }
      return state.segments
    }
    for segment in segments {
      munmap(UnsafeMutableRawPointer(bitPattern: segment), segmentBytes)
    }
  }

  // MARK: Storing

  private let pageBytes = sysconf(Int32(_SC_PAGESIZE))

  private func store(_ write: DeviceWrite) throws(ContainerError) {
    var done = 0
    while done < write.bytes.count {
      let offset = write.offset + done
      let (target, room) = try place(of: offset)
      let part = UnsafeRawBufferPointer(
        rebasing: write.bytes[done..<min(done + room, write.bytes.count)])
      switch mode {
      case .persistentMemory: primitives.copy(part, to: target, at: offset)
      case .synchronised: target.copyMemory(from: part.baseAddress!, byteCount: part.count)
      }
      done += part.count
    }
    guard mode == .synchronised, done > 0 else { return }
    state.withLock { state in
      let known = state.dirty ?? write.offset..<write.offset
      state.dirty =
        min(known.lowerBound, write.offset)..<max(known.upperBound, write.offset + done)
    }
  }

  /// Where an offset is mapped, and how many bytes are from there to the segment's end.
  private func place(of offset: Int) throws(ContainerError) -> (UnsafeMutableRawPointer, Int) {
    let number = offset / segmentBytes
    let within = offset % segmentBytes
    while true {
      let (known, count) = state.withLock { state in
        (number < state.segments.count ? state.segments[number] : nil, state.segments.count)
      }
      if let known, let segment = UnsafeMutableRawPointer(bitPattern: known) {
        return (segment + within, segmentBytes - within)
      }
      let segment = try file.map(
        from: count * segmentBytes, segmentBytes, durable: mode == .persistentMemory && !isSimulated
      )
      let address = UInt(bitPattern: segment)
      state.withLock { $0.segments.append(address) }
    }
  }

  /// Storage first, then the length that others see; both are durable before anything is stored.
  private func grow(to end: Int) throws(ContainerError) {
    try allocate(to: end)
  }

  private func fillHoles(in range: Range<Int>) throws(ContainerError) {
    let holes = state.withLock { $0.holes.intersection(RangeSet(range)) }
    for hole in holes.ranges {
      try fill(from: hole.lowerBound, to: hole.upperBound)
    }
  }
}

extension PosixDevice {
  fileprivate func map(
    from start: Int, _ count: Int, durable: Bool
  ) throws(ContainerError) -> UnsafeMutableRawPointer {
    let pointer =
      durable
      ? softpm_map_sync(descriptor, Int64(start), UInt(count), 1)
      : mmap(nil, count, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, off_t(start))
    guard let pointer, pointer != MAP_FAILED else {
      throw .system(errno, doing: "mapping the store", path: path)
    }
    return pointer
  }
}
