// Where the references of an object are, if arithmetic alone finds them: in plain object pointers,
// strings, arrays, dictionaries, sets, and optionals of these. For whoever has no time for more.
//
// 1. Reading by a plan believes nothing: the memory may be no such object any more. So a word is
//    an address only if somebody who knows the members says so.
// 2. What a plan cannot tell is `unclear`; the layout tells, of an object that is certain.
// 3. A plan lives as long as its layout.

package struct DirectPlan {
  package enum Kind: UInt8 {
    /// Zero, or an object.
    case object
    /// The second word of a string.
    case string
    /// The storage of an array, which may be of a layout that its header does not tell.
    case array
    /// The storage of a dictionary or set.
    case table
  }

  package struct Slot {
    /// Of the word, within the object; of array storage within an element.
    package var offset: Int
    package var kind: Kind
    /// Zero is a value: the field is optional.
    var allowsZero = false
    /// The storage that all empty collections share.
    var empty: UInt = 0
    /// What an image has in its place (`WellKnown`).
    var emptyCode: UInt = 0
    /// The header of storage that does not tell its elements' type; 0 where there is none.
    package var untoldHeader: UInt = 0
  }

  package let slots: UnsafeBufferPointer<Slot>
  /// All slots are plain object pointers.
  package let isPlain: Bool
  /// Array storage: where the first element is and how far apart elements are; 0 for other objects.
  package let first: Int
  package let stride: Int

  init(slots: UnsafeBufferPointer<Slot>, first: Int = 0, stride: Int = 0) {
    self.slots = slots
    isPlain = slots.allSatisfy { $0.kind == .object }
    self.first = first
    self.stride = slots.isEmpty ? 0 : stride
  }

  static var empty: DirectPlan { DirectPlan(slots: UnsafeBufferPointer(start: nil, count: 0)) }

  /// No object lies there: nobody but the layout can tell what a slot refers to.
  package static let unclear: UInt = 1

  /// What a slot of the object or element at `place` refers to: an address, 0 or `unclear`.
  @inline(__always)
  package static func target(of slot: Slot, at place: UnsafeRawPointer) -> UInt {
    let word = place.load(fromByteOffset: slot.offset, as: UInt.self)
    switch slot.kind {
    case .object: return word
    case .string:
      if word == 0 || word & StringBits.smallBit != 0 { return 0 }
      let counts = place.load(fromByteOffset: slot.offset - 8, as: UInt64.self)
      return word >> 60 == 0 && counts & StringBits.inStorage == StringBits.inStorage
        ? word : unclear
    case .array, .table:
      if word == slot.empty { return 0 }
      if word == 0 { return slot.allowsZero ? 0 : unclear }
      // A table that is being changed in place.
      return word >> 63 == 0 ? word : unclear
    }
  }

  /// Whether an instance refers to what `numbers` tell: of each slot 0 for nothing, or how many units
  /// of 16 bytes from `base` on its target lives. False where that takes a closer look.
  ///
  /// One call for an object and not one for each word, which other modules would not inline.
  package func refers(
    _ target: UnsafeRawPointer, as numbers: UnsafePointer<UInt32>, from base: UInt
  ) -> Bool {
    for position in 0..<slots.count {
      let slot = slots[position]
      let word = Self.target(of: slot, at: target)
      let number = UInt(numbers[position])
      if word == 0 {
        guard number == 0 else { return false }
        continue
      }
      // Wrapping around, an address below the base has no number.
      guard (word &- base) >> 4 == number else { return false }
      if slot.untoldHeader != 0,
        UnsafeRawPointer(bitPattern: word)?.load(as: UInt.self) == slot.untoldHeader
      {
        return false
      }
    }
    return true
  }

  /// Reads what all slots of the object or element at `place` refer to; false where one is `unclear`.
  package func read(
    _ place: UnsafeRawPointer, into words: UnsafeMutablePointer<UInt>
  ) -> Bool {
    for position in 0..<slots.count {
      let word = Self.target(of: slots[position], at: place)
      if word == Self.unclear { return false }
      words[position] = word
    }
    return true
  }

  /// How many elements array storage has now; nil where they would not fit its cell, as in memory
  /// that is no such storage any more.
  @inline(__always)
  package func elementCount(of target: UnsafeRawPointer, cellBytes: Int) -> Int? {
    let count = target.load(fromByteOffset: 16, as: Int.self)
    guard count >= 0, count <= (cellBytes - first) / stride else { return nil }
    return count
  }

  /// Which elements of array storage start in a range of its bytes.
  package func elements(of target: UnsafeRawPointer, startingIn range: Range<Int>) -> Range<Int> {
    let count = target.load(fromByteOffset: 16, as: Int.self)
    return ObjectLayout.indices(of: count, stride: stride, from: first, in: range)
  }
}

extension DirectPlan {
  /// The slots of a type's values; nil where some field needs a closer look.
  static func slots(of layout: ValueLayout) -> [Slot]? {
    var slots = layout.objects.map {
      Slot(offset: $0.offset, kind: .object, allowsZero: true)
    }
    for place in layout.visitedForms {
      guard var slot = place.form.directSlot else { return nil }
      slot.offset += place.offset
      slots.append(slot)
    }
    return slots
  }
}
