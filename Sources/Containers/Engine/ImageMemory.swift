import SoftPMBase
import SoftPMStore

/// An image that a point made, and where it is until the store has written it.
typealias NewImage = ImageStream.Image

/// Memory for the images of one point, in pieces that a device can write from.
///
/// Pieces serve again after their point is durable (`PageBuffer`), so that images are rarely made
/// in fresh memory: whole buffers for points of 50 MiB went back to the system each time, and a
/// fifth of a point's time was zeroing pages.
struct ImageMemory {
  /// A huge page: fresh ones take one fault, and a device maps one instead of 512.
  private static let pieceBytes = 2 << 20

  private(set) var pieces: [PageBuffer] = []
  private var used = 0
  /// How many bytes of images are still to come, as far as is known.
  private var expected: Int

  init(expecting byteCount: Int) {
    expected = byteCount
  }

  /// Whether an image fits behind those that are there.
  func holds(_ byteCount: Int) -> Bool {
    pieces.last.map { used + byteCount <= $0.byteCount } ?? false
  }

  /// Lets go of pieces that are full; whoever has been given what lies in them holds them.
  mutating func dropFull() { pieces.removeFirst(max(0, pieces.count - 1)) }

  /// Memory for an image, which holds anything. Until it is kept, the next one gets it, too.
  mutating func room(for byteCount: Int) -> UnsafeMutableRawBufferPointer {
    if let last = pieces.last, holds(byteCount) {
      return UnsafeMutableRawBufferPointer(rebasing: last.bytes[used..<used + byteCount])
    }
    let piece = PageBuffer(
      byteCount: max(byteCount, min(expected, Self.pieceBytes)), zeroed: false)
    pieces.append(piece)
    used = 0
    return UnsafeMutableRawBufferPointer(rebasing: piece.bytes[..<byteCount])
  }

  mutating func keep(_ byteCount: Int) {
    used += byteCount
    expected -= byteCount
  }
}
