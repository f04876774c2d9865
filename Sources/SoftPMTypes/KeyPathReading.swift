// Which stored property a key path names.
//
//      key path object    0 header   16 offset or name
//                        24 buffer header: bits 0–23 bytes, 29 one component only
//                        32 components
//      component          0 header: bits 24–30 kind (1 struct, 2 computed, 3 class), 0–22 offset
//                           (0x7fffff: in the next word)
//      computed           8 identity   16 the key path's own getter
//
// 1. Stored properties of structs and of final classes are offsets.
// 2. Properties of other classes are reached through code, stored or not, and so are lazy and
//    observable ones. The symbol of that code names the property; the type's records say whether
//    it is stored.

import CSoftPMRuntime
import SoftPMBase

struct KeyPathReading {
  private let keyPath: AnyKeyPath
  private let root: Metadata

  init<Root, Value>(_ keyPath: KeyPath<Root, Value>) {
    self.keyPath = keyPath
    root = Metadata(Root.self)
  }

  private static let storedOnly =
    "Exclude a single stored property of a class or struct: \\Type.property."

  /// The type that declares the property, and the property's record.
  func storedProperty() throws(ContainerError) -> (owner: Metadata, record: FieldRecord) {
    let address = UnsafeRawPointer(Unmanaged.passUnretained(keyPath).toOpaque())
    defer { withExtendedLifetime(keyPath) {} }
    let buffer = address.load(fromByteOffset: 24, as: UInt32.self)
    let byteCount = Int(buffer & 0xff_ffff)
    let isSingle = buffer & (1 << 29) != 0
    guard byteCount >= 4 else {
      throw .notExcludable(keyPath, "it names the whole value", Self.storedOnly)
    }
    let component = address + 32
    let header = component.load(as: UInt32.self)
    switch (header >> 24) & 0x7f {
    case 1, 3:
      let inline = Int(header & 0x7f_ffff)
      let isOutOfLine = inline == 0x7f_ffff
      guard isSingle else {
        throw .notExcludable(keyPath, "it goes through more than one property", Self.storedOnly)
      }
      let offset =
        isOutOfLine ? Int(component.load(fromByteOffset: 4, as: UInt32.self)) : inline
      guard let found = record(atOffset: offset) else {
        throw .notExcludable(keyPath, "its type has no reflection metadata", Self.storedOnly)
      }
      return found
    case 2:
      // Header, identity, getter of the key path; a setter follows where there is one.
      let getter = component.load(fromByteOffset: 16, as: UnsafeRawPointer.self)
      guard isSingle else {
        throw .notExcludable(keyPath, "it goes through more than one property", Self.storedOnly)
      }
      guard let name = Symbols.propertyName(ofKeyPathGetter: getter) else {
        throw .notExcludable(
          keyPath, "the program has no symbol that tells which property it names",
          "Make the property or its class final, or do not strip the program.")
      }
      guard let found = record(named: name) else {
        throw .notExcludable(keyPath, "\(name) is a computed property", Self.storedOnly)
      }
      return found
    default:
      throw .notExcludable(keyPath, "it goes through an optional or a subscript", Self.storedOnly)
    }
  }

  /// The type and its superclasses, each with its records and the number of fields before it.
  private var levels: [(type: Metadata, records: [FieldRecord], before: Int)] {
    var chain: [(Metadata, [FieldRecord])] = []
    var current: Metadata? = root
    while let type = current, let descriptor = type.descriptor {
      chain.append((type, descriptor.fieldRecords ?? []))
      current = type.superclass
    }
    var before = 0
    return chain.reversed().map { type, records in
      defer { before += records.count }
      return (type, records, before)
    }
  }

  private func record(atOffset offset: Int) -> (owner: Metadata, record: FieldRecord)? {
    for (type, records, before) in levels {
      for (index, record) in records.enumerated()
      where softpm_runtime_field_offset(type.address, before + index) == offset
        && record.typeName.map({ type.resolve($0)?.size != 0 }) ?? false
      {
        return (type, record)
      }
    }
    return nil
  }

  private func record(named name: String) -> (owner: Metadata, record: FieldRecord)? {
    for (type, records, _) in levels.reversed() {
      let isObservable = records.contains { $0.name == "_$observationRegistrar" }
      let names = [name, "$__lazy_storage_$_\(name)"] + (isObservable ? ["_\(name)"] : [])
      if let record = records.first(where: { names.contains($0.name) }) { return (type, record) }
    }
    return nil
  }
}
