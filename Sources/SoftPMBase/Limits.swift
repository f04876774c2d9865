/// Every limit of the library in one place, each with its reason.
package enum Limits {
  /// Longest name of a container in UTF-8 bytes: a name must fit a directory entry's record.
  package static let containerNameBytes = 255
  /// Longest label of a version in UTF-8 bytes: labels are read whole when a store is opened.
  package static let labelBytes = 1_024
  /// Points of one container in flight before `persist` waits: bounds the memory that copies
  /// aside may hold (API.md, *Asynchrony*).
  package static let pointsInFlight = 8
  /// Smallest chunk: one page of the largest common page size that is still a unit of storage.
  package static let chunkBytesLeast = 4 << 10
  /// Largest chunk: beyond it one dirty byte costs more than a millisecond to write.
  package static let chunkBytesMost = 1 << 20
  /// Most chunks of a container: chunk indices from 2³¹ up are kept for the layers' own tables.
  package static let chunksMost = 1 << 31
  /// Smallest address range that a container may reserve.
  package static let addressSpaceLeast = 1 << 20
  /// Largest address range that a container may reserve: the window in which sanitizers and
  /// position-independent executables leave room is 341 GiB (measured: FACTS-swift, 10).
  package static let addressSpaceMost = 256 << 30
  /// Longest metadata blob of one version: read at open, before anything else can be checked.
  package static let metadataBytes = 1 << 20
  /// Largest type table of a container: a program has thousands of types, not millions.
  package static let typeTableBytes: UInt64 = 256 << 20
  /// Deepest nesting of a described type: each level costs stack while layouts are compiled.
  package static let typeNestingDepth = 200
}
