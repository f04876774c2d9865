// Existentials.
//
//      opaque (any P, Any)      three words: the value, or a box;  type;  witness tables
//      class-bound, AnyObject   object;  witness tables
//      any Error                a box that names its type
//
// 1. A value that does not fit three words lies in a box shared copy-on-write. Its header does
//    not name the type (each module has its own), so the box's layout comes from the container.
// 2. Witness tables are stored as zero. They are found again by dynamic type and protocol.
// 3. The type is stored as (type index + 1) << 12, which is never an extra inhabitant.

import SoftPMBase

final class ExistentialForm: FieldForm {
  let description: ExistentialDescription
  private unowned(unsafe) let catalog: TypeCatalog

  init(_ description: ExistentialDescription, catalog: TypeCatalog) {
    self.description = description
    self.catalog = catalog
  }

  private func object(_ value: UnsafeRawPointer) -> UnsafeRawPointer? {
    value.load(as: UnsafeRawPointer?.self)
  }

  private func dynamicType(_ value: UnsafeRawPointer) -> Metadata? {
    value.load(fromByteOffset: 24, as: UnsafeRawPointer?.self).map(Metadata.init)
  }

  private var holdsObject: Bool { description.isClassBound || description.isError }

  var shape: TypeShape {
    if description.isError { return .errorExistential }
    return description.isClassBound ? .classExistential : .existential
  }

  override func visit(
    _ value: UnsafeRawPointer, at slot: Int, in site: Site, _ body: ReferenceVisitor
  ) throws(ContainerError) {
    if holdsObject {
      guard let object = object(value) else { return }
      return try body(
        Reference(target: object, layout: nil, strength: .strong, slotOffset: slot))
    }
    guard let type = dynamicType(value) else { return }
    if type.isStoredInline {
      try catalog.valueLayout(of: type).visit(value, at: slot, in: site, body)
    } else if let box = object(value) {
      try body(
        Reference(
          target: box, layout: catalog.boxLayout(of: type), strength: .strong, slotOffset: slot))
    }
  }

  override func write(
    _ value: UnsafeRawPointer, into image: UnsafeMutableRawPointer, at slot: Int, in site: Site,
    _ context: any ImageContext
  ) throws(ContainerError) {
    if holdsObject {
      guard let object = object(value) else { return }
      let home = try site.home(of: object, nil, .strong, at: slot, context)
      image.storeBytes(of: UInt(home.rawValue), as: UInt.self)
      return
    }
    guard let type = dynamicType(value) else { return }
    if type.isStoredInline {
      try catalog.valueLayout(of: type).write(value, into: image, at: slot, in: site, context)
    } else if let box = object(value) {
      let home = try site.home(of: box, catalog.boxLayout(of: type), .strong, at: slot, context)
      image.storeBytes(of: UInt(home.rawValue), as: UInt.self)
    }
    image.storeBytes(
      of: try TypeWord.encode(type, at: slot + 24, in: site, context), toByteOffset: 24,
      as: UInt.self)
  }

  override func swizzle(
    _ value: UnsafeMutableRawPointer, _ session: RestoreSession
  ) throws(ContainerError) {
    if holdsObject {
      let target = try session.member(value.load(as: UInt.self), at: value)
      if description.isError {
        try session.expectErrorBox(target, at: value)
      } else {
        if let superclass = description.superclass {
          try session.expect(target, isInstanceOf: superclass, at: value)
        }
        try session.fillWitnesses(
          of: description, for: session.dynamicType(of: target, at: value), at: value + 8)
      }
      value.storeBytes(of: UInt(bitPattern: target), as: UInt.self)
      return
    }
    let word = value.load(fromByteOffset: 24, as: UInt.self)
    let type = try session.type(word, at: value + 24)
    if type.isStoredInline {
      try catalog.valueLayout(of: type).swizzle(value, session)
    } else {
      let target = try session.member(value.load(as: UInt.self), at: value)
      try session.expect(target, isBoxOf: type, at: value)
      value.storeBytes(of: UInt(bitPattern: target), as: UInt.self)
    }
    value.storeBytes(of: type.address, toByteOffset: 24, as: UnsafeRawPointer.self)
    try session.fillWitnesses(of: description, for: type, at: value + 32)
  }

  /// An existential shows only what it holds.
  override func path(toSlotAt offset: Int, in value: UnsafeRawPointer) -> String {
    guard !holdsObject, offset < 24, let type = dynamicType(value), type.isStoredInline
    else { return "" }
    return catalog.valueLayout(of: type).path(toSlotAt: offset, in: value)
  }
}

/// How a type is written in a field's image.
enum TypeWord {
  static func encode(
    _ type: Metadata, _ context: any ImageContext
  ) throws(ContainerError) -> UInt {
    (UInt(try context.typeIndex(ofMetadata: type.type)) + 1) << 12
  }

  /// For a type that stands in a field: where it cannot be named, the error has the field's path.
  static func encode(
    _ type: Metadata, at slot: Int, in site: Site, _ context: any ImageContext
  ) throws(ContainerError) -> UInt {
    do throws(ContainerError) {
      return try encode(type, context)
    } catch {
      guard error.path == "" else { throw error }
      var error = error
      error.path = site.layout.path(toSlotAt: slot, in: site.target)
      throw error
    }
  }
}

/// A thick metatype, `Any.Type`, `AnyClass` or `any P.Type`: a type, then witness tables.
final class MetatypeForm: FieldForm {
  private let description: ExistentialDescription?
  /// The type whose subtypes may be named; nil where any may.
  private let instanceType: Metadata?

  init(_ description: ExistentialDescription?, instanceType: Metadata?) {
    self.description = description
    self.instanceType = instanceType
  }

  override var isVisited: Bool { false }

  override func write(
    _ value: UnsafeRawPointer, into image: UnsafeMutableRawPointer, at slot: Int, in site: Site,
    _ context: any ImageContext
  ) throws(ContainerError) {
    let type = Metadata(value.load(as: UnsafeRawPointer.self))
    image.storeBytes(of: try TypeWord.encode(type, at: slot, in: site, context), as: UInt.self)
  }

  override func swizzle(
    _ value: UnsafeMutableRawPointer, _ session: RestoreSession
  ) throws(ContainerError) {
    let type = try session.type(value.load(as: UInt.self), at: value)
    if let instanceType, !type.isSubclass(of: instanceType) {
      throw session.damaged("a type that is \(displayName(instanceType))", at: value)
    }
    value.storeBytes(of: type.address, as: UnsafeRawPointer.self)
    if let description {
      try session.fillWitnesses(of: description, for: type, at: value + 8)
    }
  }
}
