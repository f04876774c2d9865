import SoftPMBase

/// A stored type table matched with this program's types.
package struct ResolvedTypes {
  /// What each index means here.
  enum Entry {
    case type(Metadata)
    case layout(ObjectLayout)
    /// The type of a field that is only compared.
    case nameOnly
  }

  let entries: [Entry]
  let catalog: TypeCatalog
}

extension TypeTable {
  /// Finds the program's types and compares them with the stored descriptions.
  ///
  /// Throws `.typeMissing` for a type that the program does not have, `.typeChanged` naming type,
  /// field, before and after for one that it has differently. After that, this table goes on
  /// giving numbers: what it knew keeps its number.
  package func resolved(in catalog: TypeCatalog) throws(ContainerError) -> ResolvedTypes {
    var types: [Metadata?] = []
    for record in records {
      if case .found(let metadata) = record.identity.resolve() {
        types.append(metadata)
      } else {
        types.append(nil)
      }
    }
    // A type whose field has another type now is reported as changed, not the field's old type
    // as missing: the owner is what its author edited.
    let comparison = TableComparison(stored: records, types: types)
    try comparison.check()
    var entries: [ResolvedTypes.Entry] = []
    for (record, type) in zip(records, types) {
      if case .text = record.identity {
        entries.append(.nameOnly)
        continue
      }
      guard let metadata = type else { throw comparison.missing(record) }
      switch record.kind {
      case .name, .value: entries.append(.type(metadata))
      case .instance: entries.append(.layout(try catalog.instanceLayout(of: metadata)))
      case .box: entries.append(.layout(catalog.boxLayout(of: metadata)))
      case .errorBox: entries.append(.layout(catalog.errorBoxLayout(of: metadata)))
      }
    }
    return ResolvedTypes(entries: entries, catalog: catalog)
  }

  /// Takes over decoded records, so that new types are numbered after them.
  mutating func adopt(_ decoded: [TypeRecord]) {
    var keys: [(TypeRecord.Key, UInt32)] = []
    for (index, record) in decoded.enumerated() {
      if case .found(let metadata) = record.identity.resolve() {
        keys.append((TypeRecord.Key(kind: record.kind, metadata: metadata), UInt32(index)))
      }
    }
    replace(records: decoded, keys: keys)
  }
}

/// Compares stored descriptions with the program's types.
struct TableComparison {
  let stored: [TypeRecord]
  let types: [Metadata?]
  private let catalog = TypeCatalog()

  init(stored: [TypeRecord], types: [Metadata?]) {
    self.stored = stored
    self.types = types
  }

  func check() throws(ContainerError) {
    // What was added, removed or retyped is a cause; what moved or grew is often its consequence,
    // in this type or in another that holds it.
    for (record, type) in zip(stored, types) {
      guard let metadata = type else { continue }
      let key = TypeRecord.Key(kind: record.kind, metadata: metadata)
      let parts = TypeRecord.Parts(of: key, catalog)
      try checkFields(record, parts)
      try checkCases(record, parts)
    }
    for (record, type) in zip(stored, types) {
      guard let metadata = type else { continue }
      let key = TypeRecord.Key(kind: record.kind, metadata: metadata)
      try checkOffsets(record, TypeRecord.Parts(of: key, catalog))
      if let identity = try? TypeIdentity(of: metadata) {
        let present = TypeRecord(key, identity: identity, shape: record.shape)
        guard present.size == record.size, present.stride == record.stride,
          present.alignmentMask == record.alignmentMask
        else {
          throw changed(
            record, nil, before: "\(record.size) bytes", after: "\(present.size) bytes")
        }
      }
    }
  }

  private func checkFields(
    _ record: TypeRecord, _ parts: TypeRecord.Parts
  ) throws(ContainerError) {
    for field in record.fields {
      guard let present = parts.fields.first(where: { $0.name == field.name }) else {
        throw changed(
          record, field.name, before: "of type \(stored[Int(field.type)].name)", after: "removed")
      }
      try compare(record, field.name, field.type, present.type)
      guard present.ownership == field.ownership else {
        throw changed(
          record, field.name, before: "\(field.ownership)", after: "\(present.ownership)")
      }
    }
    for present in parts.fields
    where !record.fields.contains(where: { $0.name == present.name }) {
      throw changed(
        record, present.name, before: "not there",
        after: "added, of type \(displayName(present.type))")
    }
  }

  private func checkOffsets(
    _ record: TypeRecord, _ parts: TypeRecord.Parts
  ) throws(ContainerError) {
    for (field, present) in zip(record.fields, parts.fields) {
      guard field.name == present.name, field.offset == present.offset else {
        throw changed(
          record, field.name, before: "at byte \(field.offset)",
          after: "moved, as the order or size of fields changed")
      }
    }
  }

  private func checkCases(
    _ record: TypeRecord, _ parts: TypeRecord.Parts
  ) throws(ContainerError) {
    for current in record.cases {
      guard let present = parts.cases.first(where: { $0.name == current.name }) else {
        throw changed(record, current.name, before: "a case", after: "removed")
      }
      guard (current.type == nil) == (present.payload == nil),
        current.isIndirect == present.isIndirect
      else {
        throw changed(record, current.name, before: "a case", after: "a case of another form")
      }
      if let type = current.type, let payload = present.payload {
        try compare(record, current.name, type, payload)
      }
    }
    for present in parts.cases where !record.cases.contains(where: { $0.name == present.name }) {
      throw changed(record, present.name, before: "not there", after: "an added case")
    }
    for (current, present) in zip(record.cases, parts.cases) where current.name != present.name {
      throw changed(record, current.name, before: "a case", after: "moved, as the order changed")
    }
  }

  private func compare(
    _ record: TypeRecord, _ part: String, _ index: UInt32, _ present: Metadata
  ) throws(ContainerError) {
    if types[Int(index)] == present { return }
    if case .text(let name) = stored[Int(index)].identity, name == displayName(present) { return }
    // That is how Swift 6.3 records the type of a noncopyable property.
    let isHidden = present == Metadata(Void.self)
    throw changed(
      record, part, before: "of type \(stored[Int(index)].name)",
      after: isHidden
        ? "hidden from reflection and not described (PersistentLayout)"
        : "of type \(displayName(present))")
  }

  func missing(_ record: TypeRecord) -> ContainerError {
    if case .ambiguous = record.identity.resolve() {
      return ContainerError(
        code: .typeChanged,
        message: "The store has objects of the private or local type \(record.name), and this "
          + "program has several of that name, none or more than one with the stored fields. "
          + "Give them different names.")
    }
    return ContainerError(
      code: .typeMissing,
      message: "The store has values of type \(record.name), which this program does not have. "
        + "Link the module that declares it, or open the store with the program that wrote it.")
  }

  private func changed(
    _ record: TypeRecord, _ part: String?, before: String, after: String
  ) -> ContainerError {
    let what = part.map { "`\($0)` of \(record.name)" } ?? record.name
    return ContainerError(
      code: .typeChanged,
      message: "\(what) was \(before) when the store was written, and is \(after) in this "
        + "program. The store is untouched; open it with the program that wrote it, or declare "
        + "the type as it was.")
  }
}
