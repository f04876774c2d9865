// Reads the words of Swift's runtime metadata (Swift 6.3, 64-bit ELF). Nothing else in this
// layer knows these offsets.
//
// 1. A type is known by the address of its metadata; one type has one metadata record.
// 2. Word −1 is the value witness table, word 0 the kind. On ELF a class has kind 0.
// 3. Nominal types point to a descriptor in the binary: struct, enum at word 1, class at word 5.
//
//      class metadata        struct/enum metadata     tuple metadata       existential metadata
//      −8  value witnesses   −8  value witnesses      −8  value witnesses  −8  value witnesses
//       0  kind (0)           0  kind                  0  kind              0  kind
//       8  superclass         8  descriptor            8  element count     8  flags, count
//      24  instance size     16  generic arguments    16  labels           16  superclass?, protocols
//      40  descriptor                                 24  (type, offset)…

import CSoftPMRuntime

/// The metadata record of one type.
struct Metadata: Hashable, @unchecked Sendable {
  let address: UnsafeRawPointer

  init(_ address: UnsafeRawPointer) {
    self.address = address
  }

  init(_ type: Any.Type) {
    address = unsafeBitCast(type, to: UnsafeRawPointer.self)
  }

  var type: Any.Type { unsafeBitCast(address, to: Any.Type.self) }
  var word: UInt { UInt(bitPattern: address) }

  /// What sort of type a metadata record describes.
  enum Kind: Int {
    case classType = 0
    case structure = 0x200
    case enumeration = 0x201
    case optional = 0x202
    case foreignClass = 0x203
    case foreignReference = 0x204
    case opaque = 0x300
    case tuple = 0x301
    case function = 0x302
    case existential = 0x303
    case metatype = 0x304
    case existentialMetatype = 0x306
    case extendedExistential = 0x307
    case fixedArray = 0x308
    case localVariable = 0x400
    case genericBox = 0x500
    case errorBox = 0x501
    case task = 0x502
    case job = 0x503
  }

  /// Nil for kinds that this version of the library does not know.
  var kind: Kind? {
    let word = address.load(as: Int.self)
    return Kind(rawValue: word > 0x7ff || word < 0 ? 0 : word)
  }
}

// MARK: - Size and bits

extension Metadata {
  private var witnesses: UnsafeRawPointer { (address - 8).load(as: UnsafeRawPointer.self) }
  private var flags: UInt32 { witnesses.load(fromByteOffset: 80, as: UInt32.self) }

  var size: Int { witnesses.load(fromByteOffset: 64, as: Int.self) }
  var stride: Int { witnesses.load(fromByteOffset: 72, as: Int.self) }
  var alignmentMask: Int { Int(flags & 0xff) }
  /// Copying the value is copying its bytes. That does not make it free of pointers.
  var isBitwise: Bool { flags & 0x1_0000 == 0 }
  /// An existential holds the value in its own three words.
  var isStoredInline: Bool { flags & 0x2_0000 == 0 }
  var hasEnumWitnesses: Bool { flags & 0x20_0000 != 0 }
  var isCopyable: Bool { flags & 0x80_0000 == 0 }
}

// MARK: - Nominal types

extension Metadata {
  var descriptor: TypeDescriptor? {
    switch kind {
    case .structure, .enumeration, .optional:
      return address.load(fromByteOffset: 8, as: UnsafeRawPointer?.self).map(TypeDescriptor.init)
    case .classType:
      return address.load(fromByteOffset: 40, as: UnsafeRawPointer?.self).map(TypeDescriptor.init)
    default: return nil
    }
  }

  /// Classes only; nil at the root of the hierarchy.
  var superclass: Metadata? {
    guard kind == .classType else { return nil }
    return address.load(fromByteOffset: 8, as: UnsafeRawPointer?.self).map(Metadata.init)
  }

  var instanceSize: Int { Int(address.load(fromByteOffset: 24, as: UInt32.self)) }

  func isSubclass(of other: Metadata) -> Bool {
    var current: Metadata? = self
    while let candidate = current {
      if candidate == other { return true }
      current = candidate.superclass
    }
    return false
  }

  /// Resolves a mangled name found in this type's records.
  func resolve(_ name: MangledName) -> Metadata? {
    softpm_runtime_type_named(
      name.start, name.byteCount, descriptor?.address, genericArguments
    ).map(Metadata.init)
  }
}

// MARK: - Structural types

extension Metadata {
  var tupleElements: [(type: Metadata, offset: Int)] {
    let count = address.load(fromByteOffset: 8, as: Int.self)
    return (0..<count).map { index in
      let element = address + 24 + index * 16
      return (
        Metadata(element.load(as: UnsafeRawPointer.self)),
        // 32 bits outside of Darwin; what follows is not initialised.
        Int(element.load(fromByteOffset: 8, as: UInt32.self))
      )
    }
  }

  /// One label per element; empty where an element has none.
  var tupleLabels: [String] {
    let count = address.load(fromByteOffset: 8, as: Int.self)
    let none = [String](repeating: "", count: count)
    guard let text = address.load(fromByteOffset: 16, as: UnsafePointer<CChar>?.self)
    else { return none }
    var labels = String(cString: text).split(
      separator: " ", omittingEmptySubsequences: false
    ).map(String.init)
    if labels.count > count { labels.removeLast(labels.count - count) }
    return labels.count == count ? labels : none
  }

  var fixedArray: (count: Int, element: Metadata) {
    (
      address.load(fromByteOffset: 8, as: Int.self),
      Metadata(address.load(fromByteOffset: 16, as: UnsafeRawPointer.self))
    )
  }

  /// Word 1 of a metatype, an existential metatype.
  var instanceType: Metadata {
    Metadata(address.load(fromByteOffset: 8, as: UnsafeRawPointer.self))
  }

  /// A function without a context: a bare code pointer.
  var isThinFunction: Bool { (address.load(fromByteOffset: 8, as: UInt.self) >> 16) & 0xff != 0 }

  /// The parameters' types, then the result's.
  var functionTypes: [Metadata] {
    let count = Int(address.load(fromByteOffset: 8, as: UInt16.self))
    return (0...count).map { index in
      let offset = index < count ? 24 + index * 8 : 16
      return Metadata(address.load(fromByteOffset: offset, as: UnsafeRawPointer.self))
    }
  }

  var existential: ExistentialDescription {
    let flags = address.load(fromByteOffset: 8, as: UInt32.self)
    let count = Int(address.load(fromByteOffset: 12, as: UInt32.self))
    let hasSuperclass = flags & 0x4000_0000 != 0
    let protocols = address + 16 + (hasSuperclass ? 8 : 0)
    return ExistentialDescription(
      witnessCount: Int(flags & 0xff_ffff),
      isClassBound: flags & 0x8000_0000 == 0,
      isError: (flags >> 24) & 0x3f == 1,
      superclass: hasSuperclass
        ? Metadata(address.load(fromByteOffset: 16, as: UnsafeRawPointer.self)) : nil,
      protocols: (0..<count).compactMap {
        UnsafeRawPointer(bitPattern: protocols.load(fromByteOffset: $0 * 8, as: UInt.self) & ~1)
      })
  }
}

/// What an existential's metadata says about its containers.
struct ExistentialDescription: @unchecked Sendable {
  var witnessCount: Int
  var isClassBound: Bool
  var isError: Bool
  var superclass: Metadata?
  /// Protocol descriptors, in the order of the witness tables.
  var protocols: [UnsafeRawPointer]
  /// The existential itself where it asks for more than conformances: `any P<T>`.
  var constrained: Metadata?
}
