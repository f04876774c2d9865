import Glibc
import SoftPMBase
import SoftPMStore
import SoftPMTesting
import Testing

/// Helps tests to say in a line what a store is to hold and what it holds.
struct StoreFixture {
  static let chunkBytes = 4096

  /// Content of a chunk that no other version or chunk has.
  static func image(_ chunk: UInt32, _ salt: UInt64, bytes: Int = chunkBytes) -> [UInt8] {
    let seed = salt &* 0x9E37_79B9_7F4A_7C15 ^ UInt64(chunk) &+ 1
    return [UInt8](unsafeUninitializedCapacity: bytes) { buffer, count in
      let words = UnsafeMutableRawBufferPointer(buffer).bindMemory(to: UInt64.self)
      for index in words.indices {
        words[index] = (seed &+ UInt64(index)) &* 6_364_136_223_846_793_005
      }
      count = bytes
    }
  }

  static func request(
    _ container: ContainerNumber, parent: VersionID?, _ images: [UInt32: [UInt8]],
    removed: [UInt32] = [], metadata: [UInt8] = [], label: String? = nil
  ) -> CommitRequest {
    let indices = images.keys.sorted()
    let size = images.values.first?.count ?? 0
    let buffer = PageBuffer(byteCount: size * indices.count)
    var digests: [Digest] = []
    var starts: [UnsafeRawPointer] = []
    for (position, index) in indices.enumerated() {
      // Images need not lie in the order of their chunks.
      let place = position < indices.count / 2 ? position : indices.count * 3 / 2 - 1 - position
      images[index]!.withUnsafeBytes { bytes in
        let room = UnsafeMutableRawBufferPointer(rebasing: buffer.bytes[(place * size)...])
        room.copyMemory(from: bytes)
        starts.append(UnsafeRawPointer(room.baseAddress!))
        digests.append(Checksum.digest(bytes))
      }
    }
    return CommitRequest(
      container: container, parent: parent, chunks: indices.map(ChunkIndex.init),
      images: ChunkImages(at: starts, in: [buffer]), digests: digests,
      removed: removed.map(ChunkIndex.init),
      metadata: metadata, label: label, objectCount: images.count)
  }
}

extension ChunkStore {
  /// Every chunk of a version with its content.
  func content(of version: VersionID) throws -> [UInt32: [UInt8]] {
    var content: [UInt32: [UInt8]] = [:]
    for chunk in try chunks(of: version) {
      let size = try containers.first?.chunkSize.rawValue ?? 4096
      let buffer = PageBuffer(byteCount: size)
      try read(chunk.index, of: version, into: buffer.bytes)
      content[chunk.index.rawValue] = [UInt8](buffer.readOnly)
    }
    return content
  }
}

/// A folder of its own for one test, removed with its last owner.
final class TemporaryFolder {
  let path: String

  init(in parent: String = "/tmp") {
    var template = Array("\(parent)/softpm-store-XXXXXX".utf8CString)
    path = String(cString: mkdtemp(&template))
  }

  deinit {
    for name in names { unlink(path + "/" + name) }
    rmdir(path)
  }

  var names: [String] {
    guard let folder = opendir(path) else { return [] }
    defer { closedir(folder) }
    var names: [String] = []
    while let entry = readdir(folder) {
      let name = withUnsafeBytes(of: entry.pointee.d_name) {
        String(cString: $0.bindMemory(to: CChar.self).baseAddress!)
      }
      if name != ".", name != ".." { names.append(name) }
    }
    return names
  }

  func file(_ name: String) -> String { path + "/" + name }

  // Other places, for as long as this one lasts.

  private(set) lazy var inMemory = TemporaryFolder(in: "/dev/shm")
  private var fileSystems: [PrivateFolder.Kind: PrivateFolder] = [:]
  private var loopDevice: LoopDevice?

  static let diskBytes = 16 << 20

  func mounted(_ kind: PrivateFolder.Kind) throws -> PrivateFolder {
    let folder = try fileSystems[kind] ?? PrivateFolder(kind, byteCount: 32 << 20)
    fileSystems[kind] = folder
    return folder
  }

  func disk() throws -> LoopDevice {
    let device = try loopDevice ?? LoopDevice(byteCount: TemporaryFolder.diskBytes)
    loopDevice = device
    return device
  }

  func byteCount(_ name: String) -> Int {
    var status = stat()
    return lstat(file(name), &status) == 0 ? Int(status.st_size) : -1
  }

  /// Waits until nobody makes the file longer any more: zeros are written in the background.
  func settle(_ name: String) {
    var last = -1
    while byteCount(name) != last {
      last = byteCount(name)
      usleep(200_000)
    }
  }
}
