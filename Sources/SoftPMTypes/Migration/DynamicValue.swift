// A value without its type: what a migration's closure sees of a stored object, and what it gives.
//
// 1. A stored value is read when it is asked for; nothing of it has been brought to life.
// 2. What is not there is `isNil`; asking for a part of it, or for a number of a string, gives nil:
//    no question traps.
// 3. A reference to a stored object stays that reference: given on, the object keeps its identity.

import SoftPMBase

/// A stored value, seen without the type that it had when it was stored.
///
/// ```swift
/// migrations.change("Shop.Person", having: ["first", "last"]) { old, new in
///   new["name"] = .value("\(old["first"]) \(old["last"])")
///   new["spouse"] = old["partner"]
/// }
/// ```
///
/// As text it is what it holds: a string without quotes, a number, the name of a case.
public struct DynamicValue: CustomStringConvertible {
  indirect enum Content {
    case none
    case stored(StoredReader, StoredPlace)
    case object(StoredReader, StoredObject)
    case live(Any)
    case array([DynamicValue])
    case record(DynamicRecord)
  }

  var content: Content

  init(_ content: Content) { self.content = content }

  // MARK: Making

  /// A value of the program: a number, a string, a struct, an object.
  ///
  /// Where a closure gives it to a property of another number type it is converted if it fits.
  public static func value(_ value: Any) -> DynamicValue {
    (value as? DynamicValue) ?? DynamicValue(.live(value))
  }

  /// An array of such values, for a property that is one.
  public static func array(_ elements: [DynamicValue]) -> DynamicValue {
    DynamicValue(.array(elements))
  }

  /// A new struct, or a new object, with these properties; the property that it is given to says
  /// of which type.
  public static func record(_ properties: [String: DynamicValue]) -> DynamicValue {
    DynamicValue(.record(DynamicRecord(properties)))
  }

  /// Nil, or nothing.
  public static var none: DynamicValue { DynamicValue(.none) }

  // MARK: Reading

  /// The stored property, tuple element or payload of that name; `isNil` where there is none.
  ///
  /// A case's payload has the case's name, and its labels are properties of it:
  /// `old["mood"]["busy"]["tasks"]`.
  public subscript(_ property: String) -> DynamicValue {
    switch content {
    case .record(let record): return record[property]
    case .object(let reader, let object): return Self.part(property, of: object, reader)
    case .stored(let reader, let place):
      guard let value = try? reader.value(at: place) else { return .none }
      return Self.part(property, of: value, reader)
    case .live(let value):
      let child = Mirror(reflecting: value).children.first { $0.label == property }
      return child.map { .value($0.value) } ?? .none
    case .none, .array: return .none
    }
  }

  /// The element of an array; `isNil` beyond its end.
  public subscript(_ index: Int) -> DynamicValue {
    let elements = elements
    return elements.indices.contains(index) ? elements[index] : .none
  }

  private static func part(
    _ name: String, of object: StoredObject, _ reader: StoredReader
  ) -> DynamicValue {
    guard let parts = try? reader.parts(of: object) else { return .none }
    return part(name, of: parts, reader)
  }

  private static func part(
    _ name: String, of parts: [StoredPart], _ reader: StoredReader
  ) -> DynamicValue {
    guard let part = parts.first(where: { $0.name == name }) else { return .none }
    return DynamicValue(.stored(reader, part.place))
  }

  private static func part(
    _ name: String, of value: StoredValue, _ reader: StoredReader
  ) -> DynamicValue {
    switch value {
    case .object(let object): part(name, of: object, reader)
    case .record(_, let parts): part(name, of: parts, reader)
    case .payload(_, name, let place): DynamicValue(.stored(reader, place))
    default: .none
    }
  }

  /// Nil, absent, or a reference to nothing.
  public var isNil: Bool {
    switch content {
    case .none: return true
    case .stored(let reader, let place):
      guard let value = try? reader.value(at: place) else { return true }
      if case .none = value { return true }
      return false
    case .live(let value): return Self.isNone(value)
    case .object, .array, .record: return false
    }
  }

  private static func isNone(_ value: Any) -> Bool {
    let mirror = Mirror(reflecting: value)
    return mirror.displayStyle == .optional && mirror.children.isEmpty
  }

  /// The elements of an array or set, in stored order; empty for all else.
  public var elements: [DynamicValue] {
    switch content {
    case .array(let elements): return elements
    case .live(let value): return (value as? [Any])?.map { .value($0) } ?? []
    case .stored(let reader, let place):
      switch try? reader.value(at: place) {
      case .array(let array) where array.hasContent:
        return (0..<array.count).map { DynamicValue(.stored(reader, array[$0])) }
      case .table(let table) where !table.isDictionary:
        return table.entries.map { DynamicValue(.stored(reader, $0.key)) }
      default: return []
      }
    default: return []
    }
  }

