import Foundation

/// Storage made for one test by the system's own tools, and taken down again: a loop device, or
/// a small file system that can be filled. Needs root, as those tools do.
package enum PrivateStorage {
  /// Tried once: root may lack the right to it too, as in most containers.
  package static let isAvailable: Bool = {
    guard getuid() == 0, let folder = try? ScratchFolder() else { return false }
    do {
      try run("losetup", "--find")
      try run("mkfs.ext4", "-V")
      try run("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder.url.path())
      try run("umount", folder.url.path())
      return true
    } catch {
      return false
    }
  }()
  package static let needs = "loop devices and mounts need root, losetup, mount and mkfs.ext4"

  package struct Failure: Error, CustomStringConvertible {
    package let description: String
  }

  @discardableResult
  static func run(_ tool: String, _ arguments: String...) throws -> String {
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = [tool] + arguments
    var variables = ProcessInfo.processInfo.environment
    variables["PATH"] = "/usr/sbin:/usr/bin:/sbin:/bin"
    process.environment = variables
    let output = Pipe()
    process.standardOutput = output
    process.standardError = FileHandle.nullDevice
    try process.run()
    let bytes = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
      throw Failure(description: "\(tool) \(arguments) failed: \(process.terminationStatus)")
    }
    return String(decoding: bytes, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
  }
}

/// A block device over a file of zeros.
package final class LoopDevice: Sendable {
  package let path: String
  private let folder: ScratchFolder

  package init(byteCount: Int) throws {
    folder = try ScratchFolder()
    let file = folder.path("disk")
    guard FileManager.default.createFile(atPath: file, contents: nil),
      truncate(file, off_t(byteCount)) == 0
    else {
      throw PrivateStorage.Failure(description: "the disk's file could not be made")
    }
    path = try PrivateStorage.run("losetup", "--find", "--show", file)
  }

  /// The file that is behind it.
  package var backing: String { folder.path("disk") }

  deinit {
    _ = try? PrivateStorage.run("losetup", "--detach", path)
  }
}

/// A file system of its own.
package final class PrivateFolder: Sendable {
  package enum Kind: Sendable { case memory, ext4 }
  package let path: String
  private let folder: ScratchFolder
  private let device: LoopDevice?

  package init(_ kind: Kind, byteCount: Int) throws {
    folder = try ScratchFolder()
    path = folder.path("mounted")
    try FileManager.default.createDirectory(
      atPath: path, withIntermediateDirectories: true)
    switch kind {
    case .memory:
      device = nil
      try PrivateStorage.run("mount", "-t", "tmpfs", "-o", "size=\(byteCount)", "tmpfs", path)
    case .ext4:
      let device = try LoopDevice(byteCount: byteCount)
      self.device = device
      try PrivateStorage.run("mkfs.ext4", "-q", "-m", "0", device.path)
      try PrivateStorage.run("mount", device.path, path)
    }
  }

  package func file(_ name: String) -> String { path + "/" + name }

  deinit {
    _ = try? PrivateStorage.run("umount", "--lazy", path)
  }
}
