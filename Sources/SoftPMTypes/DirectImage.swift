// The image of an object whose references are where a plan says, written without looking anybody
// up: whoever made the plan's list of members knows where they live.
//
// It is the same image as `writeImage` makes, byte for byte; what is not plain is left to that.

import SoftPMBase

/// The fields of one type's values, for images by plan.
struct DirectImage {
  struct Other {
    var offset: Int
    /// Held by the layout. It holds no reference.
    var form: Unmanaged<FieldForm>
  }

  let runs: UnsafeBufferPointer<ValueLayout.Run>
  let slots: UnsafeBufferPointer<DirectPlan.Slot>
  let others: UnsafeBufferPointer<Other>

  /// False where something has to be looked up after all.
  ///
  /// `members` are as many as slots: 0, or how many units of 16 bytes from `home` on they live.
  @inline(__always)
  func write(
    _ value: UnsafeRawPointer, into image: UnsafeMutableRawPointer,
    members: UnsafePointer<UInt32>, at slotOffset: Int, in site: Site, _ home: UInt,
    _ context: any ImageContext
  ) throws(ContainerError) -> Bool {
    guard write(value, into: image, members: members, home) else { return false }
    for other in others {
      try other.form.borrowed { form throws(ContainerError) in
        try form.write(
          value + other.offset, into: image + other.offset, at: slotOffset + other.offset,
          in: site, context)
      }
    }
    return true
  }

  /// The same of plain bytes and references only.
  @inline(__always)
  func write(
    _ value: UnsafeRawPointer, into image: UnsafeMutableRawPointer,
    members: UnsafePointer<UInt32>?, _ home: UInt
  ) -> Bool {
    for run in runs { run.copy(from: value, to: image) }
    for position in 0..<slots.count {
      let slot = slots[position]
      let target = DirectPlan.target(of: slot, at: value)
      if target == DirectPlan.unclear { return false }
      let member = members.unsafelyUnwrapped[position]
      guard (target == 0) == (member == 0) else { return false }
      var word = home + UInt(member) << 4
      switch slot.kind {
      case .object: if target == 0 { continue }
      case .string:
        let counts = value.load(fromByteOffset: slot.offset - 8, as: UInt64.self)
        if target != 0 {
          image.storeBytes(
            of: StringBits.nativeCountWord(counts), toByteOffset: slot.offset - 8, as: UInt64.self)
        } else {
          word = value.load(fromByteOffset: slot.offset, as: UInt.self)
          if word == 0 { continue }
          image.storeBytes(of: counts, toByteOffset: slot.offset - 8, as: UInt64.self)
        }
      case .array, .table:
        if target == 0 {
          if value.load(fromByteOffset: slot.offset, as: UInt.self) == 0 { continue }
          word = home + slot.emptyCode * WellKnown.codeBytes
        }
      }
      image.storeBytes(of: word, toByteOffset: slot.offset, as: UInt.self)
    }
    return true
  }
}

/// All that images of instances and strings with one header need, looked up once for many.
package struct ImagePlan {
  /// Nil of a string's storage.
  private let direct: DirectImage?
  private let size: Int
  private let typeWord: UInt

  /// Nil where each needs a closer look. `layout` is to live longer.
  package init?(_ layout: ObjectLayout, _ context: any ImageContext) throws(ContainerError) {
    switch layout.form {
    case .string: direct = nil
    case .instance:
      guard let direct = layout.directImage, direct.others.isEmpty else { return nil }
      self.direct = direct
    default: return nil
    }
    size = layout.instanceSize
    typeWord = UInt(try context.typeIndex(of: layout)) + 1
  }

  /// As `ObjectLayout.writeDirectImage`; `counts` are the second word of the image.
  package func write(
    _ target: UnsafeRawPointer, into image: UnsafeMutableRawPointer, capacity: Int,
    counts: UInt64, members: UnsafeBufferPointer<UInt32>, home: UInt
  ) -> Bool {
    if let direct {
      guard size <= capacity, members.count == direct.slots.count,
        direct.write(target, into: image, members: members.baseAddress, home)
      else { return false }
    } else {
      let count = Int(target.load(fromByteOffset: 24, as: UInt64.self) & StringBits.countMask)
      guard StringBits.byteCount(count) <= capacity else { return false }
      ObjectLayout.writeString(target, into: image, capacity: capacity)
    }
    image.storeBytes(of: typeWord, as: UInt.self)
    image.storeBytes(of: counts, toByteOffset: 8, as: UInt64.self)
    return true
  }
}