  /// The keys and values of a dictionary, in stored order; empty for all else.
  public var entries: [(key: DynamicValue, value: DynamicValue)] {
    guard case .stored(let reader, let place) = content,
      case .table(let table)? = try? reader.value(at: place), table.isDictionary
    else { return [] }
    return table.entries.map { entry in
      (
        DynamicValue(.stored(reader, entry.key)),
        entry.value.map { DynamicValue(.stored(reader, $0)) } ?? .none
      )
    }
  }

  /// The number of elements or entries.
  public var count: Int { max(elements.count, entries.count) }

  /// The current case of an enum; nil for other values.
  public var caseName: String? {
    guard case .stored(let reader, let place) = content else { return nil }
    switch try? reader.value(at: place) {
    case .leaf(.simpleCase(let name)), .payload(_, let name, _): return name
    default: return nil
    }
  }

  // MARK: Leaves

  private var leaf: StoredLeaf? {
    guard case .stored(let reader, let place) = content,
      case .leaf(let leaf)? = try? reader.value(at: place)
    else { return nil }
    return leaf
  }

  /// The text of a string or character.
  public var string: String? {
    if case .live(let value) = content { return value as? String }
    switch leaf {
    case .string(let text), .url(let text), .uuid(let text): return text
    case .scalar(let scalar): return String(scalar)
    default: return nil
    }
  }

  /// An integer that an Int can hold.
  public var int: Int? {
    if case .live(let value) = content {
      return (value as? any BinaryInteger).flatMap { Int(exactly: $0) }
    }
    guard case .integer(let text)? = leaf else { return nil }
    return Int(text)
  }

  /// A number, rounded where a Double cannot hold it.
  public var double: Double? {
    if case .live(let value) = content {
      if let number = value as? any BinaryFloatingPoint { return Double(number) }
      return (value as? any BinaryInteger).map { Double($0) }
    }
    switch leaf {
    case .integer(let text), .float(let text, _): return Double(text)
    default: return nil
    }
  }

  public var bool: Bool? {
    if case .live(let value) = content { return value as? Bool }
    guard case .flag(let flag)? = leaf else { return nil }
    return flag
  }

  /// The bytes of a `Data`.
  public var bytes: [UInt8]? {
    guard case .data(let bytes)? = leaf else { return nil }
    return bytes
  }

  public var description: String {
    switch content {
    case .none: return "nil"
    case .live(let value): return "\(value)"
    case .array(let elements): return "\(elements)"
    case .record(let record): return "\(record.values)"
    case .object(let reader, let object): return StoredPrinter(reader).name(of: object)
    case .stored(let reader, let place):
      if let text = string { return text }
      if let name = caseName { return name }
      var options = StoredPrinter.Options()
      options.depth = 1
      return (try? StoredPrinter(reader, options).line(of: place)) ?? "nil"
    }
  }
}

extension DynamicValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral,
  ExpressibleByFloatLiteral, ExpressibleByBooleanLiteral, ExpressibleByNilLiteral,
  ExpressibleByArrayLiteral
{
  public init(stringLiteral value: String) { self = .value(value) }
  public init(integerLiteral value: Int) { self = .value(value) }
  public init(floatLiteral value: Double) { self = .value(value) }
  public init(booleanLiteral value: Bool) { self = .value(value) }
  public init(nilLiteral: ()) { self = .none }
  public init(arrayLiteral elements: DynamicValue...) { self = .array(elements) }
}

/// The new properties of one object or struct, as a migration's closure leaves them.
///
/// It begins with all that was stored; what the new type does not have is dropped in the end.
public struct DynamicRecord {
  private(set) var values: [String: DynamicValue]
  /// The properties that a closure set, also to nil.
  private(set) var changed: Set<String> = []

  init(_ values: [String: DynamicValue]) {
    self.values = values
    changed = Set(values.keys)
  }

  /// What was stored, before any closure.
  init(stored values: [String: DynamicValue]) { self.values = values }

  /// The property of that name; `isNil` where there is none.
  public subscript(_ property: String) -> DynamicValue {
    get { values[property] ?? .none }
    set {
      values[property] = newValue
      changed.insert(property)
    }
  }

  /// Removes a property, as if it had never been stored.
  public mutating func remove(_ property: String) {
    values[property] = nil
    changed.remove(property)
  }

  public var properties: [String] { values.keys.sorted() }
}
