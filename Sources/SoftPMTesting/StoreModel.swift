// What a store must hold, as plain Swift values: the oracle of the crash tests.

import Glibc
import SoftPMBase
import SoftPMStore

package struct StoreModel: Sendable {
  package struct Version: Sendable {
    var container: String
    var parent: VersionID?
    var label: String?
    var metadata: [UInt8]
    /// The number of the image of each chunk; `StoreModel.image` makes its bytes.
    var chunks: [UInt32: UInt64]
  }

  /// By name: the size of a chunk.
  package var containers: [String: Int] = [:]
  package var versions: [VersionID: Version] = [:]

  package init() {}

  /// The bytes of an image: different for every number, none zero for long.
  package static func image(_ number: UInt64, byteCount: Int) -> [UInt8] {
    var random = StoreRandom(seed: number)
    var bytes: [UInt8] = []
    bytes.reserveCapacity(byteCount)
    while bytes.count < byteCount {
      withUnsafeBytes(of: random.next()) { bytes.append(contentsOf: $0) }
    }
    return bytes
  }

  func newest(of container: String) -> VersionID? {
    versions.filter { $0.value.container == container }.keys.max()
  }

  /// What of `store` differs from the model; nil when nothing does. A damaged chunk throws.
  package func difference(
    from store: ChunkStore, images: inout StoreImageCache
  ) throws -> String? {
    let listed = try store.containers
    guard listed.count == containers.count else {
      return "containers \(listed.map(\.name)) instead of \(containers.keys.sorted())"
    }
    var count = 0
    for container in listed {
      guard containers[container.name] == container.chunkSize.rawValue else {
        return "container \(container.name) of \(container.chunkSize)"
      }
      for stored in try store.versions(of: container.number) {
        count += 1
        guard let version = versions[stored.id], version.container == container.name,
          version.parent == stored.parent, version.label == stored.label
        else { return "version \(stored.id) of \(container.name) is not expected so" }
        if let difference = try difference(
          version, stored.id, container.chunkSize.rawValue, from: store, images: &images)
        {
          return difference
        }
      }
    }
    return count == versions.count ? nil : "\(count) versions instead of \(versions.count)"
  }

  private func difference(
    _ version: Version, _ id: VersionID, _ size: Int, from store: ChunkStore,
    images: inout StoreImageCache
  ) throws -> String? {
    guard try store.metadata(of: id) == version.metadata else { return "metadata of \(id)" }
    let chunks = try store.chunks(of: id)
    guard chunks.count == version.chunks.count else { return "\(chunks.count) chunks in \(id)" }
    let buffer = images.buffer(size)
    for chunk in chunks {
      guard let number = version.chunks[chunk.index.rawValue] else {
        return "\(chunk.index) in \(id)"
      }
      try store.read(chunk.index, of: id, into: buffer.bytes)
      let expected = images.image(number, size)
      let equal = expected.withUnsafeBytes {
        memcmp($0.baseAddress!, buffer.bytes.baseAddress!, size) == 0
      }
      guard equal else { return "content of \(chunk.index) in \(id)" }
    }
    return nil
  }
}

/// Images made once and buffers taken once, for hundreds of thousands of comparisons.
package struct StoreImageCache {
  private var images: [UInt64: [UInt8]] = [:]
  private var buffers: [Int: PageBuffer] = [:]

  package init() {}

  package mutating func image(_ number: UInt64, _ byteCount: Int) -> [UInt8] {
    if let known = images[number], known.count == byteCount { return known }
    let image = StoreModel.image(number, byteCount: byteCount)
    images[number] = image
    return image
  }

  mutating func buffer(_ byteCount: Int) -> PageBuffer {
    if let known = buffers[byteCount] { return known }
    let buffer = PageBuffer(byteCount: byteCount)
    buffers[byteCount] = buffer
    return buffer
  }
}
