import SoftPMBase

/// Which driver moves a store's bytes.
package enum StoreDriver: String, Sendable, CaseIterable {
  case automatic, uring, pmem, posix
}

/// How a store's file is opened.
package struct StoreFileOptions: Sendable {
  package var driver = StoreDriver.automatic
  package var createIfMissing = true
  package var readOnly = false
  /// How long to wait for another writer's lock.
  package var lockTimeout = Duration.zero
  /// The time of day that versions record.
  package var clock: @Sendable () -> Double = WallClock.secondsSince1970

  /// How many barriers opening may have to replay, before a fold makes a checkpoint.
  package var foldAfter = 128
  /// A bug to be planted; for the store's own tests.
  package var canary: StoreCanary?

  package init() {}
}
