// A device in memory that writes down what is done to it.
//
// Facts:
// 1. The trace has every write when it was submitted and when it completed, every flush, and the
//    marks that a test puts in between. Completions of one batch come in a shuffled order.
// 2. Only what completed before a flush was submitted is covered by it.
// 3. While recording, the discipline is checked: what must be durable before something else is
//    submitted, and which blocks may not be overwritten. See `StoreDiscipline`.

import SoftPMBase
import SoftPMStore
import Synchronization

/// What was done to a device, in order.
package enum StoreEvent: Sendable {
  case writeSubmitted(id: Int, offset: Int, bytes: [UInt8])
  case writeCompleted(id: Int)
  case flushSubmitted
  case flushCompleted
  /// The flush failed: these sectors of what it was to cover never reached the medium, the
  /// others did. The page cache shows all of them.
  case flushFailed(droppedSectors: Set<Int>)
  /// From here on a crash must leave one of these of the model's states.
  case mark(allowed: [Int])
}

/// Numbers that look random and are the same in every run of a seed.
package struct StoreRandom: RandomNumberGenerator, Sendable {
  private var state: UInt64

  package init(seed: UInt64) { state = seed &+ 0x9E37_79B9_7F4A_7C15 }

  package mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var value = state
    value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
    value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
    return value ^ (value >> 31)
  }
}

package final class StoreRecordingDevice: Device {
  struct State {
    /// What the page cache shows.
    var content: [UInt8]
    /// What the medium has, apart from writes that no flush has covered yet.
    var durable: [UInt8]
    var pending: [(offset: Int, bytes: [UInt8])] = []
    /// Sectors that a failed flush lost, until they are written again.
    var lostSectors: Set<Int> = []
    var trace: [StoreEvent] = []
    var discipline: StoreDiscipline
    var random: StoreRandom
    var nextID = 0
    var flushes = 0
    var faults: StoreFaultPlan?
  }
  private let state: Mutex<State>

  package let driver = "recording"

  package init(_ content: [UInt8], seed: UInt64 = 1, faults: StoreFaultPlan? = nil) {
    state = Mutex(
      State(
        content: content, durable: content, discipline: StoreDiscipline(content),
        random: StoreRandom(seed: seed), faults: faults))
  }

  package var byteCount: Int { state.withLock { $0.content.count } }
  package var content: [UInt8] { state.withLock { $0.content } }
  package var trace: [StoreEvent] { state.withLock { $0.trace } }
  /// Rules of order that were broken so far.
  package var violations: [String] { state.withLock { $0.discipline.violations } }
  /// Operations counted by the plan of faults.
  package var operations: Int { state.withLock { $0.faults?.operations ?? 0 } }

  /// A new process takes over.
  package func reopened() {
    state.withLock { state in
      var medium = state.durable
      for write in state.pending {
        let end = write.offset + write.bytes.count
        if end > medium.count {
          medium.append(contentsOf: repeatElement(0, count: end - medium.count))
        }
        medium.replaceSubrange(write.offset..<end, with: write.bytes)
      }
      state.discipline.reopened(medium)
    }
  }

  package var flushes: Int { state.withLock { $0.flushes } }

  package func mark(allowed: [Int]) {
    state.withLock { $0.trace.append(.mark(allowed: allowed)) }
  }

  package func setFaults(_ plan: StoreFaultPlan?) { state.withLock { $0.faults = plan } }

  /// Blocks that no write may touch from now on.
  package func protect(_ blocks: Set<UInt64>) {
    state.withLock { $0.discipline.protected = blocks }
  }

  package func read(
    into target: UnsafeMutableRawBufferPointer, at offset: Int, from source: ReadSource
  ) throws(ContainerError) {
    nonisolated(unsafe) let target = target
    state.withLock { state in
      let available = min(max(state.content.count - offset, 0), target.count)
      if available > 0 {
        state.content.withUnsafeBytes {
          target.copyMemory(
            from: UnsafeRawBufferPointer(rebasing: $0[offset..<offset + available]))
        }
      }
      UnsafeMutableRawBufferPointer(rebasing: target[available...])
        .initializeMemory(as: UInt8.self, repeating: 0)
      guard source == .medium else { return }
      for sector in state.lostSectors
      where sector < offset + target.count && sector + 512 > offset {
        for place in max(sector, offset)..<min(sector + 512, offset + target.count) {
          target[place - offset] = place < state.durable.count ? state.durable[place] : 0
        }
      }
    }
  }

  package func write(_ writes: [DeviceWrite]) throws(ContainerError) {
    nonisolated(unsafe) let writes = writes
    let failure = state.withLock { state -> ContainerError? in
      var ids: [Int] = []
      var failure: ContainerError?
      for write in writes {
        var bytes = [UInt8](write.bytes)
        if let fault = state.faults?.nextOperation(isFlush: false) {
          failure = failure ?? fault.error
          bytes = Array(bytes.prefix(fault.bytesKept(of: bytes.count)))
        }
        ids.append(state.submit(bytes, at: write.offset))
      }
      ids.shuffle(using: &state.random)
      for id in ids { state.trace.append(.writeCompleted(id: id)) }
      return failure
    }
    if let failure { throw failure }
  }

  package func flush() throws(ContainerError) {
    let failure = state.withLock { state -> ContainerError? in
      state.trace.append(.flushSubmitted)
      state.flushes += 1
      if let fault = state.faults?.nextOperation(isFlush: true) {
        state.flushFails()
        return fault.error
      }
      state.trace.append(.flushCompleted)
      for write in state.pending { state.settle(write.bytes, at: write.offset) }
      state.pending = []
      state.discipline.flushed()
      return nil
    }
    if let failure { throw failure }
  }

  /// What is discarded reads as zero from some moment on, before a flush or after it.
  package func discard(from start: Int, to end: Int) throws(ContainerError) {
    state.withLock { state in
      let id = state.discard([UInt8](repeating: 0, count: end - start), at: start)
      state.trace.append(.writeCompleted(id: id))
    }
  }

  package func close() {}
}

