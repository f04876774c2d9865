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
    if driver == .pmem {
      Glibc.close(descriptor)
      throw ContainerError(
        code: .unsupportedPlatform,
        message: "This build has no persistent-memory driver. Use the automatic one.", path: path)
    }
    // Readers need no ring: all of their requests wait for their bytes anyway.
    if driver == .posix || options.readOnly {
      return PosixDevice(self, readOnly: options.readOnly, reason: origin)
    }
    let posix = PosixDevice(self, readOnly: false, reason: origin)
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
