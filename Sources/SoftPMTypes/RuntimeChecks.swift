// Facts about this Swift that are tried out before they are relied upon.

import CSoftPMRuntime
import Synchronization

enum RuntimeChecks {
  private final class Probe {
    let before: UInt8 = 1
    let mutex = Mutex<UInt64>(0x1122_3344_5566_7788)
    let counter = Atomic<UInt32>(0xabcd_ef01)
    let after: UInt8 = 2
  }

  /// A Mutex is a 32-bit word that is zero when free and not when held, then the value at its
  /// alignment; an Atomic is its value.
  static let knowsMutex: Bool = {
    let probe = Probe()
    let type = Metadata(Probe.self)
    let start = UnsafeRawPointer(Unmanaged.passUnretained(probe).toOpaque())
    let mutex = start + softpm_runtime_field_offset(type.address, 1)
    let counter = start + softpm_runtime_field_offset(type.address, 2)
    func word() -> UInt32 { mutex.load(as: UInt32.self) }
    let free = word()
    let held = probe.mutex.withLock { _ in word() }
    let value = mutex.load(fromByteOffset: 8, as: UInt64.self)
    probe.mutex.withLock { $0 += 1 }
    probe.counter.store(7, ordering: .relaxed)
    let next = mutex.load(fromByteOffset: 8, as: UInt64.self)
    return withExtendedLifetime(probe) {
      free == 0 && held != 0 && word() == 0 && value == 0x1122_3344_5566_7788 && next == value + 1
        && counter.load(as: UInt32.self) == 7 && MemoryLayout<Mutex<UInt64>>.size == 16
    }
  }()
}
