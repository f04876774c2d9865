/// Where an object's references are, if all of them are plain nullable pointers to objects: read by
/// arithmetic alone, by whoever has no time for more.
package struct DirectPlan {
  /// Within the object; of array storage within an element.
  package let offsets: UnsafeBufferPointer<Int>
  /// Array storage: where the first element is and how far apart elements are; 0 for other objects.
  package let first: Int
  package let stride: Int

  init(offsets: UnsafeBufferPointer<Int>, first: Int = 0, stride: Int = 0) {
    self.offsets = offsets
    self.first = first
    self.stride = offsets.isEmpty ? 0 : stride
  }

  /// How many elements array storage has now; nil where they would not fit its cell, as in memory
  /// that is no such storage any more.
  @inline(__always)
  package func elementCount(of target: UnsafeRawPointer, cellBytes: Int) -> Int? {
    let count = target.load(fromByteOffset: 16, as: Int.self)
    guard count >= 0, count <= (cellBytes - first) / stride else { return nil }
    return count
  }
}
