// What a slot refers to, found without reading the target: so a reader can tell what it need not
// look at.

import SoftPMBase

/// A slot that holds one strong reference and nothing else.
package struct StoredSlot: Sendable {
  package let target: ArenaAddress
  /// The text of a string: behind it there is nothing more to see.
  package let isText: Bool
}

extension StoredReader {
  /// The slot's one reference; nil where it has none, or more than that.
  package func slot(at place: StoredPlace) throws(ContainerError) -> StoredSlot? {
    var place = place
    for _ in 0..<8 {
      guard place.ownership == .strong, place.reach == .direct else { return nil }
      let record = types.record(place.type)
      switch record.shape {
      case .object, .classExistential, .errorExistential, .array, .dictionary, .set:
        let word = try place.cell.integer(place.offset, as: UInt64.self)
        return word == 0 || memory.isCode(word)
          ? nil : StoredSlot(target: ArenaAddress(word), isText: false)
      case .string:
        let word = try place.cell.integer(place.offset + 8, as: UInt64.self)
        return word == 0 || word & (1 << 61) != 0
          ? nil : StoredSlot(target: ArenaAddress(word), isText: true)
      case .record:
        // Only where nothing stands beside the reference.
        let parts = record.fields.filter { types.record($0.type).size > 0 }
        guard parts.count == 1, parts[0].isTransparent, parts[0].reach == .direct else {
          return nil
        }
        place = StoredPlace(
          place.cell, place.offset + Int(parts[0].offset), parts[0].type, parts[0].ownership)
      case .enumeration where record.isOptional:
        let bytes = try place.cell.slice(place.offset, Int(record.size))
        let some = record.cases[0]
        guard let type = some.type, bytes.contains(where: { $0 != 0 }), !some.isIndirect,
          !some.bits.contains(where: { $0.value != 0 }),
          types.record(type).size == record.size
        else { return nil }
        place = StoredPlace(place.cell, place.offset, type)
      default: return nil
      }
    }
    return nil
  }

  /// The bytes of two places of one type, for what may be compared without being understood.
  package func bytes(at place: StoredPlace) throws(ContainerError) -> UnsafeRawBufferPointer {
    try place.cell.slice(place.offset, Int(types.record(place.type).size))
  }
}

extension StoredReader {
  /// Values of the type are equal where their bytes are, whatever the rest of the store holds.
  package func holdsNoReference(_ type: UInt32) -> Bool {
    types.holdsNoReference(type, depth: 0)
  }
}

extension StoredTypes {
  fileprivate func holdsNoReference(_ type: UInt32, depth: Int) -> Bool {
    guard depth < 16 else { return false }
    let record = record(type)
    switch record.shape {
    case .signed, .unsigned, .float, .bool, .scalar, .metatype: return true
    case .record:
      return record.fields.allSatisfy {
        $0.ownership == .strong && $0.reach == .direct
          && holdsNoReference($0.type, depth: depth + 1)
      }
    case .enumeration:
      return record.cases.allSatisfy { current in
        !current.isIndirect
          && (current.type.map { holdsNoReference($0, depth: depth + 1) } ?? true)
      }
    default: return false
    }
  }
}
