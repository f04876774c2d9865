// Puts the keys of a restored table into the buckets that this process looks for them in.
//
// 1. Runs the keys' own `hash(into:)`, so it comes last, when all objects are whole.
// 2. Linear probing as the standard library does it: the first free bucket from the hash on.
// 3. Keys and values are moved as bytes. On Linux that holds for weak references too.

extension TableStorage {
  /// The place of a key depends on where objects are: it reaches an object whose hash may be its
  /// address, or is an address itself.
  var hashesByAddress: Bool { key.mayHashByAddress }

  /// False where the key type is not Hashable or, if asked for, where a key is there twice: only
  /// a damaged image can have either.
  func rehash(_ storage: UnsafeMutableRawPointer, checksKeys: Bool) -> Bool {
    guard let type = key.metadata.type as? any Hashable.Type else { return false }
    rehash(storage, as: type)
    return !checksKeys || hasDistinctKeys(storage, as: type)
  }

  private func hasDistinctKeys<Key: Hashable>(
    _ storage: UnsafeMutableRawPointer, as: Key.Type
  ) -> Bool {
    let keys = storage + keysOffset(buckets(of: storage))
    var seen: Set<Key> = []
    var areDistinct = true
    eachBucket(of: storage) { bucket in
      let place = (keys + bucket * key.stride).assumingMemoryBound(to: Key.self)
      if !seen.insert(place.pointee).inserted { areDistinct = false }
    }
    return areDistinct
  }

  private func rehash<Key: Hashable>(_ storage: UnsafeMutableRawPointer, as: Key.Type) {
    let seed = storage.load(fromByteOffset: Self.seed, as: Int.self)
    let buckets = buckets(of: storage)
    let keys = storage + keysOffset(buckets)
    let values = storage + valuesOffset(buckets)
    let valueStride = value?.stride ?? 0
    let oldKeys = UnsafeMutableRawPointer.allocate(
      byteCount: max(1, buckets * key.stride), alignment: key.alignmentMask + 1)
    let oldValues = UnsafeMutableRawPointer.allocate(
      byteCount: max(1, buckets * valueStride), alignment: (value?.alignmentMask ?? 0) + 1)
    defer {
      oldKeys.deallocate()
      oldValues.deallocate()
    }
    oldKeys.copyMemory(from: keys, byteCount: buckets * key.stride)
    oldValues.copyMemory(from: values, byteCount: buckets * valueStride)
    var occupied: [Int] = []
    eachBucket(of: storage) { occupied.append($0) }
    clearBitmap(of: storage, buckets: buckets)
    for bucket in occupied {
      let place = oldKeys + bucket * key.stride
      let hash = place.assumingMemoryBound(to: Key.self).pointee._rawHashValue(seed: seed)
      let free = firstFreeBucket(of: storage, from: hash & (buckets - 1), buckets: buckets)
      (keys + free * key.stride).copyMemory(from: place, byteCount: key.stride)
      (values + free * valueStride).copyMemory(
        from: oldValues + bucket * valueStride, byteCount: valueStride)
    }
  }

  private func clearBitmap(of storage: UnsafeMutableRawPointer, buckets: Int) {
    for word in 0..<(buckets + 63) / 64 {
      let unused: UInt64 = buckets < 64 ? ~((1 << UInt64(buckets)) - 1) : 0
      storage.storeBytes(of: unused, toByteOffset: bitmapOffset + word * 8, as: UInt64.self)
    }
  }

  /// Takes the first free bucket at or after `start`; there is one, as a table is never full.
  private func firstFreeBucket(
    of storage: UnsafeMutableRawPointer, from start: Int, buckets: Int
  ) -> Int {
    var bucket = start
    while true {
      let place = storage + bitmapOffset + bucket / 64 * 8
      let bits = place.load(as: UInt64.self)
      let bit: UInt64 = 1 << UInt64(bucket % 64)
      if bits & bit == 0 {
        place.storeBytes(of: bits | bit, as: UInt64.self)
        return bucket
      }
      bucket = (bucket + 1) & (buckets - 1)
    }
  }
}

extension ValueLayout {
  /// Whether a value's hash may be made of an address: it refers to an object, or is an identity.
  var mayHashByAddress: Bool {
    !objects.isEmpty || forms.contains { $0.form.mayHashByAddress }
  }
}

extension FieldForm {
  /// Strings, and collections of what does not, are hashed by content.
  fileprivate var mayHashByAddress: Bool {
    switch self {
    case is StringForm, is SubstringForm, is BoolForm, is ScalarForm: false
    case let form as EnumForm:
      form.payloads.contains { $0.boxed != nil || $0.payload?.mayHashByAddress ?? false }
    case let form as FixedArrayForm: form.element.mayHashByAddress
    default: true
    }
  }
}
