/// Images of chunks in memory that a device can write from, each wherever it was made.
///
/// 1. An image is a chunk's size long and begins at a multiple of a block's size.
/// 2. Its bytes stay as they are until the commit that it belongs to is done.
package struct ChunkImages: @unchecked Sendable {
  package private(set) var starts: [UnsafeRawPointer] = []
  /// What the images lie in.
  package private(set) var memory: [PageBuffer] = []

  package init() {}

  /// Images that lie in a buffer one after another, from its start on.
  package init(_ buffer: PageBuffer, count: Int, chunkBytes: Int) {
    precondition(buffer.byteCount >= count * chunkBytes)
    memory = [buffer]
    guard let start = buffer.readOnly.baseAddress else { return }
    starts = (0..<count).map { start + $0 * chunkBytes }
  }

  /// Images at `starts`, which all lie in `memory`.
  package init(at starts: [UnsafeRawPointer], in memory: [PageBuffer]) {
    self.starts = starts
    self.memory = memory
  }
}
