/// Bugs that a test may plant in a store, to see that the crash tests find them.
///
/// Each is one that stores of this kind have had. They are chosen at run time, by tests only; a
/// store without one pays a comparison at a few cold places.
package enum StoreCanary: String, CaseIterable, Sendable {
  /// Recovery believes a barrier without looking whether its chunks are on the medium.
  case chunksUnchecked
  /// Recovery believes a barrier's block without its checksum.
  case barrierUnchecked
  /// Every superblock goes to slot 0.
  case singleSuperblock
  /// Space is given out again before the checkpoint that freed it is durable.
  case reusedTooEarly
  /// A point is announced before the flush.
  case announcedBeforeFlush
  /// The first barrier of a group is written only after the group was announced.
  case announcedPastNeighbour
  /// After a failed flush the chain goes on as if nothing had happened.
  case goesOnAfterFailure
}