extension ObjectLayout {
  /// Writes the image of a live cell as `writeImage` does, by where its references are known to
  /// lead. False, and anything in the image's fields, where that is not enough.
  package func writeDirectImage(
    of target: UnsafeRawPointer, into image: UnsafeMutableRawPointer, capacity: Int,
    strong: UInt32, unowned: UInt32, members: UnsafeBufferPointer<UInt32>,
    _ context: any ImageContext
  ) throws(ContainerError) -> Bool {
    if case .string = form, byteCount(of: target) <= capacity {
      Self.writeString(target, into: image, capacity: capacity)
      try writeHeader(into: image, strong: strong, unowned: unowned, context)
      return true
    }
    guard let direct = directImage, let list = members.baseAddress else { return false }
    let site = Site(layout: self, target: target)
    let home = UInt(context.home.rawValue)
    switch form {
    case .instance:
      guard instanceSize <= capacity, members.count == direct.slots.count else { return false }
      guard
        try direct.write(
          target, into: image, members: list, at: 0, in: site, home, context)
      else { return false }
    case .array(let element):
      let first = ArrayBits.elementsOffset(element.alignmentMask)
      let count = target.load(fromByteOffset: 16, as: Int.self)
      guard element.stride > 0, count >= 0, count <= (capacity - first) / element.stride,
        members.count == count * direct.slots.count
      else { return false }
      for index in 0..<count {
        let offset = first + index * element.stride
        guard
          try direct.write(
            target + offset, into: image + offset, members: list + index * direct.slots.count,
            at: offset, in: site, home, context)
        else { return false }
      }
      image.storeBytes(of: count, toByteOffset: 16, as: Int.self)
      image.storeBytes(
        of: UInt((capacity - first) / element.stride) << 1, toByteOffset: 24, as: UInt.self)
    default: return false
    }
    try writeHeader(into: image, strong: strong, unowned: unowned, context)
    return true
  }

  private func writeHeader(
    into image: UnsafeMutableRawPointer, strong: UInt32, unowned: UInt32,
    _ context: any ImageContext
  ) throws(ContainerError) {
    image.storeBytes(of: UInt(try context.typeIndex(of: self)) + 1, as: UInt.self)
    image.storeBytes(
      of: UInt64(unowned) << 32 | UInt64(strong), toByteOffset: 8, as: UInt64.self)
  }

  /// The same for the elements of a large array that start in a part of it; `image` is the part's.
  /// What comes before the elements is not written.
  package func writeDirectElements(
    of target: UnsafeRawPointer, part range: Range<Int>, into image: UnsafeMutableRawPointer,
    members: UnsafeBufferPointer<UInt32>, _ context: any ImageContext
  ) throws(ContainerError) -> Bool {
    guard case .array(let element) = form, !mayStraddle, let plan = directPlan?.pointee,
      let direct = directImage, let list = members.baseAddress
    else { return false }
    let elements = plan.elements(of: target, startingIn: range)
    guard members.count == elements.count * direct.slots.count else { return false }
    let site = Site(layout: self, target: target)
    let home = UInt(context.home.rawValue)
    var position = list
    for index in elements {
      let offset = plan.first + index * element.stride
      guard
        try direct.write(
          target + offset, into: image + (offset - range.lowerBound), members: position,
          at: offset, in: site, home, context)
      else { return false }
      position += direct.slots.count
    }
    return true
  }
}
