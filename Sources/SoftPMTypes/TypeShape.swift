// How the bytes of a type are read by somebody who has only the store.
//
// 1. A shape names what this library stores for a kind of type; together with sizes, fields and
//    cases it is enough to print a value, and to follow its references, without the program.
// 2. What a shape promises holds for *images*: padding is zero, references are home addresses,
//    types are (index + 1) << 12, witness tables are zero.
// 3. `opaque` is for what can be declared but never stored (closures, pointers) and for types
//    whose bytes only the program understands.

import CSoftPMRuntime
import SoftPMBase

enum TypeShape: Equatable {
  case opaque
  /// Part of running, not of the state: an observation registrar, an actor's executor.
  case hidden
  /// Integers of the type's size, little-endian.
  case signed, unsigned
  /// IEEE 754; of 16 bytes 10 count.
  case float
  case bool, scalar
  /// Fields at their offsets: structs, tuples, boxes, instances of classes.
  case record
  /// Cases, told apart by their `bits`.
  case enumeration
  /// An object's home address; which class it is, its header tells.
  case object
  /// Three words with the value or its box, then the type.
  case existential
  /// An object's home address, then witness tables.
  case classExistential
  /// The home address of an error box.
  case errorExistential
  /// One reference to storage.
  case array, dictionary, set
  /// Reference to storage, distance of element 0, start, end × 2.
  case arraySlice
  case string
  /// Start and end as byte offsets << 16, then a string.
  case substring
  case metatype
  /// A type, or the home address of an object.
  case identifier
  /// A pointer of the program's own, which is nil when it is stored.
  case pointer
  /// So many values of the field `element`, one after another.
  case elements(count: UInt64)
  /// 16 count, elements from the offset of the field `element` on.
  case arrayStorage
  /// As `TableStorage` has it, of the fields `key` and `value`; sets have no value.
  case tableStorage
  case stringStorage
}

extension TypeShape {
  private var tag: UInt8 {
    switch self {
    case .opaque: 0
    case .hidden: 1
    case .signed: 2
    case .unsigned: 3
    case .float: 4
    case .bool: 5
    case .scalar: 6
    case .record: 7
    case .enumeration: 8
    case .object: 9
    case .existential: 10
    case .classExistential: 11
    case .errorExistential: 12
    case .array: 13
    case .dictionary: 14
    case .set: 15
    case .arraySlice: 16
    case .string: 17
    case .substring: 18
    case .metatype: 20
    case .identifier: 21
    case .pointer: 22
    case .elements: 23
    case .arrayStorage: 24
    case .tableStorage: 25
    case .stringStorage: 26
    }
  }

  /// All that have no number of their own, by tag.
  private static let plain: [TypeShape] = [
    .opaque, .hidden, .signed, .unsigned, .float, .bool, .scalar, .record, .enumeration, .object,
    .existential, .classExistential, .errorExistential, .array, .dictionary, .set, .arraySlice,
    .string, .substring, .metatype, .identifier, .pointer, .arrayStorage, .tableStorage,
    .stringStorage,
  ]

  /// Numbers are read by their size.
  func admits<Size: BinaryInteger>(_ size: Size) -> Bool {
    switch self {
    case .signed, .unsigned: size > 0
    case .float: [2, 4, 8, 16].contains(size)
    default: true
    }
  }

  func encode(into writer: inout ByteWriter) {
    writer.integer(tag)
    if case .elements(let count) = self { writer.integer(count) }
  }

  init(decoding reader: inout ByteReader) throws(ContainerError) {
    let tag: UInt8 = try reader.integer()
    if tag == 23 {
      self = .elements(count: try reader.integer())
      return
    }
    guard let shape = Self.plain.first(where: { $0.tag == tag }) else {
      throw reader.invalid("a shape of type", found: "\(tag)")
    }
    self = shape
  }
}

// MARK: - From this process's metadata

extension TypeShape {
  init(of key: TypeRecord.Key, _ catalog: TypeCatalog) {
    switch key.kind {
    case .box, .errorBox: self = .record
    case .name, .value: self.init(ofValue: key.metadata, catalog)
    case .instance:
      self =
        switch (try? catalog.instanceLayout(of: key.metadata))?.form {
        case .instance, .buffer: .record
        case .array: .arrayStorage
        case .table: .tableStorage
        case .string: .stringStorage
        default: .opaque
        }
    }
  }

