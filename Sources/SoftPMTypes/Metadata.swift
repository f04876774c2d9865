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

  /// Where the generic arguments are: metadata first, then witness tables.
  var genericArguments: UnsafeRawPointer? {
    guard let descriptor else { return nil }
    guard kind == .classType else { return address + 16 }
    return address + descriptor.classGenericArgumentsOffset
  }

  func genericArgument(_ index: Int) -> Metadata? {
    guard let descriptor, descriptor.genericParameterCount > index, let genericArguments
    else { return nil }
    return Metadata(
      genericArguments.load(fromByteOffset: index * 8, as: UnsafeRawPointer.self))
  }

  func genericInteger(_ index: Int) -> Int {
    genericArguments?.load(fromByteOffset: index * 8, as: Int.self) ?? 0
  }

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

extension Metadata {
  /// Constrained existentials (`any Collection<Int>`); nil for forms that this version does not
  /// know.
  ///
  ///      metadata  8 shape
  ///      shape     0 flags (0–7: 0 opaque, 1 class-bound)   8 parameters   10 requirements
  ///               16 type expression?   witnesses?   generalisation header?   parameters?
  ///                  requirements: 0 flags (0–4: 0 protocol; 7 has a witness table)
  ///                                4 subject, which is Self   8 protocol
  var extendedExistential: ExistentialDescription? {
    let word = address.load(fromByteOffset: 8, as: UInt.self)
    guard let shape = UnsafeRawPointer(bitPattern: word) else { return nil }
    let flags = shape.load(as: UInt32.self)
    guard flags & 0xff <= 1, flags & 0x2000 == 0 else { return nil }
    let parameterCount = Int(shape.load(fromByteOffset: 8, as: UInt16.self))
    let requirementCount = Int(shape.load(fromByteOffset: 10, as: UInt16.self))
    var offset = 16
    if flags & 0x200 != 0 { offset += 4 }
    if flags & 0x400 != 0 { offset += 4 }
    var generalParameterCount = 0
    if flags & 0x100 != 0 {
      generalParameterCount = Int(shape.load(fromByteOffset: offset, as: UInt16.self))
      offset += 8
    }
    if flags & 0x800 == 0 { offset += parameterCount }
    if flags & 0x100 != 0, flags & 0x1000 == 0 { offset += generalParameterCount }
    offset = (offset + 3) & ~3
    var protocols: [UnsafeRawPointer] = []
    for index in 0..<requirementCount {
      let requirement = shape + offset + index * 12
      let requirementFlags = requirement.load(as: UInt32.self)
      guard requirementFlags & 0x1f == 0, requirementFlags & 0x80 != 0 else { continue }
      guard let subject = relativePointer(at: requirement + 4).map(MangledName.init),
        subject.isSelf, let proto = indirectableRelativePointer(at: requirement + 8)
      else { return nil }
      protocols.append(proto)
    }
    return ExistentialDescription(
      witnessCount: protocols.count, isClassBound: flags & 0xff == 1, isError: false,
      superclass: nil, protocols: protocols)
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
}
