// A ManagedBuffer whose class describes its elements.
//
//      0 object header   16 header, at its alignment   … elements, at theirs
//
// 1. The header tells how many elements there are, and in which order they lie.
// 2. Places without an element are never read, and zero in an image.
// 3. When restoring, the header is validated as any struct is, and its numbers against the cell,
//    before an element is looked at.

import SoftPMBase

/// Where a buffer's header has its numbers.
struct TailOrder: Sendable, Equatable {
  /// Nil where elements begin at place 0.
  var start: Int?
  var count: Int
  /// Nil where places are as many as elements.
  var capacity: Int?

  /// As a store records it, so that another order is another type.
  var recordName: String {
    var text = "elements, count at \(count)"
    if let start { text += ", start at \(start)" }
    if let capacity { text += ", capacity at \(capacity)" }
    return text
  }
}

final class BufferStorage {
  /// The fields of the object: the header.
  let object: ValueLayout
  let element: ValueLayout
  let order: TailOrder
  let headerOffset: Int
  let elementsOffset: Int

  init(object: ValueLayout, header: Metadata, element: ValueLayout, order: TailOrder) {
    self.object = object
    self.element = element
    self.order = order
    headerOffset = (16 + header.alignmentMask) & ~header.alignmentMask
    elementsOffset = (headerOffset + header.size + element.alignmentMask) & ~element.alignmentMask
  }

  /// The header's numbers by their places in the object.
  var placeOfNumbers: TailOrder {
    TailOrder(
      start: order.start.map { $0 + headerOffset }, count: order.count + headerOffset,
      capacity: order.capacity.map { $0 + headerOffset })
  }

  private struct Extent {
    var start: Int
    var count: Int
    var capacity: Int

    /// The place of the element at an index.
    func place(_ index: Int) -> Int {
      let place = start + index
      return place < capacity ? place : place - capacity
    }
  }

  /// Nil where the numbers contradict each other.
  private func extent(_ target: UnsafeRawPointer) -> Extent? {
    let header = target + headerOffset
    let count = header.load(fromByteOffset: order.count, as: Int.self)
    let start = order.start.map { header.load(fromByteOffset: $0, as: Int.self) } ?? 0
    let capacity = order.capacity.map { header.load(fromByteOffset: $0, as: Int.self) } ?? count
    guard count >= 0, capacity >= count, start >= 0, start <= capacity,
      capacity < Int.max / 2 / max(1, element.stride)
    else { return nil }
    return Extent(start: start, count: count, capacity: capacity)
  }

  func byteCount(of target: UnsafeRawPointer) -> Int {
    elementsOffset + (extent(target)?.capacity ?? 0) * element.stride
  }

  func visit(
    _ target: UnsafeRawPointer, in site: Site, _ body: ReferenceVisitor
  ) throws(ContainerError) {
    try object.visit(target, at: 0, in: site, body)
    guard let extent = extent(target) else { throw site.refusal(Self.wrongCount, at: headerOffset) }
    guard !element.isUnvisited else { return }
    for index in 0..<extent.count {
      let offset = elementsOffset + extent.place(index) * element.stride
      try element.visit(target + offset, at: offset, in: site, body)
    }
  }

  func write(
    _ target: UnsafeRawPointer, into image: UnsafeMutableRawPointer, in site: Site,
    _ context: any ImageContext
  ) throws(ContainerError) {
    try object.write(target, into: image, at: 0, in: site, context)
    guard let extent = extent(target) else { throw site.refusal(Self.wrongCount, at: headerOffset) }
    for index in 0..<extent.count {
      let offset = elementsOffset + extent.place(index) * element.stride
      try element.write(target + offset, into: image + offset, at: offset, in: site, context)
    }
  }

  func swizzle(
    _ member: UnsafeMutableRawPointer, byteCount: Int, _ session: RestoreSession
  ) throws(ContainerError) {
    guard byteCount >= elementsOffset else {
      throw session.damaged("a buffer in its cell", at: member)
    }
    try object.swizzle(member, session)
    guard let extent = extent(UnsafeRawPointer(member)),
      element.stride == 0 || extent.capacity <= (byteCount - elementsOffset) / element.stride
    else {
      throw session.damaged("a buffer's count and capacity", at: member + headerOffset)
    }
    guard !element.isSolid else { return }
    for index in 0..<extent.count {
      try element.swizzle(
        member + elementsOffset + extent.place(index) * element.stride, session)
    }
  }

  /// `.header.count`, or `[3]` for the element at index 3.
  func path(toSlotAt offset: Int, in target: UnsafeRawPointer) -> String {
    guard offset >= elementsOffset, element.stride > 0, let extent = extent(target) else {
      return object.path(toSlotAt: offset, in: target)
    }
    let place = (offset - elementsOffset) / element.stride
    let index =
      place >= extent.start ? place - extent.start : place + extent.capacity - extent.start
    let start = elementsOffset + place * element.stride
    return "[\(index)]" + element.path(toSlotAt: offset - start, in: target + start)
  }

  private static let wrongCount = Refusal(
    code: .concurrentMutation,
    "The header of this buffer cannot be right: a number in it is negative, or there are more "
      + "elements than places.",
    remedy: "Change the buffer only inside `update`, and see that its `hiddenStorage` names the "
      + "right properties of the header.")
}
