// A type table for reading a store without its program.
//
// 1. Decoding looks for no type of this process; a mangled name from a file is never given to the
//    runtime.
// 2. Every type's fields lie within it and apart from each other. So a value has no more parts
//    than bytes, whoever wrote the table, and reading one ends.

import SoftPMBase

package struct StoredTypes: Sendable {
  let records: [TypeRecord]
  /// How many leading types two tables have in common, for `commonCount`.
  private let encodings: [[UInt8]]
  /// Names with registered renames applied; empty where there are none.
  private var currentNames: [String] = []

  package var count: Int { records.count }

  package init(decoding bytes: [UInt8]) throws(ContainerError) {
    let decoded = bytes.withUnsafeBytes { raw in
      Result { () throws(ContainerError) in try TypeTable.records(decoding: raw) }
    }
    records = try decoded.get()
    encodings = records.map { record in
      var writer = ByteWriter()
      record.encode(into: &writer)
      return writer.bytes
    }
    for record in records { try check(record) }
    try checkNesting()
  }

  /// No type holds itself by value, and none nests deeper than a reader follows.
  private func checkNesting() throws(ContainerError) {
    var heights = [Int?](repeating: nil, count: records.count)
    func height(_ index: UInt32, _ depth: Int) throws(ContainerError) -> Int {
      if let known = heights[Int(index)] { return known }
      guard depth < Limits.typeNestingDepth else {
        throw .corrupt(at: nil, expected: "types nested less deeply than \(record(index).name)")
      }
      var most = 0
      for part in partTypes(record(index)) { most = max(most, try height(part, depth + 1) + 1) }
      heights[Int(index)] = most
      return most
    }
    for index in records.indices { _ = try height(UInt32(index), 0) }
  }

  /// The types whose values lie in this one's.
  private func partTypes(_ record: TypeRecord) -> [UInt32] {
    switch record.shape {
    case .record, .elements:
      record.fields.filter { $0.ownership == .strong && $0.reach.isWithin }.map(\.type)
    case .enumeration: record.cases.compactMap { $0.isIndirect ? nil : $0.type }
    default: []
    }
  }

  private func check(_ record: TypeRecord) throws(ContainerError) {
    func damaged(_ expected: String) -> ContainerError {
      .corrupt(at: nil, expected: "\(expected) in the description of \(record.name)")
    }
    guard record.stride >= record.size || record.kind == .instance else {
      throw damaged("a stride no smaller than the size")
    }
    switch record.shape {
    case .record where record.kind == .value || record.kind == .instance:
      var end = 0
      for field in record.fields.sorted(by: { $0.offset < $1.offset }) {
        guard let (start, size) = extent(of: field), size > 0 else { continue }
        guard start >= end, start + size <= Int(record.size) else {
          throw damaged("fields within the type and apart from each other")
        }
        end = start + size
      }
    case .elements(let count):
      guard let element = record.fields.first.map({ records[Int($0.type)] }),
        count == 0 || element.stride == 0
          || count <= UInt64(record.size + element.stride) / UInt64(element.stride)
      else { throw damaged("elements within the type") }
    case .enumeration:
      for current in record.cases where !current.isIndirect {
        guard current.type.map({ records[Int($0)].size <= record.size }) ?? true else {
          throw damaged("payloads within the enum")
        }
      }
    default: break
    }
  }

  /// Where a field's bytes are; nil for what has none in the value itself.
  private func extent(of field: TypeRecord.Field) -> (start: Int, size: Int)? {
    let size = Int(records[Int(field.type)].size)
    switch field.reach {
    case .direct: return (Int(field.offset), size)
    case .behind(let distance): return (Int(field.offset) + Int(distance), size)
    case .memory: return (Int(field.offset), 8)
    case .note, .elements: return nil
    }
  }

  func record(_ index: UInt32) -> TypeRecord { records[Int(index)] }

  /// The type's name as a person writes it, modules left out.
  package func shortName(_ index: UInt32) -> String {
    TypeName.short(records[Int(index)].name)
  }

  /// How many types both tables number alike.
  package func commonCount(with other: StoredTypes) -> Int {
    zip(encodings, other.encodings).prefix { $0 == $1 }.count
  }

  /// Types as they must be the same in two tables for values of them to be compared: by what they
  /// are called, whatever they consist of.
  package func isSame(_ index: UInt32, in other: StoredTypes, _ otherIndex: UInt32) -> Bool {
    let left = records[Int(index)]
    let right = other.records[Int(otherIndex)]
    return left.kind == right.kind && currentName(index) == other.currentName(otherIndex)
  }

  private func currentName(_ index: UInt32) -> String {
    currentNames.isEmpty ? records[Int(index)].name : currentNames[Int(index)]
  }

  /// The same types, to be compared by the names that they have now.
  package func renamed(by migrations: Migrations) -> StoredTypes {
    guard !migrations.renames.types.isEmpty else { return self }
    var types = self
    types.currentNames = records.map { migrations.renames.current($0.name) }
    return types
  }
}

/// Names of types as people write them.
package enum TypeName {
  /// Leaves modules and outer contexts out: `Swift.Array<App.Person>` is `Array<Person>`.
  package static func short(_ name: String) -> String {
    var result = ""
    var word = ""
    for character in name {
      if character == "." {
        word = ""
      } else if character.isLetter || character.isNumber || character == "_" {
        word.append(character)
      } else {
        result += word
        word = ""
        result.append(character)
      }
    }
    return sugared(result + word)
  }

  /// What stands before the first dot; empty for tuples and the like.
  package static func module(_ name: String) -> String {
    let first = name.prefix { $0.isLetter || $0.isNumber || $0 == "_" }
    return first.count < name.count && name.dropFirst(first.count).hasPrefix(".")
      ? String(first) : ""
  }

  /// `Array<T>` as `[T]`, `Optional<T>` as `T?`, `Dictionary<K, V>` as `[K: V]`.
  private static func sugared(_ name: String) -> String {
    guard name.hasSuffix(">"), let open = name.firstIndex(of: "<") else { return name }
    let arguments = split(name[name.index(after: open)...].dropLast()).map(sugared)
    switch (name[..<open], arguments.count) {
    case ("Array", 1): return "[\(arguments[0])]"
    case ("Optional", 1): return "\(arguments[0])?"
    case ("Dictionary", 2): return "[\(arguments[0]): \(arguments[1])]"
    default: return name[..<open] + "<\(arguments.joined(separator: ", "))>"
    }
  }

  /// The arguments of a generic type.
  private static func split(_ text: Substring) -> [String] {
    var parts = [""]
    var depth = 0
    for character in text {
      if "<([".contains(character) { depth += 1 }
      if ">)]".contains(character) { depth -= 1 }
      if character == ",", depth == 0 {
        parts.append("")
      } else if !(character == " " && parts[parts.count - 1].isEmpty) {
        parts[parts.count - 1].append(character)
      }
    }
    return parts
  }
}
