// The storage of dictionaries and sets.
//
//      0 header   16 count   24 capacity   32 scale (8 bits)  33 reserved scale   34 extra   36 age
//      40 seed    48 keys    56 values (dictionaries)
//      64 (56) bitmap, one bit per bucket; keys; values
//
// 1. There are 1 << scale buckets. With fewer than 64, the bitmap's unused bits are 1.
// 2. The pointers at 48 and 56 lead into the storage itself; an image has zeros there, since
//    they follow from scale and types.
// 3. The seed is the storage's own and travels with it. Together with the process's seeds it
//    decides the bucket of a key, so under other seeds the table is rehashed (`Restorer`).
// 4. Only occupied buckets are read or stored.

import SoftPMBase

struct TableStorage {
  let key: ValueLayout
  /// Nil for sets.
  let value: ValueLayout?

  static let count = 16
  static let capacity = 24
  static let scale = 32
  static let seed = 40
  static let keys = 48
  static let values = 56
  /// More would be more buckets than memory has bytes.
  static let scaleMost = 40

  var bitmapOffset: Int { value == nil ? 56 : 64 }

  func keysOffset(_ buckets: Int) -> Int {
    let words = (buckets + 63) / 64
    let end = bitmapOffset + words * 8
    return (end + key.alignmentMask) & ~key.alignmentMask
  }

  func valuesOffset(_ buckets: Int) -> Int {
    let end = keysOffset(buckets) + buckets * key.stride
    guard let value else { return end }
    return (end + value.alignmentMask) & ~value.alignmentMask
  }

  func end(_ buckets: Int) -> Int {
    valuesOffset(buckets) + (value.map { $0.stride * buckets } ?? 0)
  }

  func buckets(of storage: UnsafeRawPointer) -> Int {
    1 << Int(storage.load(fromByteOffset: Self.scale, as: Int8.self))
  }

  func byteCount(of storage: UnsafeRawPointer) -> Int { end(buckets(of: storage)) }

  /// Calls `body` with each occupied bucket, in order.
  func eachBucket<Failure: Error>(
    of storage: UnsafeRawPointer, _ body: (Int) throws(Failure) -> Void
  ) throws(Failure) {
    let buckets = buckets(of: storage)
    var word = 0
    while word * 64 < buckets {
      var bits = storage.load(fromByteOffset: bitmapOffset + word * 8, as: UInt64.self)
      if buckets < 64 { bits &= (1 << UInt64(buckets)) - 1 }
      while bits != 0 {
        try body(word * 64 + bits.trailingZeroBitCount)
        bits &= bits - 1
      }
      word += 1
    }
  }

  func visit(
    _ storage: UnsafeRawPointer, in site: Site, _ body: ReferenceVisitor
  ) throws(ContainerError) {
    let visitsKeys = !key.isUnvisited
    let visitsValues = !(value?.isUnvisited ?? true)
    guard visitsKeys || visitsValues else { return }
    let buckets = buckets(of: storage)
    let keys = keysOffset(buckets)
    let values = valuesOffset(buckets)
    try eachBucket(of: storage) { bucket throws(ContainerError) in
      if visitsKeys {
        let offset = keys + bucket * key.stride
        try key.visit(storage + offset, at: offset, in: site, body)
      }
      if visitsValues, let value {
        let offset = values + bucket * value.stride
        try value.visit(storage + offset, at: offset, in: site, body)
      }
    }
  }

  func write(
    _ storage: UnsafeRawPointer, into image: UnsafeMutableRawPointer, in site: Site,
    _ context: any ImageContext
  ) throws(ContainerError) {
    let buckets = buckets(of: storage)
    let keys = keysOffset(buckets)
    let values = valuesOffset(buckets)
    (image + Self.count).copyMemory(from: storage + Self.count, byteCount: Self.keys - Self.count)
    (image + bitmapOffset).copyMemory(
      from: storage + bitmapOffset, byteCount: (buckets + 63) / 64 * 8)
    try eachBucket(of: storage) { bucket throws(ContainerError) in
      let offset = keys + bucket * key.stride
      try key.write(storage + offset, into: image + offset, at: offset, in: site, context)
      if let value {
        let offset = values + bucket * value.stride
        try value.write(storage + offset, into: image + offset, at: offset, in: site, context)
      }
    }
  }

  /// `["a"]` for a dictionary's value, `.keys["a"]` for its key, `{"a"}` for a set's member.
  func path(toSlotAt offset: Int, in storage: UnsafeRawPointer) -> String {
    let buckets = buckets(of: storage)
    let keys = keysOffset(buckets)
    let values = valuesOffset(buckets)
    guard offset >= keys, key.stride > 0 || value != nil else { return "" }
    func literal(_ bucket: Int) -> String {
      KeyLiteral.text(of: key, at: storage + keys + bucket * key.stride) ?? "#\(bucket)"
    }
    if let value, offset >= values, value.stride > 0 {
      let bucket = (offset - values) / value.stride
      let start = values + bucket * value.stride
      return "[\(literal(bucket))]"
        + value.path(toSlotAt: offset - start, in: storage + start)
    }
    guard key.stride > 0 else { return "" }
    let bucket = (offset - keys) / key.stride
    let start = keys + bucket * key.stride
    let rest = key.path(toSlotAt: offset - start, in: storage + start)
    return (value == nil ? "{\(literal(bucket))}" : ".keys[\(literal(bucket))]") + rest
  }
}

/// A dictionary's key as a Swift literal, for paths.
enum KeyLiteral {
  /// Nil for types without a literal form.
  static func text(of layout: ValueLayout, at place: UnsafeRawPointer) -> String? {
    func load<Value>(_ type: Value.Type) -> Value {
      place.assumingMemoryBound(to: type).pointee
    }
    switch layout.metadata.type {
    case is String.Type: return quoted(load(String.self))
    case is Character.Type: return quoted(String(load(Character.self)))
    case is Substring.Type: return quoted(String(load(Substring.self)))
    case let type as any BinaryInteger.Type: return integer(type, place)
    case is Bool.Type: return "\(load(Bool.self))"
    case is Double.Type: return "\(load(Double.self))"
    case is Float.Type: return "\(load(Float.self))"
    default: return layout.simpleCaseName(at: place).map { ".\($0)" }
    }
  }

  private static func integer<Number: BinaryInteger>(
    _ type: Number.Type, _ place: UnsafeRawPointer
  ) -> String {
    place.assumingMemoryBound(to: type).pointee.description
  }

  private static func quoted(_ text: String) -> String { text.swiftLiteral }
}

extension ValueLayout {
  /// The name of the current case, where it has no payload.
  func simpleCaseName(at value: UnsafeRawPointer) -> String? {
    guard case .form(let form) = structure, let form = form as? EnumForm else { return nil }
    return form.emptyCaseName(of: value)
  }
}
