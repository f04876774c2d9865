// Constrained existentials (`any P<T>`) and their metatypes (`any P<T>.Type`), by what survives a
// rebuild.
//
//      metadata   8 shape   16 arguments
//      shape      0 flags (0–7: 0 opaque, 1 class-bound, 2 metatype)   4 name
//                 8 parameters  10 requirements
//                 16 arguments, as a generic header (flag 8)   expression (9)   witnesses (10)
//                 a byte per parameter unless implicit (11), per argument unless implicit (12)
//                 requirements, 12 bytes each:  flags (0–4: 0 protocol, 1 same type, 2 superclass;
//                 7 has a witness table)   subject   protocol or type
//
// 1. Swift 6.3 prints a mangled name for such a type and does not find the type by it; of a metatype
//    among them it does not even print a name, but reads memory that is none (`_typeName` and
//    `_mangledTypeName` alike), also where the metatype is an argument of another type. So neither is
//    ever asked for the name of a type with one of these in it.
// 2. The name of the *shape* (the type with parameters for what it is constrained to) holds no
//    addresses, so a shape and its arguments are an identity.
// 3. Nothing lists the shapes of a binary. But whoever declares a property or an enum case of such a
//    type refers to the shape from its field records, which are listed; and a container's root type
//    is at hand when it is opened. Where neither leads to the shape, the type is refused when it is
//    first stored.

import CSoftPMRuntime
import SoftPMBase
import Synchronization

/// The generic form of a constrained existential: `any P<τ>`.
struct ExistentialShape: Hashable, @unchecked Sendable {
  let address: UnsafeRawPointer

  enum Form: UInt32 {
    case opaque = 0
    case classBound = 1
    case metatype = 2
  }

  private var flags: UInt32 { address.load(as: UInt32.self) }
  private func isSet(_ bit: Int) -> Bool { flags & 1 << bit != 0 }
  private func half(_ offset: Int) -> Int {
    Int(address.load(fromByteOffset: offset, as: UInt16.self))
  }

  var name: String {
    relativePointer(at: address + 4).map { MangledName($0).portableText } ?? ""
  }

  /// Without what tells private protocols of several files apart: a hash of the file's name.
  static func nameWithoutFiles(_ name: String) -> String {
    name.replacing(/33_[0-9A-F]{32}LL/, with: "")
  }

  /// Nil for forms that this version does not know: type packs, layouts of their own, metatypes of
  /// metatypes.
  var form: Form? {
    guard let form = Form(rawValue: flags & 0xff), !isSet(13) else { return nil }
    guard form == .metatype else { return isSet(9) ? nil : form }
    let expression = isSet(9) ? relativePointer(at: address + (isSet(8) ? 24 : 16)) : nil
    let text = expression.map { MangledName($0).portableText }
    return text == "xm" || text == "qd__m" ? form : nil
  }

  /// Nil for shapes whose arguments are more than types.
  var argumentCount: Int? {
    guard isSet(8) else { return 0 }
    return half(18) == 0 && half(20) == half(16) ? half(16) : nil
  }

  struct Requirement {
    enum Kind {
      case conformance(UnsafeRawPointer)
      case superclass(MangledName)
      /// The subject is an argument, and the same as an associated type of Self.
      case argument(MangledName, same: MangledName)
      case other
    }
    var kind: Kind
    var isOfSelf: Bool
  }

  var requirements: [Requirement] {
    var offset = 16 + (isSet(8) ? 8 : 0) + (isSet(9) ? 4 : 0) + (isSet(10) ? 4 : 0)
    if !isSet(11) { offset += half(8) }
    if isSet(8), !isSet(12) { offset += half(16) }
    let start = address + (offset + 3) & ~3
    return (0..<half(10)).map { Self.requirement(at: start + $0 * 12) }
  }

  private static func requirement(at place: UnsafeRawPointer) -> Requirement {
    let flags = place.load(as: UInt32.self)
    let subject = relativePointer(at: place + 4).map(MangledName.init)
    var kind = Requirement.Kind.other
    switch flags & 0x1f {
    case 0 where flags & 0x80 != 0:
      if let proto = indirectableRelativePointer(at: place + 8) { kind = .conformance(proto) }
    case 1:
      // `x` is `4Unit<Gauge>Qyd__`: an argument, and which associated type it is.
      // `x` and `4Unit<Gauge>Qyd__`.
      if let type = relativePointer(at: place + 8).map(MangledName.init), let subject {
        kind = .argument(subject, same: type)
      }
    case 2:
      if let type = relativePointer(at: place + 8).map(MangledName.init) {
        kind = .superclass(type)
      }
    default: break
    }
    return Requirement(kind: kind, isOfSelf: subject?.isSelf ?? false)
  }

  func existential(_ arguments: [Metadata]) -> Metadata {
    let words = arguments.map { Optional($0.address) }
    return Metadata(
      words.withUnsafeBufferPointer {
        softpm_runtime_constrained_existential(address, $0.baseAddress)
      })
  }
}

extension Metadata {
  /// Shape and arguments of `any P<T>` and `any P<T>.Type`; nil for other types and for forms that
  /// are not known.
  var constrainedExistential: (shape: ExistentialShape, arguments: [Metadata])? {
    guard kind == .extendedExistential else { return nil }
    let shape = ExistentialShape(
      address: address.load(fromByteOffset: 8, as: UnsafeRawPointer.self))
    guard shape.form != nil, let count = shape.argumentCount else { return nil }
    return (
      shape,
      (0..<count).map {
        Metadata(address.load(fromByteOffset: 16 + $0 * 8, as: UnsafeRawPointer.self))
      }
    )
  }

