// Which drivers a store's file could have on this machine, for whoever asks.

import Glibc
import SoftPMBase

/// One driver and whether it works here.
package struct DriverReport: Sendable {
  package let driver: StoreDriver
  package let isAvailable: Bool
  /// A writer that leaves the choice to the library would get this one.
  package let isChosen: Bool
  /// What there is to say about it: empty, or part of a sentence.
  package let note: String

  /// All of them, for a store at `path`, which is looked at and not changed.
  package static func all(for path: String) -> [DriverReport] {
    let ring = refusal(of: .uring)
    let memory = memory(for: path)
    var chosen: StoreDriver = ring == nil ? .uring : .posix
    if memory.isPersistent { chosen = .pmem }
    let asked = getenv("SOFTPM_DRIVER").flatMap { StoreDriver(rawValue: String(cString: $0)) }
    if let asked, asked != .automatic { chosen = asked }
    let origin = asked == nil || asked == .automatic ? "" : "chosen by SOFTPM_DRIVER"
    func note(_ driver: StoreDriver, _ note: String) -> String {
      driver == chosen && !origin.isEmpty ? origin : note
    }
    return [
      DriverReport(
        driver: .uring, isAvailable: ring == nil, isChosen: chosen == .uring,
        note: note(.uring, ring ?? "io_uring")),
      DriverReport(
        driver: .pmem, isAvailable: PersistentMemoryDevice.isBuilt, isChosen: chosen == .pmem,
        note: note(.pmem, memory.note)),
      DriverReport(
        driver: .posix, isAvailable: true, isChosen: chosen == .posix,
        note: note(.posix, "pwrite and fdatasync")),
    ]
  }

  /// Why a driver cannot be had; nil where it can.
  private static func refusal(of driver: StoreDriver) -> String? {
    var options = StoreFileOptions()
    options.driver = driver
    do throws(ContainerError) {
      try BareDevice.over("/dev/null", options).close()
      return nil
    } catch {
      return error.message
    }
  }

  private static func memory(for path: String) -> (isPersistent: Bool, note: String) {
    guard PersistentMemoryDevice.isBuilt else { return (false, "built without libpmem") }
    let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return (false, "the file cannot be opened") }
    defer { Glibc.close(descriptor) }
    let file = StoreFile(descriptor: descriptor, path: path, byteCount: 0)
    return PersistentMemoryDevice.isOnPersistentMemory(file)
      ? (true, "the file is on persistent memory")
      : (false, "by msync: the file is not on persistent memory")
  }
}
