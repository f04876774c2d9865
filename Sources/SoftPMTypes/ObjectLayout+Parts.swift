// Large arrays and tables, part by part.
//
// Storage of millions of elements is written here and there. What is asked of one part of its bytes
// is answered from that part, and from what says which elements there are:
//
// 1. An element belongs to the part in which it starts; of a table, keys and values on their own.
// 2. Which elements exist, an array's count says or a table's bitmap. Where that changes, parts
//    change that nobody wrote to: the place of a removed element is zero in the image.

import SoftPMBase

/// Which elements of large storage exist.
package enum ElementValidity: Equatable {
  case count(Int)
  case bitmap([UInt64])
}

extension ObjectLayout {
  /// Whether parts of such an object can be read and imaged on their own.
  package var isDivisible: Bool {
    switch form {
    case .array(let element): element.stride > 0
    case .table(let table): table.key.stride > 0
    default: false
    }
  }

  /// Whether the image of a part is a copy of the object's bytes from end to end.
  package func isCopied(_ part: Range<Int>, of target: UnsafeRawPointer) -> Bool {
    guard case .array(let element) = form, element.isSolid else { return false }
    let first = ArrayBits.elementsOffset(element.alignmentMask)
    let count = target.load(fromByteOffset: 16, as: Int.self)
    return part.lowerBound >= first && part.upperBound <= first + count * element.stride
  }

  /// Whether an element may lie across the border of two parts, which are multiples of 16 bytes
  /// away from the object's start.
  package var mayStraddle: Bool {
    switch form {
    case .array(let element): 16 % element.stride != 0
    case .table(let table):
      8 % table.key.stride != 0 || table.value.map { 8 % max(1, $0.stride) != 0 } ?? false
    default: false
    }
  }

  package func validity(of target: UnsafeRawPointer) -> ElementValidity {
    guard case .table(let table) = form else {
      return .count(target.load(fromByteOffset: 16, as: Int.self))
    }
    let words = (table.buckets(of: target) + 63) / 64
    return .bitmap(
      (0..<words).map {
        target.load(fromByteOffset: table.bitmapOffset + $0 * 8, as: UInt64.self)
      })
  }

  /// Calls `body` with the range of bytes of each run of elements that exist by only one of the
  /// two; nil where the elements are arranged in another way, so that all may have changed.
  package func changes(
    of target: UnsafeRawPointer, from old: ElementValidity, to new: ElementValidity
  ) -> [Range<Int>]? {
    switch (form, old, new) {
    case (.array(let element), .count(let before), .count(let after)):
      if before == after { return [] }
      let first = ArrayBits.elementsOffset(element.alignmentMask)
      return [
        first + min(before, after) * element.stride..<first + max(before, after) * element.stride
      ]
    case (.table(let table), .bitmap(let before), .bitmap(let after)):
      guard before.count == after.count else { return nil }
      let buckets = table.buckets(of: target)
      let keys = table.keysOffset(buckets)
      let values = table.valuesOffset(buckets)
      var ranges: [Range<Int>] = []
      for word in before.indices where before[word] != after[word] {
        let end = min(buckets, word * 64 + 64)
        ranges.append(keys + word * 64 * table.key.stride..<keys + end * table.key.stride)
        guard let value = table.value else { continue }
        ranges.append(values + word * 64 * value.stride..<values + end * value.stride)
      }
      return ranges
    default: return nil
    }
  }

  /// `visitReferences` of the elements that start in a range of the object's bytes.
  package func visitReferences(
    of target: UnsafeRawPointer, startingIn range: Range<Int>,
    _ body: (Reference) throws(ContainerError) -> Void
  ) throws(ContainerError) {
    // Nothing to ask of numbers one by one: 4 MiB of bytes took 5.6 ms.
    switch form {
    case .array(let element) where element.isUnvisited: return
    case .table(let table) where table.key.isUnvisited && table.value?.isUnvisited ?? true: return
    default: break
    }
    let site = Site(layout: self, target: target)
    try forEachElement(of: target, startingIn: range) { element, offset throws(ContainerError) in
      guard !element.isUnvisited else { return }
      try element.visit(target + offset, at: offset, in: site, body)
    }
  }

  /// Calls `body` with each element that exists and starts in `range`, and its offset.
  private func forEachElement(
    of target: UnsafeRawPointer, startingIn range: Range<Int>,
    _ body: (ValueLayout, Int) throws(ContainerError) -> Void
  ) throws(ContainerError) {
    switch form {
    case .array(let element):
      let count = target.load(fromByteOffset: 16, as: Int.self)
      let first = ArrayBits.elementsOffset(element.alignmentMask)
      for index in Self.indices(of: count, stride: element.stride, from: first, in: range) {
        try body(element, first + index * element.stride)
      }
    case .table(let table):
      let buckets = table.buckets(of: target)
      try forEachBucket(table.key, from: table.keysOffset(buckets))
      if let value = table.value, value.stride > 0 {
        try forEachBucket(value, from: table.valuesOffset(buckets))
      }
      func forEachBucket(_ layout: ValueLayout, from first: Int) throws(ContainerError) {
        for bucket in Self.indices(of: buckets, stride: layout.stride, from: first, in: range)
        where table.isOccupied(bucket, of: target) {
          try body(layout, first + bucket * layout.stride)
        }
      }
    default: break
    }
  }

