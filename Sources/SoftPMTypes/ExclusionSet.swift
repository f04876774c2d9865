import SoftPMBase

/// The stored properties that a container leaves out, by type and name.
package struct ExclusionSet: Hashable, Sendable {
  struct Entry: Hashable, Comparable, Sendable {
    /// The type that declares the property.
    var type: String
    /// As reflection has it: `_x` for an observable `x`, `$__lazy_storage_$_x` for a lazy one.
    var field: String

    static func < (left: Entry, right: Entry) -> Bool {
      (left.type, left.field) < (right.type, right.field)
    }
  }

  private(set) var entries: Set<Entry> = []

  package init() {}

  package var isEmpty: Bool { entries.isEmpty }
  package var count: Int { entries.count }

  func contains(_ owner: Metadata, _ field: String) -> Bool {
    !entries.isEmpty
      && entries.contains(Entry(type: displayName(owner), field: field))
  }

  /// Leaves out a stored property.
  ///
  /// Throws `.notExcludable` unless the key path is one stored property whose type has an empty
  /// value: an optional, number, Bool, String or standard collection.
  package mutating func exclude<Root, Value>(
    _ keyPath: KeyPath<Root, Value>
  ) throws(ContainerError) {
    let (owner, record) = try KeyPathReading(keyPath).storedProperty()
    guard let name = record.typeName, let type = owner.resolve(name),
      EmptyValue(for: type) != nil
    else {
      throw .notExcludable(
        keyPath, "its type has no empty value",
        "Declare it as an optional, number, Bool, String, Array, Dictionary or Set.")
    }
    entries.insert(Entry(type: displayName(owner), field: record.name))
  }

  /// The same properties under other names.
  func renamed(_ name: (String, String) -> (type: String, field: String)) -> ExclusionSet {
    var result = ExclusionSet()
    for entry in entries {
      let new = name(entry.type, entry.field)
      result.entries.insert(Entry(type: new.type, field: new.field))
    }
    return result
  }

  package func encode(into writer: inout ByteWriter) {
    writer.count(entries.count)
    for entry in entries.sorted() {
      writer.string(entry.type)
      writer.string(entry.field)
    }
  }

  package init(decoding reader: inout ByteReader) throws(ContainerError) {
    let count = try reader.count(atMost: reader.remaining, of: "exclusions")
    for _ in 0..<count {
      let type = try reader.string(atMost: TypeTable.nameBytesMost, of: "bytes of a type's name")
      let field = try reader.string(atMost: TypeTable.nameBytesMost, of: "bytes of a field's name")
      entries.insert(Entry(type: type, field: field))
    }
  }
}

extension ContainerError {
  static func notExcludable(
    _ keyPath: AnyKeyPath, _ why: String, _ remedy: String
  ) -> ContainerError {
    ContainerError(
      code: .notExcludable,
      message: "\(keyPath.debugDescription) cannot be excluded: \(why). \(remedy)")
  }
}

/// The empty value of a type that has one: what an excluded field is stored as.
enum EmptyValue {
  case zero
  case noneCase(Metadata)
  case string
  case wellKnown(WellKnown)

  init?(for type: Metadata) {
    if type.kind == .optional {
      self = .noneCase(type)
      return
    }
    guard let descriptor = type.descriptor, descriptor.module == "Swift" else { return nil }
    switch descriptor.name {
    case "String": self = .string
    case "Array", "ContiguousArray": self = .wellKnown(.emptyArray)
    case "Dictionary": self = .wellKnown(.emptyDictionary)
    case "Set": self = .wellKnown(.emptySet)
    case "Bool": self = .zero
    default:
      guard type.type is any Numeric.Type else { return nil }
      self = .zero
    }
  }

  func write(into image: UnsafeMutableRawPointer, home: ArenaAddress) {
    switch self {
    case .zero: break
    case .noneCase(let type): EnumForm.writeNone(of: type, into: image)
    case .string:
      image.storeBytes(of: StringBits.emptyWord, toByteOffset: 8, as: UInt64.self)
    case .wellKnown(let code): image.storeBytes(of: code.word(home), as: UInt.self)
    }
  }
}

/// A field that is stored as nil, zero or empty and never visited.
final class ExcludedForm: FieldForm {
  let inner: ValueLayout
  let empty: EmptyValue

  private init(_ inner: ValueLayout, _ empty: EmptyValue) {
    self.inner = inner
    self.empty = empty
  }

  override var isVisited: Bool { false }

  /// The layout of the field with another type's bytes; nil where its type has no empty value.
  static func layout(of inner: ValueLayout, as type: Metadata) -> ValueLayout? {
    EmptyValue(for: type).map {
      ValueLayout(inner.metadata, form: ExcludedForm(inner, $0))
    }
  }

  override func write(
    _ value: UnsafeRawPointer, into image: UnsafeMutableRawPointer, at slot: Int, in site: Site,
    _ context: any ImageContext
  ) throws(ContainerError) {
    empty.write(into: image, home: context.home)
  }

  override func swizzle(
    _ value: UnsafeMutableRawPointer, _ session: RestoreSession
  ) throws(ContainerError) {
    // What was stored before the exclusion, or by another program, is a value like any other.
    try inner.swizzle(value, session)
  }
}