  /// What a constrained existential, or the instances of its metatype, conform to.
  var extendedExistential: ExistentialDescription? {
    guard let (shape, arguments) = constrainedExistential else { return nil }
    var superclass: Metadata?
    var protocols: [UnsafeRawPointer] = []
    for requirement in shape.requirements {
      switch requirement.kind {
      case .conformance(let proto):
        guard requirement.isOfSelf else { return nil }
        protocols.append(proto)
      case .superclass(let name):
        guard requirement.isOfSelf, let type = SymbolicName.resolve(name, arguments)
        else { return nil }
        superclass = type
      case .argument, .other: break
      }
    }
    return ExistentialDescription(
      witnessCount: protocols.count, isClassBound: shape.form == .classBound, isError: false,
      superclass: superclass, protocols: protocols, constrained: self)
  }

  /// A type whose associated types are what a constrained existential asks for. That it conforms is
  /// known, but not as what: another build may have made `Meter.Unit` another type.
  func isConstraintMet(by type: Metadata) -> Bool {
    guard let (shape, arguments) = constrainedExistential else { return false }
    return shape.requirements.allSatisfy { requirement in
      guard case .argument(let argument, let same) = requirement.kind else { return true }
      let found = SymbolicName.resolve(same, arguments, subject: type)
      return found != nil && found == SymbolicName.resolve(argument, arguments, subject: type)
    }
  }

  /// The shapes of all constrained existentials in a type, and whether there is one at all.
  func collectShapes(into shapes: inout Set<ExistentialShape>, depth: Int = 0) -> Bool {
    guard depth < Limits.typeNestingDepth else { return true }
    var parts: [Metadata] = []
    var isFound = false
    switch kind {
    case .extendedExistential:
      isFound = true
      if let (shape, arguments) = constrainedExistential {
        shapes.insert(shape)
        parts = arguments
      }
    case .tuple: parts = tupleElements.map(\.type)
    case .function: parts = functionTypes
    case .metatype, .existentialMetatype: parts = [instanceType]
    case .existential: parts = existential.superclass.map { [$0] } ?? []
    case .fixedArray: parts = [fixedArray.element]
    default:
      for argument in descriptor == nil ? [] : genericArgumentList ?? [] {
        switch argument {
        case .type(let type): parts.append(type)
        case .pack(let types): parts += types
        case .integer: break
        }
      }
    }
    for part in parts where part.collectShapes(into: &shapes, depth: depth + 1) { isFound = true }
    return isFound
  }

  /// Swift must not be asked for the type's name (invariant 1).
  var hasConstrainedExistential: Bool {
    var shapes: Set<ExistentialShape> = []
    return collectShapes(into: &shapes)
  }
}

extension MangledName {
  /// The shapes that the name refers to.
  fileprivate var shapes: [ExistentialShape] {
    var shapes: [ExistentialShape] = []
    var index = 0
    while index < byteCount {
      let place = start + index
      switch place.load(as: UInt8.self) {
      case 0x0a:
        shapes.append(
          ExistentialShape(address: place + 1 + Int((place + 1).loadUnaligned(as: Int32.self))))
        index += 5
      case 0x0b:
        // One of several equal ones, of which the runtime chooses.
        let candidate = place + 1 + Int((place + 1).loadUnaligned(as: Int32.self))
        shapes.append(ExistentialShape(address: softpm_runtime_existential_shape(candidate)))
        index += 5
      case 0x01...0x17: index += 5
      case 0x18...0x1f: index += 9
      default: index += 1
      }
    }
    return shapes
  }
}

/// The shapes that the program declares, by name.
package enum ShapeIndex {
  private struct Contents {
    var shapes: [String: Set<ExistentialShape>] = [:]
    var roots: [String: Set<ExistentialShape>] = [:]
    /// For shapes whose protocol was moved to another file since.
    var shapesWithoutFiles: [String: Set<ExistentialShape>] = [:]
    var sectionCount = 0
  }

  private static let contents = Mutex(Contents())

  /// Makes known what a container's root type is constrained to: it is there whenever the
  /// container is opened, and need not be the type of any property.
  package static func noteRoot(_ type: Any.Type) {
    var shapes: Set<ExistentialShape> = []
    guard Metadata(type).collectShapes(into: &shapes) else { return }
    contents.withLock { contents in
      for shape in shapes { contents.roots[shape.name, default: []].insert(shape) }
    }
  }

  static func shapes(named name: String) -> Set<ExistentialShape> {
    contents.withLock { contents in
      if let known = contents.shapes[name] { return known }
      let sectionCount = DescriptorIndex.sectionCount
      if sectionCount != contents.sectionCount {
        contents.shapes = index()
        contents.shapesWithoutFiles = [:]
        for (name, shapes) in contents.shapes {
          let name = ExistentialShape.nameWithoutFiles(name)
          contents.shapesWithoutFiles[name, default: []].formUnion(shapes)
        }
        contents.sectionCount = sectionCount
      }
      return contents.shapes[name] ?? contents.roots[name]
        ?? contents.shapesWithoutFiles[ExistentialShape.nameWithoutFiles(name)] ?? []
    }
  }

  private static func index() -> [String: Set<ExistentialShape>] {
    var result: [String: Set<ExistentialShape>] = [:]
    DescriptorIndex.eachDescriptor { descriptor in
      guard descriptor.isNominal else { return }
      for record in descriptor.fieldRecords ?? [] {
        for shape in record.typeName?.shapes ?? [] { result[shape.name, default: []].insert(shape) }
      }
    }
    return result
  }
}
