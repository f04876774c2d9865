// The types of a store, by number.
//
// 1. Numbers are given in order of first use and never change; the table only grows, so the bytes
//    of a longer table begin with the records of the shorter one.
// 2. A record describes its type: name, size, fields with type and offset, cases. Types of fields
//    are numbers in the same table. Class types of fields are named only; a class is described
//    when an instance of it is stored.
// 3. A table holds at most `countMost` types, fewer than the lowest address that any memory can
//    have, so that a header word of an image is never mistaken for a live one.

import SoftPMBase

package struct TypeTable {
  /// Below the lowest address that Linux maps (65,536).
  package static let countMost = 65_000
  static let nameBytesMost = 1 << 16

  private(set) var records: [TypeRecord] = []
  private var indices: [TypeRecord.Key: UInt32] = [:]
  /// Describes types; exclusions play no part in what a type is.
  private let catalog = TypeCatalog()

  package init() {}

  package var count: Int { records.count }

  mutating func replace(records: [TypeRecord], keys: [(TypeRecord.Key, UInt32)]) {
    self.records = records
    indices = Dictionary(keys, uniquingKeysWith: { first, _ in first })
  }

  package mutating func index(of layout: ObjectLayout) throws(ContainerError) -> UInt32 {
    guard let key = layout.key else {
      preconditionFailure("raw bytes have no record in a type table")
    }
    let kind: TypeRecord.Kind =
      switch key.kind {
      case .type: .instance
      case .box: .box
      case .errorBox: .errorBox
      }
    return try wholeIndex(TypeRecord.Key(kind: kind, metadata: key.metadata))
  }

  package mutating func index(of type: Any.Type) throws(ContainerError) -> UInt32 {
    try wholeIndex(Self.valueKey(Metadata(type)))
  }

  private static func valueKey(_ metadata: Metadata) -> TypeRecord.Key {
    let hasParts: Bool =
      switch metadata.kind {
      case .structure, .enumeration, .optional, .tuple, .fixedArray: true
      default: false
      }
    return TypeRecord.Key(kind: hasParts ? .value : .name, metadata: metadata)
  }

  /// All of a type's record, or nothing: a type that refers to an unnameable one leaves no trace.
  private mutating func wholeIndex(_ key: TypeRecord.Key) throws(ContainerError) -> UInt32 {
    if let known = indices[key] {
      if case .text = records[Int(known)].identity { throw TypeIdentity.unnameable(key.metadata) }
      return known
    }
    let before = (records, indices)
    do {
      return try index(key)
    } catch {
      (records, indices) = before
      throw error
    }
  }

  private mutating func index(
    _ key: TypeRecord.Key, isPart: Bool = false
  ) throws(ContainerError) -> UInt32 {
    if let known = indices[key] { return known }
    guard records.count < Self.countMost else {
      throw ContainerError(
        code: .unsupportedType,
        message: "A container can hold objects of at most \(Self.countMost) types. "
          + "Use fewer specialisations of generic types.", path: "")
    }
    let index = UInt32(records.count)
    // A part's type need only be told from others, not found: its owner is what is found.
    let identity: TypeIdentity =
      if isPart {
        (try? TypeIdentity(of: key.metadata)) ?? .text(displayName(key.metadata))
      } else {
        try TypeIdentity(of: key.metadata)
      }
    records.append(TypeRecord(key, identity: identity, shape: TypeShape(of: key, catalog)))
    indices[key] = index
    let parts = TypeRecord.Parts(of: key, catalog)
    for field in parts.fields {
      let type = try self.index(Self.valueKey(field.type), isPart: true)
      records[Int(index)].fields.append(
        TypeRecord.Field(
          name: field.name, type: type, offset: UInt32(field.offset), ownership: field.ownership,
          isTransparent: field.isTransparent, reach: field.reach))
    }
    for current in parts.cases {
      var type: UInt32?
      if let payload = current.payload {
        type = try self.index(Self.valueKey(payload), isPart: true)
      }
      records[Int(index)].cases.append(
        TypeRecord.Case(
          name: current.name, type: type, isIndirect: current.isIndirect, bits: current.bits))
    }
    return index
  }
}

/// One type as a store describes it.
struct TypeRecord: Equatable, Sendable {
  enum Kind: UInt8 {
    /// Only what it is called: types of references, metatypes, primitive types.
    case name = 1
    /// A struct, enum or tuple, with its parts.
    case value = 2
    /// Instances of a class, or a standard collection's storage.
    case instance = 3
    case box = 4
    case errorBox = 5
  }

  struct Key: Hashable {
    var kind: Kind
    var metadata: Metadata
  }

  struct Field: Equatable {
    var name: String
    var type: UInt32
    var offset: UInt32
    var ownership: Ownership
    /// An internal of a standard type: not shown in paths.
    var isTransparent = false
    var reach = FieldReach.direct
  }

  struct Case: Equatable {
    var name: String
    var type: UInt32?
    var isIndirect: Bool
    /// How an image shows that this case is the current one.
    var bits: [CaseBits] = []
  }

  var kind: Kind
  var identity: TypeIdentity
  var name: String
  var shape: TypeShape
  var size: UInt32
  var stride: UInt32
  var alignmentMask: UInt8
  /// An existential holds such a value in its own three words, not in a box.
  var isStoredInline: Bool
  var fields: [Field] = []
  var cases: [Case] = []

  init(_ key: Key, identity: TypeIdentity, shape: TypeShape) {
    kind = key.kind
    self.shape = shape
    self.identity = identity
    name = displayName(key.metadata)
    let metadata = key.metadata
    size = UInt32(
      clamping: kind == .instance ? metadata.instanceSize : max(0, metadata.size))
    stride = UInt32(clamping: max(0, metadata.stride))
    alignmentMask = UInt8(metadata.alignmentMask)
    isStoredInline = metadata.isStoredInline
  }
}
