// Constrained existentials (`any P<T>`) by what survives a rebuild.
//
//      metadata   8 shape   16 arguments
//      shape      0 flags (8: has arguments)   4 name
//                 16 expression?   witnesses?   then the number of arguments
//
// 1. Swift 6.3 prints a mangled name for such a type and does not find the type by it. The name of
//    its *shape* (the type with parameters for what it is constrained to) holds no addresses, so a
//    shape and its arguments are an identity.
// 2. Nothing lists the shapes of a binary. But whoever declares a property or an enum case of such a
//    type refers to the shape from its field records, which are listed; and a container's root type
//    is at hand when it is opened. Where neither leads to the shape, the type is refused when it is
//    first stored.

import CSoftPMRuntime
import Synchronization

/// The generic form of a constrained existential: `any P<τ>`.
struct ExistentialShape: Hashable, @unchecked Sendable {
  let address: UnsafeRawPointer

  var name: String {
    relativePointer(at: address + 4).map { MangledName($0).portableText } ?? ""
  }

  /// Nil for shapes whose arguments are more than types.
  var argumentCount: Int? {
    let flags = address.load(as: UInt32.self)
    guard flags & 0x100 != 0 else { return 0 }
    let place = address + 16 + (flags & 0x200 != 0 ? 4 : 0) + (flags & 0x400 != 0 ? 4 : 0)
    let parameters = Int(place.load(as: UInt16.self))
    let requirements = place.load(fromByteOffset: 2, as: UInt16.self)
    let keys = Int(place.load(fromByteOffset: 4, as: UInt16.self))
    return requirements == 0 && keys == parameters ? parameters : nil
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
  /// Shape and arguments of `any P<T>`; nil for other types and for forms that are not known.
  var constrainedExistential: (shape: ExistentialShape, arguments: [Metadata])? {
    guard kind == .extendedExistential, extendedExistential != nil else { return nil }
    let shape = ExistentialShape(
      address: address.load(fromByteOffset: 8, as: UnsafeRawPointer.self))
    guard let count = shape.argumentCount else { return nil }
    return (
      shape,
      (0..<count).map {
        Metadata(address.load(fromByteOffset: 16 + $0 * 8, as: UnsafeRawPointer.self))
      }
    )
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
    var sectionCount = 0
  }

  private static let contents = Mutex(Contents())

  /// Makes known what a container's root type is constrained to: it is there whenever the
  /// container is opened, and need not be the type of any property.
  package static func noteRoot(_ type: Any.Type) {
    var shapes: Set<ExistentialShape> = []
    collect(Metadata(type), into: &shapes, depth: 0)
    guard !shapes.isEmpty else { return }
    contents.withLock { contents in
      for shape in shapes { contents.roots[shape.name, default: []].insert(shape) }
    }
  }

  private static func collect(
    _ metadata: Metadata, into shapes: inout Set<ExistentialShape>, depth: Int
  ) {
    guard depth < 64 else { return }
    if let (shape, arguments) = metadata.constrainedExistential {
      shapes.insert(shape)
      for argument in arguments { collect(argument, into: &shapes, depth: depth + 1) }
    } else if metadata.kind == .tuple {
      for element in metadata.tupleElements {
        collect(element.type, into: &shapes, depth: depth + 1)
      }
    } else if let descriptor = metadata.descriptor {
      for index in 0..<descriptor.genericParameterCount where !descriptor.isValueParameter(index) {
        guard let argument = metadata.genericArgument(index) else { continue }
        collect(argument, into: &shapes, depth: depth + 1)
      }
    }
  }

  static func shapes(named name: String) -> Set<ExistentialShape> {
    contents.withLock { contents in
      if let known = contents.shapes[name] { return known }
      let sectionCount = DescriptorIndex.sectionCount
      if sectionCount != contents.sectionCount {
        contents.shapes = index()
        contents.sectionCount = sectionCount
      }
      return contents.shapes[name] ?? contents.roots[name] ?? []
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