extension StoreRecordingDevice.State {
  mutating func settle(_ bytes: [UInt8], at offset: Int) {
    let end = offset + bytes.count
    if end > durable.count {
      durable.append(contentsOf: repeatElement(0, count: end - durable.count))
    }
    durable.replaceSubrange(offset..<end, with: bytes)
  }

  /// The kernel marks everything clean; what of it reached the medium is left to chance: all,
  /// nothing, or some.
  mutating func flushFails() {
    let choice = Int.random(in: 0..<3, using: &random)
    var dropped: Set<Int> = []
    var kept: [(Int, [UInt8])] = []
    for write in pending {
      for start in stride(from: 0, to: write.bytes.count, by: 512) {
        let sector = write.offset + start
        let bytes = write.bytes[start..<min(start + 512, write.bytes.count)]
        let isKept = choice == 0 || (choice == 2 && Bool.random(using: &random))
        if isKept, !dropped.contains(sector) {
          kept.append((sector, Array(bytes)))
        } else if sector + bytes.count > durable.count
          || !bytes.elementsEqual(durable[sector..<sector + bytes.count])
        {
          // (Losing what was there before anyway is no loss.)
          dropped.insert(sector)
        }
      }
    }
    for (sector, bytes) in kept { settle(bytes, at: sector) }
    pending = []
    lostSectors.formUnion(dropped)
    trace.append(.flushFailed(droppedSectors: dropped))
    discipline.flushFailed(dropped: Set(dropped.map { UInt64($0 / Block.byteCount) }))
  }

  /// A write that no rule of order applies to.
  mutating func discard(_ bytes: [UInt8], at offset: Int) -> Int {
    let id = nextID
    nextID += 1
    trace.append(.writeSubmitted(id: id, offset: offset, bytes: bytes))
    pending.append((offset, bytes))
    let end = min(offset + bytes.count, content.count)
    if offset < end { content.replaceSubrange(offset..<end, with: bytes[..<(end - offset)]) }
    return id
  }

  mutating func submit(_ bytes: [UInt8], at offset: Int) -> Int {
    let id = nextID
    nextID += 1
    trace.append(.writeSubmitted(id: id, offset: offset, bytes: bytes))
    discipline.submitted(bytes, at: offset)
    pending.append((offset, bytes))
    for sector in stride(from: offset, to: offset + bytes.count, by: 512) {
      lostSectors.remove(sector)
    }
    let end = offset + bytes.count
    if end > content.count {
      content.append(contentsOf: repeatElement(0, count: end - content.count))
    }
    content.replaceSubrange(offset..<end, with: bytes)
    return id
  }
}
