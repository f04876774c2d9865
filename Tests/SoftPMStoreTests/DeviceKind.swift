// The devices that the tests can make on this machine: every driver on every medium.

import SoftPMBase
import SoftPMStore
import SoftPMTesting
import Testing

/// What a store's bytes can lie on here.
enum StoreMedium: String, CaseIterable, Sendable {
  /// Whatever /tmp lies on.
  case disk = "/tmp"
  case sharedMemory = "/dev/shm"
  case tmpfs
  case ext4
  case blockDevice = "block device"

  static let available = allCases.filter {
    ![.tmpfs, .ext4, .blockDevice].contains($0) || PrivateStorage.isAvailable
  }

  /// A store's path on it; what it takes to have it lasts as long as the folder.
  func path(in folder: TemporaryFolder) throws -> String {
    switch self {
    case .disk: folder.file("device")
    case .sharedMemory: folder.inMemory.file("device")
    case .tmpfs: try folder.mounted(.memory).file("device")
    case .ext4: try folder.mounted(.ext4).file("device")
    case .blockDevice: try folder.disk().path
    }
  }
}

/// How a test gets a device of some kind, and the same content under another handle.
struct DeviceKind: Sendable, CustomTestStringConvertible {
  let name: String
  /// The size that it has for ever, as a disk has: enough for every test. Nil where it grows.
  var capacity: Int?
  /// A new device of 64 KiB of zeros, or of its capacity.
  let make: @Sendable (TemporaryFolder) throws -> any Device
  /// The same bytes once more, while or after the first device is open; nil where a device has
  /// no other handle.
  let reader: (@Sendable (TemporaryFolder) throws -> any Device)?
  var testDescription: String { name }

  /// What it is as long as before anything was written.
  var byteCount: Int { capacity ?? 64 << 10 }

  /// Every kind that works on this machine.
  static let all = (simple + media).filter(\.works)

  /// Every driver on every medium.
  private static var media: [DeviceKind] {
    StoreDriver.allCases.flatMap { driver in
      StoreMedium.available.map { .on($0, driver) }
    }
  }

  private static let simple: [DeviceKind] = [
    DeviceKind(
      name: "memory", make: { _ in MemoryDevice([UInt8](repeating: 0, count: 64 << 10)) },
      reader: nil),
    DeviceKind(
      name: "recording",
      make: { _ in StoreRecordingDevice([UInt8](repeating: 0, count: 64 << 10)) }, reader: nil),
    DeviceKind(
      name: "crash image",
      make: { _ in StoreCrashImage(base: [UInt8](repeating: 0, count: 64 << 10)) }, reader: nil),
    DeviceKind(
      name: "persistent memory, simulated",
      make: {
        try PersistentMemoryDevice.simulated(
          $0.file("device"), RecordingPrimitives(), image: [UInt8](repeating: 0, count: 64 << 10))
      },
      reader: {
        var options = StoreFileOptions()
        options.readOnly = true
        return try BareDevice.open($0.file("device"), options)
      }),
  ]

  private static func on(_ medium: StoreMedium, _ driver: StoreDriver) -> DeviceKind {
    var options = StoreFileOptions()
    options.driver = driver
    var reading = options
    reading.readOnly = true
    return DeviceKind(
      name: "\(driver.rawValue) on \(medium.rawValue)",
      capacity: medium == .blockDevice ? TemporaryFolder.diskBytes : nil,
      make: { [options] in try BareDevice.open(try medium.path(in: $0), options) },
      reader: { [reading] in try BareDevice.open(try medium.path(in: $0), reading) })
  }

  /// False only where the platform has no such device, which `automatic` then has to do without.
  private var works: Bool {
    do {
      try make(TemporaryFolder()).close()
      return true
    } catch {
      return (error as? ContainerError)?.code != .unsupportedPlatform
    }
  }
}
