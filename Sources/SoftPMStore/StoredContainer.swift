import SoftPMBase

/// A container as the store lists it.
package struct StoredContainer: Sendable, Equatable {
  package var number: ContainerNumber
  package var name: String
  package var chunkSize: ByteCount
  /// The newest durable version; nil before the first.
  package var newest: VersionID?
  package var versionCount: Int
}

/// A durable version as the store lists it.
package struct StoredVersion: Sendable, Equatable {
  package var id: VersionID
  package var container: ContainerNumber
  package var parent: VersionID?
  package var label: String?
  package var secondsSince1970: Double
  /// What its point wrote: images, metadata, barrier.
  package var bytesWritten: Int
  package var objectCount: Int
}

/// A chunk of a version.
package struct StoredChunk: Sendable, Equatable {
  package var index: ChunkIndex
  package var digest: Digest
}

/// What a point wants durable: the parent's chunks, minus `removed`, with `chunks` replaced.
package struct CommitRequest {
  package var container: ContainerNumber
  /// Any version of any container of the store with the same chunk size; nil for an empty one.
  package var parent: VersionID?
  /// Rising, without repetition.
  package var chunks: [ChunkIndex]
  /// One for each chunk, in the same order.
  package var images: ChunkImages
  package var digests: [Digest]
  package var removed: [ChunkIndex]
  package var metadata: [UInt8]
  package var label: String?
  package var objectCount: Int
  /// The caller calls `wait` at once: its thread does the work, and no other need be woken.
  package var waitsAtOnce = false

  package init(
    container: ContainerNumber, parent: VersionID?, chunks: [ChunkIndex], images: ChunkImages,
    digests: [Digest], removed: [ChunkIndex] = [], metadata: [UInt8] = [], label: String? = nil,
    objectCount: Int = 0
  ) {
    self.container = container
    self.parent = parent
    self.chunks = chunks
    self.images = images
    self.digests = digests
    self.removed = removed
    self.metadata = metadata
    self.label = label
    self.objectCount = objectCount
  }
}