  private init(ofValue metadata: Metadata, _ catalog: TypeCatalog) {
    if let primitive = Self.primitive(metadata) {
      self = primitive
      return
    }
    if metadata.kind == .optional {
      self = .enumeration
      return
    }
    let layout = catalog.valueLayout(of: metadata)
    switch layout.structure {
    case .record: self = .record
    case .form(let form): self.init(of: form, metadata)
    case .plain:
      if Self.lanes(of: metadata) != nil {
        self = .elements(count: UInt64(Self.lanes(of: metadata) ?? 0))
      } else if !layout.objects.isEmpty {
        self = .object
      } else {
        self = metadata.size == 0 ? .record : .opaque
      }
    }
    if case .record = layout.structure, let lanes = Self.lanes(of: metadata) {
      self = .elements(count: UInt64(lanes))
    }
  }

  private init(of form: FieldForm, _ metadata: Metadata) {
    self =
      switch form {
      case is EnumForm: .enumeration
      case is BoolForm: .bool
      case is ScalarForm: .scalar
      case let form as ExistentialForm: form.shape
      case is ArrayForm: .array
      case is ArraySliceForm: .arraySlice
      case let form as TableForm: form.shape
      case is StringForm: .string
      case is SubstringForm: .substring
      case is MetatypeForm: .metatype
      case is ObjectIdentifierForm: .identifier
      case is NilPointerForm: .pointer
      case let form as FixedArrayForm: .elements(count: UInt64(form.count))
      case is RegistrarForm, is ActorForm: .hidden
      default: .opaque
      }
  }

  /// Numbers, of the standard library and of the compiler itself.
  private static func primitive(_ metadata: Metadata) -> TypeShape? {
    if metadata.kind == .opaque {
      let name = _typeName(metadata.type, qualified: true)
      if name.hasPrefix("Builtin.Int") || name == "Builtin.Word" { return .signed }
      return name.hasPrefix("Builtin.FPIEEE") ? .float : nil
    }
    guard metadata.kind == .structure, let descriptor = metadata.descriptor,
      KnownTypes.isSystemModule(descriptor.module)
    else { return nil }
    if let type = metadata.type as? any FixedWidthInteger.Type {
      return type.isSigned ? .signed : .unsigned
    }
    return metadata.type is any BinaryFloatingPoint.Type ? .float : nil
  }

  /// How many numbers a SIMD vector has; nil for other types.
  static func lanes(of metadata: Metadata) -> Int? {
    guard metadata.kind == .structure, let descriptor = metadata.descriptor,
      descriptor.module == "Swift", descriptor.name.hasPrefix("SIMD"),
      descriptor.genericParameterCount == 1
    else { return nil }
    return Int(descriptor.name.dropFirst(4))
  }
}

// MARK: - How a case is told

extension TypeRecord {
  /// What an image has in one byte when a case is the current one: `byte & mask == value`.
  struct CaseBits: Equatable {
    var offset: UInt32
    var mask: UInt8
    var value: UInt8
  }
}

/// Finds out by trial where an enum keeps its case.
///
/// 1. With a payload: the bits that putting the case into all zeros and into all ones makes
///    equal. They hold the tag; the others are the payload's.
/// 2. Without: the image is what putting the case into zeros makes, and nothing else. So only the
///    bytes that are not zero are listed, and all others must be.
struct CaseProbe {
  let metadata: Metadata
  private let size: Int

  init(_ metadata: Metadata) {
    self.metadata = metadata
    size = metadata.size
  }

  func bits(ofPayloadCase tag: Int) -> [TypeRecord.CaseBits] {
    let zeros = injected(tag, into: 0)
    let ones = injected(tag, into: 0xff)
    return (0..<size).compactMap { offset in
      let mask = ~(zeros[offset] ^ ones[offset])
      guard mask != 0 else { return nil }
      return TypeRecord.CaseBits(
        offset: UInt32(offset), mask: mask, value: zeros[offset] & mask)
    }
  }

  func bits(ofEmptyCase tag: Int) -> [TypeRecord.CaseBits] {
    let zeros = injected(tag, into: 0)
    return (0..<size).compactMap { offset in
      zeros[offset] == 0
        ? nil : TypeRecord.CaseBits(offset: UInt32(offset), mask: 0xff, value: zeros[offset])
    }
  }

  private func injected(_ tag: Int, into byte: UInt8) -> [UInt8] {
    let scratch = UnsafeMutableRawBufferPointer.allocate(
      byteCount: max(metadata.stride, 1), alignment: max(16, metadata.alignmentMask + 1))
    defer { scratch.deallocate() }
    scratch.initializeMemory(as: UInt8.self, repeating: byte)
    if metadata.hasEnumWitnesses, let start = scratch.baseAddress {
      softpm_runtime_enum_inject(start, UInt32(tag), metadata.address)
    }
    return [UInt8](scratch[..<size])
  }
}
