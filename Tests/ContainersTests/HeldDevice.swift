import Foundation
import SoftPMBase
import SoftPMStore
import SoftPMTesting

@testable import Containers

/// A device in memory that can be held up: whoever writes or flushes waits until it is let go.
///
/// Reads go on, as those of a busy disk do from the cache.
final class HeldDevice: Device, @unchecked Sendable {
  /// Under it, so that it can be made to fail too.
  let recording = StoreRecordingDevice([])
  private let gate = NSCondition()
  private var isHeld = false
  /// How long each flush takes besides.
  private let slowness: TimeInterval

  let driver = "held"

  init(slowness: TimeInterval = 0) { self.slowness = slowness }

  func hold() {
    gate.lock()
    isHeld = true
    gate.unlock()
  }

  func letGo() {
    gate.lock()
    isHeld = false
    gate.broadcast()
    gate.unlock()
  }

  private func pass() {
    gate.lock()
    while isHeld { gate.wait() }
    gate.unlock()
  }

  var byteCount: Int { recording.byteCount }

  func read(
    into target: UnsafeMutableRawBufferPointer, at offset: Int, from source: ReadSource
  ) throws(ContainerError) {
    try recording.read(into: target, at: offset, from: source)
  }

  func write(_ writes: [DeviceWrite]) throws(ContainerError) {
    pass()
    try recording.write(writes)
  }

  func flush() throws(ContainerError) {
    pass()
    if slowness > 0 { Thread.sleep(forTimeInterval: slowness) }
    try recording.flush()
  }

  func discard(from start: Int, to end: Int) throws(ContainerError) {
    try recording.discard(from: start, to: end)
  }

  func close() {}

  /// A store on this device.
  func makeStore() throws -> Store {
    Store(StoreCore(try ChunkStore.open(on: self), path: nil))
  }
}

/// Something that another thread does, and that may take for ever.
final class Background<Result: Sendable>: @unchecked Sendable {
  private let changed = NSCondition()
  private var outcome: Swift.Result<Result, any Error>?

  init(_ body: @escaping @Sendable () throws -> Result) {
    let thread = Thread {
      let outcome = Swift.Result { try body() }
      self.changed.lock()
      self.outcome = outcome
      self.changed.broadcast()
      self.changed.unlock()
    }
    thread.start()
  }

  var isFinished: Bool {
    changed.lock()
    defer { changed.unlock() }
    return outcome != nil
  }

  struct TakesTooLong: Error {}

  /// What came of it. Throws when nothing has after so long.
  func result(within seconds: TimeInterval = 60) throws -> Result {
    changed.lock()
    defer { changed.unlock() }
    let end = Date(timeIntervalSinceNow: seconds)
    while outcome == nil {
      if !changed.wait(until: end) { throw TakesTooLong() }
    }
    guard let outcome else { throw TakesTooLong() }
    return try outcome.get()
  }
}

/// Whether something is so before long. On a busy machine long is long.
func eventually(_ condition: () throws -> Bool) async throws -> Bool {
  for _ in 0..<10_000 {
    if try condition() { return true }
    try await Task.sleep(for: .milliseconds(3))
  }
  return false
}

/// The library's error that `body` throws; nil where it throws none.
func thrown(by body: () throws -> Void) throws -> ContainerError? {
  do {
    try body()
    return nil
  } catch let error as ContainerError {
    return error
  }
}
