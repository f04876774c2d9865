import SoftPMBase

extension ObjectLayout {
  /// Turns the image of a member into live fields; the header is the session's.
  func swizzle(
    _ member: UnsafeMutableRawPointer, byteCount: Int, _ session: RestoreSession
  ) throws(ContainerError) {
    func check(_ needed: Int) throws(ContainerError) {
      guard needed <= byteCount else { throw session.damaged("an object in its cell", at: member) }
    }
    switch form {
    case .instance(let layout):
      try check(layout.size)
      try layout.swizzle(member, session)
    case .array(let element):
      try swizzleArray(member, element, byteCount: byteCount, session)
    case .table(let table): try table.swizzle(member, byteCount: byteCount, session)
    case .string: try swizzleString(member, byteCount: byteCount, session)
    case .box(let layout):
      try check(Self.boxOffset(layout) + layout.size)
      try layout.swizzle(member + Self.boxOffset(layout), session)
    case .errorBox(let layout):
      try check(Self.errorBoxOffset(layout) + layout.size)
      let type = try session.type(
        member.load(fromByteOffset: 16, as: UInt.self), at: member + 16)
      guard type == layout.metadata else { throw session.damaged("an error", at: member + 16) }
      member.storeBytes(of: type.address, toByteOffset: 16, as: UnsafeRawPointer.self)
      try session.fillWitnesses(of: RuntimeObjects.error, for: type, at: member + 24)
      try layout.swizzle(member + Self.errorBoxOffset(layout), session)
    case .buffer(let buffer): try buffer.swizzle(member, byteCount: byteCount, session)
    case .literal, .bytes, .memory: throw session.damaged("an object", at: member)
    }
  }

  private func swizzleArray(
    _ member: UnsafeMutableRawPointer, _ element: ValueLayout, byteCount: Int,
    _ session: RestoreSession
  ) throws(ContainerError) {
    let first = ArrayBits.elementsOffset(element.alignmentMask)
    let count = member.load(fromByteOffset: 16, as: Int.self)
    let capacity = member.load(fromByteOffset: 24, as: UInt.self)
    let room = element.stride == 0 ? Int.max : max(0, byteCount - first) / element.stride
    guard byteCount >= 32, count >= 0, capacity & 1 == 0, count <= Int(capacity >> 1),
      Int(capacity >> 1) <= room
    else { throw session.damaged("an array's count and capacity", at: member + 16) }
    if element.isSolid { return }
    var place = member + first
    for _ in 0..<count {
      try element.swizzle(place, session)
      place += element.stride
    }
  }

  private func swizzleString(
    _ member: UnsafeMutableRawPointer, byteCount: Int, _ session: RestoreSession
  ) throws(ContainerError) {
    guard byteCount >= StringBits.byteCount(0) else {
      throw session.damaged("a string in its cell", at: member)
    }
    let capacityWord = member.load(fromByteOffset: 16, as: UInt64.self)
    let countWord = member.load(fromByteOffset: 24, as: UInt64.self)
    let count = Int(countWord & StringBits.countMask)
    guard capacityWord == StringBits.capacityWord(cellBytes: byteCount),
      countWord == StringBits.nativeCountWord(countWord),
      StringBits.byteCount(count) <= byteCount,
      member.load(fromByteOffset: StringBits.bytesOffset + count, as: UInt8.self) == 0
    else { throw session.damaged("a string's count and capacity", at: member + 16) }
    let bytes = UnsafeRawBufferPointer(start: member + StringBits.bytesOffset, count: count)
    guard StringForm.isValid(bytes, isASCII: countWord & StringBits.ascii != 0) else {
      throw session.damaged("valid UTF-8", at: member + StringBits.bytesOffset)
    }
  }
}

extension TableStorage {
  func swizzle(
    _ storage: UnsafeMutableRawPointer, byteCount: Int, _ session: RestoreSession
  ) throws(ContainerError) {
    guard byteCount >= bitmapOffset + 8 else {
      throw session.damaged("a table in its cell", at: storage)
    }
    let scale = Int(storage.load(fromByteOffset: Self.scale, as: Int8.self))
    guard (0...Self.scaleMost).contains(scale), fits(1 << scale, in: byteCount) else {
      throw session.damaged("a table's size", at: storage + Self.scale)
    }
    let buckets = 1 << scale
    // What was reserved once is a hint for the next growth, and never more than there is.
    let reserved = storage.load(fromByteOffset: Self.scale + 1, as: Int8.self)
    storage.storeBytes(
      of: max(0, min(reserved, Int8(scale))), toByteOffset: Self.scale + 1, as: Int8.self)
    let count = storage.load(fromByteOffset: Self.count, as: Int.self)
    let capacity = storage.load(fromByteOffset: Self.capacity, as: Int.self)
    var occupied = 0
    eachBucket(of: storage) { _ in occupied += 1 }
    // A table is never full: looking for an absent key ends at an empty bucket.
    guard count == occupied, count < buckets, capacity >= count, capacity < buckets else {
      throw session.damaged("a table's count and capacity", at: storage + Self.count)
    }
    let keys = storage + keysOffset(buckets)
    let values = storage + valuesOffset(buckets)
    storage.storeBytes(of: keys, toByteOffset: Self.keys, as: UnsafeMutableRawPointer.self)
    if value != nil {
      storage.storeBytes(of: values, toByteOffset: Self.values, as: UnsafeMutableRawPointer.self)
    }
    try eachBucket(of: storage) { bucket throws(ContainerError) in
      try key.swizzle(keys + bucket * key.stride, session)
      if let value { try value.swizzle(values + bucket * value.stride, session) }
    }
  }

  /// Without overflow, whatever the strides are.
  private func fits(_ buckets: Int, in byteCount: Int) -> Bool {
    let perBucket = key.stride + (value?.stride ?? 0)
    guard perBucket == 0 || buckets <= byteCount / max(perBucket, 1) + 1,
      buckets / 8 <= byteCount
    else { return false }
    return end(buckets) <= byteCount
  }
}
