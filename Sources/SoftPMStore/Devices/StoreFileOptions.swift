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
  ///
  /// Opening then reads about as many blocks, and a fold's trees are shared by as many points:
  /// 64 KiB points with 64 versions kept write 1.11 bytes a byte with 256, and 1.15 with 128.
  package var foldAfter = 256
  /// How many blocks a fold may read to find out what dropped versions alone have, and how many
  /// more for each node of tables that it writes: what points write, points can drop in time.
  ///
  /// A first version of a million chunks takes six folds.
  package var reclaimReads = 4096
  package var reclaimReadsPerNode = 4
  /// When a store has been idle for so long, a superblock is told the newest version, so that
  /// readers in other processes see it. Nil: at folds and at closing only.
  package var watermarkDelay: Duration? = .milliseconds(200)
  /// How much of a file the pmem driver maps at once.
  package var segmentBytes = 1 << 30
  /// A bug to be planted; for the store's own tests.
  package var canary: StoreCanary?

  package init() {}
}
