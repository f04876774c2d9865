// Devices without a store on them, for the tests of the devices themselves.

import Glibc
import SoftPMBase

package enum BareDevice {
  /// The device that a store at `path` would get; a file of zeros is made where there is none.
  package static func open(
    _ path: String, _ options: StoreFileOptions, newByteCount: Int = 64 << 10
  ) throws(ContainerError) -> any Device {
    let file = try StoreFile.open(path, options) { [UInt8](repeating: 0, count: newByteCount) }
    return try file.device(options)
  }

  /// A device over anything that can be opened, such as `/dev/full`, whatever a store would say
  /// to it.
  package static func over(
    _ path: String, _ options: StoreFileOptions
  ) throws(ContainerError) -> any Device {
    let descriptor = Glibc.open(path, (options.readOnly ? O_RDONLY : O_RDWR) | O_CLOEXEC)
    guard descriptor >= 0 else { throw .system(errno, doing: "opening a device", path: path) }
    return try StoreFile(descriptor: descriptor, path: path, byteCount: 0).device(options)
  }
}
