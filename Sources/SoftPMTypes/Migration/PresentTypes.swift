// The program's types for those of a stored table, under registered names.

import SoftPMBase

/// Finds, for each stored type, what the program calls the same type now.
final class PresentTypes {
  let stored: StoredTypes
  let renames: TypeRenames
  private var found: [UInt32: Metadata?] = [:]
  private var names: [UInt32: String] = [:]

  init(_ stored: StoredTypes, _ renames: TypeRenames) {
    self.stored = stored
    self.renames = renames
  }

  /// The type's name with all renames applied.
  func name(_ index: UInt32) -> String {
    if let known = names[index] { return known }
    let name = renames.current(stored.record(index).name)
    names[index] = name
    return name
  }

  /// Nil for a type that the program does not have.
  func type(_ index: UInt32) -> Metadata? {
    if let known = found[index] { return known }
    let type = find(index)
    found[index] = type
    return type
  }

  private func find(_ index: UInt32) -> Metadata? {
    let record = stored.record(index)
    let name = name(index)
    if name == record.name, case .found(let metadata) = record.identity.resolve() {
      return metadata
    }
    return WrittenType.resolve(name)
  }

  /// Whether a stored type, renames applied, is called as this one is.
  func isNamed(_ index: UInt32, as type: Metadata) -> Bool {
    name(index) == displayName(type) || self.type(index) == type
  }

  /// The same with other generic arguments perhaps.
  func isNamedLike(_ index: UInt32, _ type: Metadata) -> Bool {
    if isNamed(index, as: type) { return true }
    guard type.descriptor != nil else { return false }
    return TypeRenames.base(name(index)) == TypeRenames.base(displayName(type))
  }
}

extension TypeIdentity {
  /// As private types are known, and what has them as arguments.
  var isByPath: Bool {
    if case .nominal = self { true } else { false }
  }
}

extension Metadata {
  /// What a declaration of the type begins with.
  var kindName: String {
    switch kind {
    case .classType: "class"
    case .structure: "struct"
    case .enumeration, .optional: "enum"
    default: "type"
    }
  }
}
