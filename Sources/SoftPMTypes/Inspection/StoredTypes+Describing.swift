import SoftPMBase

/// A type in words, for those who show it to people.
package struct TypeDescription: Sendable {
  package var number: Int
  package var name: String
  package var module: String
  package var kind: String
  package var size: Int
  package var stride: Int
  package var fields: [(name: String, type: String, offset: Int, ownership: String)]
  package var cases: [(name: String, payload: String?, isIndirect: Bool)]
}

extension StoredTypes {
  package var descriptions: [TypeDescription] {
    records.indices.map { describe($0) }
  }

  private func describe(_ index: Int) -> TypeDescription {
    let record = records[index]
    return TypeDescription(
      number: index, name: TypeName.short(record.name),
      module: TypeName.module(record.name), kind: record.kindName,
      size: Int(record.size), stride: Int(record.stride),
      fields: record.fields.compactMap { field in
        if case .note = field.reach { return nil }
        return (
          field.name, shortName(field.type), Int(field.offset), "\(field.ownership)"
        )
      },
      cases: record.cases.map { current in
        (current.name, current.type.map { shortName($0) }, current.isIndirect)
      })
  }

  /// What became of each type of this table in another, one line each; types that are only named
  /// and those of the standard library's storage are left out.
  package func differences(to other: StoredTypes) -> [String] {
    let old = byName
    let new = other.byName
    var lines: [String] = []
    for name in Set(old.keys).union(new.keys).sorted() {
      switch (old[name], new[name]) {
      case (let type?, let counterpart?): lines += Self.differences(name, type, counterpart)
      case (_?, nil): lines.append("\(name): gone")
      case (nil, _?): lines.append("\(name): new")
      case (nil, nil): break
      }
    }
    return lines
  }

  private var byName: [String: TypeDescription] {
    var types: [String: TypeDescription] = [:]
    for (index, record) in records.enumerated()
    where (record.kind == .instance || record.kind == .value) && !record.name.hasPrefix("Swift.") {
      types[record.name] = describe(index)
    }
    return types
  }

  private static func differences(
    _ name: String, _ old: TypeDescription, _ new: TypeDescription
  ) -> [String] {
    var lines: [String] = []
    for field in old.fields {
      guard let now = new.fields.first(where: { $0.name == field.name }) else {
        lines.append("\(name): `\(field.name)` removed, was \(field.type)")
        continue
      }
      if now.type != field.type {
        lines.append("\(name): `\(field.name)` was \(field.type), is \(now.type)")
      } else if now.ownership != field.ownership {
        lines.append("\(name): `\(field.name)` was \(field.ownership), is \(now.ownership)")
      } else if now.offset != field.offset {
        lines.append("\(name): `\(field.name)` moved from byte \(field.offset) to \(now.offset)")
      }
    }
    for field in new.fields where !old.fields.contains(where: { $0.name == field.name }) {
      lines.append("\(name): `\(field.name)` added, of type \(field.type)")
    }
    for current in old.cases {
      guard let now = new.cases.first(where: { $0.name == current.name }) else {
        lines.append("\(name): case `\(current.name)` removed")
        continue
      }
      if now.payload != current.payload {
        lines.append(
          "\(name): case `\(current.name)` held \(current.payload ?? "nothing"), holds "
            + "\(now.payload ?? "nothing")")
      }
    }
    for current in new.cases where !old.cases.contains(where: { $0.name == current.name }) {
      lines.append("\(name): case `\(current.name)` added")
    }
    if lines.isEmpty, old.size != new.size {
      lines.append("\(name): \(old.size) bytes before, \(new.size) now")
    }
    return lines
  }
}

extension TypeRecord {
  fileprivate var kindName: String {
    switch kind {
    case .instance: shape == .record ? "class" : "storage"
    case .box, .errorBox: "box"
    case .name, .value:
      switch shape {
      case .enumeration: "enum"
      case .record: name.hasPrefix("(") ? "tuple" : "struct"
      case .signed, .unsigned, .float: "number"
      case .object: "reference"
      case .existential, .classExistential, .errorExistential: "existential"
      case .array, .arraySlice, .dictionary, .set, .elements: "collection"
      case .string, .substring: "string"
      case .metatype: "metatype"
      case .opaque, .pointer, .hidden: "not stored"
      default: "value"
      }
    }
  }
}
