import SoftPMStore
import Synchronization

/// Counts what is done to a mapping, and sees whether a fence follows every copy.
package final class RecordingPrimitives: MappingPrimitives {
  package struct Counts: Sendable {
    package var copied = 0
    /// Bytes copied since the last fence.
    package var unfenced = 0
    package var fences = 0
    package var synchronised = 0
  }
  private let state = Mutex(Counts())

  package init() {}

  package var counts: Counts { state.withLock { $0 } }

  package func copy(
    _ bytes: UnsafeRawBufferPointer, to target: UnsafeMutableRawPointer, at offset: Int
  ) {
    if let source = bytes.baseAddress { target.copyMemory(from: source, byteCount: bytes.count) }
    state.withLock {
      $0.copied += bytes.count
      $0.unfenced += bytes.count
    }
  }

  package func drain() {
    state.withLock {
      $0.fences += 1
      $0.unfenced = 0
    }
  }

  package func synchronise(
    _ start: UnsafeMutableRawPointer, _ count: Int, at offset: Int
  ) -> Int32 {
    state.withLock { $0.synchronised += count }
    return 0
  }
}
