import Glibc
import SoftPMBase

extension StoreFile {
  /// The device for a file: the one asked for, or the best that works here.
  func device(_ options: StoreFileOptions) throws(ContainerError) -> any Device {
    var driver = options.driver
    var origin = ""
    if driver == .automatic, let name = getenv("SOFTPM_DRIVER").map({ String(cString: $0) }),
      !name.isEmpty
    {
      guard let chosen = StoreDriver(rawValue: name) else {
        Glibc.close(descriptor)
        throw ContainerError(
          code: .invalidArgument,
          message: "SOFTPM_DRIVER is \"\(name)\"; it may be "
            + StoreDriver.allCases.map(\.rawValue).joined(separator: ", ") + ".")
      }
      driver = chosen
      if driver != .automatic { origin = "chosen by SOFTPM_DRIVER" }
    }
    // Readers need neither ring nor mapping: all of their requests wait for their bytes anyway.
    if driver == .posix || options.readOnly {
      return PosixDevice(self, readOnly: options.readOnly, reason: origin)
    }
    let posix = PosixDevice(self, readOnly: false, reason: origin)
    if driver == .pmem
      || driver == .automatic && PersistentMemoryDevice.isBuilt
        && PersistentMemoryDevice.isOnPersistentMemory(self)
    {
      do throws(ContainerError) {
        return try PersistentMemoryDevice.make(
          self, posix: posix, segmentBytes: options.segmentBytes)
      } catch {
        posix.close()
        throw error
      }
    }
    let (ring, why) = RingDevice.probe(self, posix: posix, reason: origin)
    if let ring { return ring }
    guard driver == .automatic else {
      posix.close()
      throw ContainerError(code: .unsupportedPlatform, message: why + ".", path: path)
    }
    posix.reason = why
    return posix
  }
}