  static func indices(
    of count: Int, stride: Int, from first: Int, in range: Range<Int>
  ) -> Range<Int> {
    let low = max(0, (range.lowerBound - first + stride - 1) / stride)
    let high = min(count, max(0, range.upperBound - first + stride - 1) / stride)
    return low..<max(low, high)
  }

  // MARK: Images

  /// Writes the part of the object's image that lies in `range`, into zeroed memory of that length.
  /// `members` are where the references that start there are known to lead (`writeDirectImage`).
  package func writeImage(
    of target: UnsafeRawPointer, part range: Range<Int>, into image: UnsafeMutableRawPointer,
    capacity: Int, strong: UInt32, unowned: UInt32, members: UnsafeBufferPointer<UInt32>,
    _ context: any ImageContext
  ) throws(ContainerError) {
    if range.lowerBound == 0 {
      try writeStart(
        of: target, into: image, capacity: capacity,
        counts: UInt64(unowned) << 32 | UInt64(strong), context)
    }
    if case .table(let table) = form {
      let words = (table.buckets(of: target) + 63) / 64
      let bitmap = table.bitmapOffset..<table.bitmapOffset + words * 8
      Self.copy(bitmap.clamped(to: range), of: target, into: image, range)
    }
    if case .array(let element) = form, element.isSolid {
      let first = ArrayBits.elementsOffset(element.alignmentMask)
      let count = target.load(fromByteOffset: 16, as: Int.self)
      let elements = first..<first + count * element.stride
      return Self.copy(elements.clamped(to: range), of: target, into: image, range)
    }
    if try writeDirectElements(of: target, part: range, into: image, members: members, context) {
      return
    }
    let site = Site(layout: self, target: target)
    let longest = longestElement
    // One element may have begun before.
    let reach = range.lowerBound - longest + 1..<range.upperBound
    let scratch = UnsafeMutableRawPointer.allocate(byteCount: longest, alignment: 64)
    defer { scratch.deallocate() }
    try forEachElement(of: target, startingIn: reach) { element, offset throws(ContainerError) in
      let place = offset..<offset + element.size
      if element.isSolid {
        Self.copy(place.clamped(to: range), of: target, into: image, range)
      } else if range.contains(offset), place.upperBound <= range.upperBound {
        try element.write(
          target + offset, into: image + (offset - range.lowerBound), at: offset, in: site,
          context)
      } else if place.overlaps(range) {
        scratch.initializeMemory(as: UInt8.self, repeating: 0, count: longest)
        try element.write(target + offset, into: scratch, at: offset, in: site, context)
        let shared = place.clamped(to: range)
        (image + (shared.lowerBound - range.lowerBound)).copyMemory(
          from: scratch + (shared.lowerBound - offset), byteCount: shared.count)
      }
    }
  }

  private var longestElement: Int {
    switch form {
    case .array(let element): element.stride
    case .table(let table): max(table.key.stride, table.value?.stride ?? 1)
    default: 1
    }
  }

  private static func copy(
    _ shared: Range<Int>, of target: UnsafeRawPointer, into image: UnsafeMutableRawPointer,
    _ range: Range<Int>
  ) {
    guard !shared.isEmpty else { return }
    (image + (shared.lowerBound - range.lowerBound)).copyMemory(
      from: target + shared.lowerBound, byteCount: shared.count)
  }

  /// Header, counts, and the words that describe the storage.
  private func writeStart(
    of target: UnsafeRawPointer, into image: UnsafeMutableRawPointer, capacity: Int,
    counts: UInt64, _ context: any ImageContext
  ) throws(ContainerError) {
    image.storeBytes(of: UInt(try context.typeIndex(of: self)) + 1, as: UInt.self)
    image.storeBytes(of: counts, toByteOffset: 8, as: UInt64.self)
    switch form {
    case .array(let element):
      let first = ArrayBits.elementsOffset(element.alignmentMask)
      let room = (capacity - first) / element.stride
      image.storeBytes(
        of: target.load(fromByteOffset: 16, as: Int.self), toByteOffset: 16, as: Int.self)
      image.storeBytes(of: UInt(room) << 1, toByteOffset: 24, as: UInt.self)
    case .table:
      (image + TableStorage.count).copyMemory(
        from: target + TableStorage.count, byteCount: TableStorage.keys - TableStorage.count)
    default: break
    }
  }
}

extension TableStorage {
  func isOccupied(_ bucket: Int, of storage: UnsafeRawPointer) -> Bool {
    let word = storage.load(fromByteOffset: bitmapOffset + bucket / 64 * 8, as: UInt64.self)
    return word & 1 << UInt64(bucket % 64) != 0
  }
}
