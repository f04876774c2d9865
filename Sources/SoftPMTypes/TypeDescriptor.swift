import CSoftPMRuntime

/// A pointer stored as a distance from its own place; nil where the distance is zero.
func relativePointer(at place: UnsafeRawPointer) -> UnsafeRawPointer? {
  let distance = place.load(as: Int32.self)
  return distance == 0 ? nil : place + Int(distance)
}

/// A relative pointer whose lowest bit says that it leads to a pointer.
func indirectableRelativePointer(at place: UnsafeRawPointer) -> UnsafeRawPointer? {
  let distance = place.load(as: Int32.self)
  guard distance != 0 else { return nil }
  let target = place + Int(distance & ~1)
  return distance & 1 == 0 ? target : target.load(as: UnsafeRawPointer?.self)
}

/// A context descriptor in a binary: a nominal type, or what one is nested in.
///
///      0  flags: bits 0–4 kind, bit 7 generic, 16… kind's own       all
///      4  parent, relative, indirectable                            all
///      8  name                                                      module, types
///     16  field descriptor                                          types
///     20  field count (struct), payload cases (enum)
///     24  negative size or resilient bounds (class)   28  positive size   32  immediate members
///     36  field count (class)
struct TypeDescriptor: Hashable, @unchecked Sendable {
  let address: UnsafeRawPointer

  enum Kind: UInt32 {
    case module = 0
    case `extension` = 1
    case anonymous = 2
    case `protocol` = 3
    case opaque = 4
    case classType = 16
    case structure = 17
    case enumeration = 18
  }

  var flags: UInt32 { address.load(as: UInt32.self) }
  var kind: Kind? { Kind(rawValue: flags & 0x1f) }
  var isGeneric: Bool { flags & 0x80 != 0 }

  var isNominal: Bool {
    kind == .classType || kind == .structure || kind == .enumeration
  }

  var parent: TypeDescriptor? {
    indirectableRelativePointer(at: address + 4).map(TypeDescriptor.init)
  }

  /// The bare name of a module or nominal type.
  var name: String {
    switch kind {
    case .module, .protocol, .classType, .structure, .enumeration:
      return relativePointer(at: address + 8).map {
        String(cString: $0.assumingMemoryBound(to: CChar.self))
      } ?? ""
    default: return ""
    }
  }

  /// The module that the type is declared in.
  var module: String {
    var current = self
    while current.kind != .module {
      guard let parent = current.parent else { return "" }
      current = parent
    }
    return current.name
  }

  /// A private, fileprivate or local type, or one nested in such: its mangled name holds an
  /// address and finds nothing, so it is known by its path (`TypeIdentity`).
  var isAnonymous: Bool {
    var current: TypeDescriptor? = self
    while let context = current {
      if context.kind == .anonymous { return true }
      current = context.parent
    }
    return false
  }

  var fieldCount: Int {
    Int(address.load(fromByteOffset: kind == .classType ? 36 : 20, as: UInt32.self))
  }
  var payloadCaseCount: Int { Int(address.load(fromByteOffset: 20, as: UInt32.self) & 0xff_ffff) }
  var emptyCaseCount: Int { Int(address.load(fromByteOffset: 24, as: UInt32.self)) }

  /// Parameters by nesting level, outermost first, as mangled names group them.
  var genericLevels: [Int] {
    var totals: [Int] = []
    var current: TypeDescriptor? = self
    while let context = current, context.kind != .module {
      if context.isNominal { totals.append(context.genericParameterCount) }
      current = context.parent
    }
    var levels: [Int] = []
    var before = 0
    for total in totals.reversed() {
      levels.append(total > before ? total - before : 0)
      before = max(before, total)
    }
    return levels
  }

  var classGenericArgumentsOffset: Int {
    let hasResilientSuperclass = (flags >> 16) & 0x2000 != 0
    if hasResilientSuperclass {
      return relativePointer(at: address + 24)?.load(as: Int.self) ?? 0
    }
    let negativeWords = Int(address.load(fromByteOffset: 24, as: UInt32.self))
    let positiveWords = Int(address.load(fromByteOffset: 28, as: UInt32.self))
    let immediateMembers = Int(address.load(fromByteOffset: 32, as: UInt32.self))
    let areNegative = (flags >> 16) & 0x1000 != 0
    return areNegative ? -8 * negativeWords : 8 * (positiveWords - immediateMembers)
  }

  /// Nil where the binary was built without reflection metadata.
  var fieldRecords: [FieldRecord]? {
    guard let fields = relativePointer(at: address + 16) else { return nil }
    let size = Int(fields.load(fromByteOffset: 10, as: UInt16.self))
    let count = Int(fields.load(fromByteOffset: 12, as: UInt32.self))
    return (0..<count).map { FieldRecord(fields + 16 + $0 * size) }
  }
}

/// A stored property or enum case as the compiler described it.
struct FieldRecord {
  let name: String
  let isIndirectCase: Bool
  /// Nil for a case without payload.
  let typeName: MangledName?

  init(_ record: UnsafeRawPointer) {
    isIndirectCase = record.load(as: UInt32.self) & 1 != 0
    typeName = relativePointer(at: record + 4).map(MangledName.init)
    name =
      relativePointer(at: record + 8).map {
        String(cString: $0.assumingMemoryBound(to: CChar.self))
      } ?? ""
  }
}

/// A mangled type name in a binary; bytes 0x01…0x1f begin symbolic references.
struct MangledName {
  let start: UnsafeRawPointer
  let byteCount: Int

  init(_ start: UnsafeRawPointer) {
    self.start = start
    var length = 0
    while true {
      switch start.load(fromByteOffset: length, as: UInt8.self) {
      case 0:
        byteCount = length
        return
      case 0x01...0x17: length += 5
      case 0x18...0x1f: length += 9
      default: length += 1
      }
    }
  }

  private func byte(_ index: Int) -> UInt8 { start.load(fromByteOffset: index, as: UInt8.self) }

  /// The type is made by a function of the binary. In Swift 6.3 that is how noncopyable field
  /// types are recorded, and the function answers `()` instead of the type.
  var isMadeByFunction: Bool { byteCount > 0 && byte(0) == 0x09 }

  /// The first generic parameter, or the first of the inner level where there are two.
  var isSelf: Bool {
    let text = UnsafeRawBufferPointer(start: start, count: byteCount)
    return text.elementsEqual("x".utf8) || text.elementsEqual("qd__".utf8)
  }

  /// What the first symbolic reference leads to, where that is a type or a protocol.
  var referencedDescriptor: TypeDescriptor? {
    var index = 0
    while index < byteCount {
      let place = start + index + 1
      switch byte(index) {
      case 0x01: return TypeDescriptor(address: place + Int(place.loadUnaligned(as: Int32.self)))
      case 0x02:
        let target = place + Int(place.loadUnaligned(as: Int32.self))
        return target.load(as: UnsafeRawPointer?.self).map(TypeDescriptor.init)
      case 0x03...0x1f: return nil
      default: index += 1
      }
    }
    return nil
  }

  /// Reflection says only "not strong"; the suffix of the name says which.
  var ownership: Ownership {
    guard byteCount >= 2, byte(byteCount - 2) == UInt8(ascii: "X") else { return .strong }
    switch byte(byteCount - 1) {
    case UInt8(ascii: "w"): return .weak
    case UInt8(ascii: "o"): return .unowned
    case UInt8(ascii: "u"): return .unmanaged
    default: return .strong
    }
  }
}

/// How a stored property holds its object.
package enum Ownership: UInt8, Sendable {
  case strong, weak, unowned, unmanaged
}
