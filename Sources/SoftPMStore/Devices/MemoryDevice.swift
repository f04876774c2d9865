import SoftPMBase
import Synchronization

/// A device of ordinary memory: for tests and for `Store.inMemory()`.
///
/// Everything is as durable as the process. The bytes can be taken out and a device made of
/// them, which is how tests open a store in any state that a crash could leave.
package final class MemoryDevice: Device {
  private struct State {
    var bytes: [UInt8]
    var isClosed = false
  }
  private let state: Mutex<State>

  package let driver = "memory"

  package let capacity: Int?

  /// With a `capacity` the device is of that size, as a disk is.
  package init(_ bytes: [UInt8] = [], capacity: Int? = nil) {
    self.capacity = capacity
    state = Mutex(State(bytes: bytes))
  }

  package var byteCount: Int { capacity ?? state.withLock { $0.bytes.count } }
  package var isBlank: Bool { state.withLock { $0.bytes.isEmpty } }
  /// Everything on the device.
  package var content: [UInt8] { state.withLock { $0.bytes } }

  package func read(
    into target: UnsafeMutableRawBufferPointer, at offset: Int, from source: ReadSource
  ) throws(ContainerError) {
    try open()
    nonisolated(unsafe) let target = target
    state.withLock { state in
      let available = min(max(state.bytes.count - offset, 0), target.count)
      if available > 0 {
        state.bytes.withUnsafeBytes { bytes in
          target.copyMemory(
            from: UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + available]))
        }
      }
      if available < target.count {
        UnsafeMutableRawBufferPointer(rebasing: target[available...])
          .initializeMemory(as: UInt8.self, repeating: 0)
      }
    }
  }

  package func write(_ writes: [DeviceWrite]) throws(ContainerError) {
    try open()
    if let capacity, writes.contains(where: { $0.offset + $0.bytes.count > capacity }) {
      throw .noSpace(capacity)
    }
    nonisolated(unsafe) let writes = writes
    state.withLock { state in
      for write in writes {
        let end = write.offset + write.bytes.count
        if end > state.bytes.count {
          state.bytes += [UInt8](repeating: 0, count: end - state.bytes.count)
        }
        state.bytes.withUnsafeMutableBytes { bytes in
          UnsafeMutableRawBufferPointer(rebasing: bytes[write.offset..<end])
            .copyMemory(from: write.bytes)
        }
      }
    }
  }

  package func flush() throws(ContainerError) {
    try open()
  }

  package func close() {
    state.withLock { $0.isClosed = true }
  }

  private func open() throws(ContainerError) {
    if state.withLock({ $0.isClosed }) { throw .closedStore }
  }
}
