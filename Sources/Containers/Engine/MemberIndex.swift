import SoftPMTypes

/// Finds a member by its address: a hash table of positions, in memory of its own.
///
/// 1. An address alone will not tell members apart: the bytes of a string literal are a member,
///    and with another length another one. The layout that a referrer gave is part of the key.
/// 2. Positions are never removed; a trace makes a new index.
/// 3. At most half the slots are taken, so a probe is short; a slot is taken when its address is
///    not zero.
final class MemberIndex {
  private struct Slot {
    var address: UInt
    var form: UInt
    var position: Int
  }

  private var slots: UnsafeMutablePointer<Slot>
  private var mask: Int
  private var count = 0

  init(expecting members: Int = 0) {
    var capacity = 1024
    while capacity < members * 2 { capacity *= 2 }
    slots = Self.allocate(capacity)
    mask = capacity - 1
  }

  deinit {
    slots.deallocate()
  }

  private static func allocate(_ capacity: Int) -> UnsafeMutablePointer<Slot> {
    let slots = UnsafeMutablePointer<Slot>.allocate(capacity: capacity)
    slots.initialize(repeating: Slot(address: 0, form: 0, position: 0), count: capacity)
    return slots
  }

  /// Cells lie 16 bytes apart, so the low bits say nothing; the product's high bits say most.
  private static func start(_ address: UInt, _ form: UInt, _ mask: Int) -> Int {
    let mixed = (address ^ form &* 31) &* 0x9e37_79b9_7f4a_7c15
    return Int(truncatingIfNeeded: mixed >> 20) & mask
  }

  private static func form(of layout: ObjectLayout?) -> UInt {
    layout.map { UInt(bitPattern: Unmanaged.passUnretained($0).toOpaque()) } ?? 0
  }

  /// The position of a member; nil where the target is none.
  func position(of target: UnsafeRawPointer, _ layout: ObjectLayout?) -> Int? {
    let address = UInt(bitPattern: target)
    let form = Self.form(of: layout)
    var slot = Self.start(address, form, mask)
    while slots[slot].address != 0 {
      if slots[slot].address == address, slots[slot].form == form { return slots[slot].position }
      slot = (slot + 1) & mask
    }
    return nil
  }

  /// The position of a member; where the target is none yet, makes it one at `position` and
  /// returns nil.
  func insert(_ target: UnsafeRawPointer, _ layout: ObjectLayout?, at position: Int) -> Int? {
    let address = UInt(bitPattern: target)
    let form = Self.form(of: layout)
    var slot = Self.start(address, form, mask)
    while slots[slot].address != 0 {
      if slots[slot].address == address, slots[slot].form == form { return slots[slot].position }
      slot = (slot + 1) & mask
    }
    slots[slot] = Slot(address: address, form: form, position: position)
    count += 1
    if count * 2 > mask { grow() }
    return nil
  }

  private func grow() {
    let old = UnsafeMutableBufferPointer(start: slots, count: mask + 1)
    let capacity = old.count * 2
    slots = Self.allocate(capacity)
    mask = capacity - 1
    for taken in old where taken.address != 0 {
      var slot = Self.start(taken.address, taken.form, mask)
      while slots[slot].address != 0 { slot = (slot + 1) & mask }
      slots[slot] = taken
    }
    old.deallocate()
  }
}
