/// Whether a point's images are written while the next ones are made.
enum StreamChoice {
  /// They are kept, and handed to the store all together.
  case never
  /// Somebody waits for the point: if nobody else is at work in the store. Nothing waits for the disk
  /// under the lock. (4 MiB of bytes are durable after 3.8 ms instead of 4.5, measured in turn.)
  case ifFree
  /// They are more than is copied aside. They are made under the lock, which waits for the disk
  /// where that is slower, and take no more memory than a few pieces.
  case always

  init(imageBytes: Int, isAwaited: Bool) {
    if imageBytes > PointCopies.most || DiscoveryMode.current == .streamed {
      self = .always
    } else {
      self = isAwaited && imageBytes >= Self.awaitedLeast ? .ifFree : .never
    }
  }

  /// Two writes: fewer have nothing beside which they could be made.
  private static let awaitedLeast = 1 << 20

  /// Images of so many bytes are one write.
  static let writeBytes = 512 << 10

  var writesMost: Int {
    switch self {
    case .never, .always: 4
    case .ifFree: PointCopies.most / Self.writeBytes
    }
  }
}
