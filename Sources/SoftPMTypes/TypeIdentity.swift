// A type, by what survives a rebuild.
//
// 1. Most types round-trip through their mangled name: module, nesting, name, arguments.
// 2. The mangled name of a private, fileprivate or local type holds an address. Such a type, and
//    whatever has it as an argument, is a tree: the path of contexts, a fingerprint of its fields,
//    and its arguments.
// 3. A path may name several types (two functions with a local `Item`): the fingerprint decides;
//    where it cannot, the type is refused when it is first stored, not when it is to be found.
// 4. An identity is only made when it leads back to the type in this process.

import CSoftPMRuntime
import SoftPMBase

indirect enum TypeIdentity: Hashable, Sendable {
  case mangled(String)
  case nominal(path: String, fingerprint: UInt64, levels: [Int], arguments: [TypeIdentity])
  case tuple(labels: String, elements: [TypeIdentity])
  case metatype(TypeIdentity)
  /// An argument that is a number: the 3 of `InlineArray<3, Int>`.
  case integer(Int)
  /// An existential with a private protocol, by the protocols' paths.
  case existential(protocols: [String], superclass: TypeIdentity?, isClassBound: Bool)
  /// `any P.Type`.
  case existentialMetatype(TypeIdentity)
  /// `any P<T>`: the name of its shape, and what it is constrained to.
  case constrained(shape: String, arguments: [TypeIdentity])
  /// What a parameter pack stands for.
  case pack([TypeIdentity])
  /// The name as text, which finds nothing: enough to compare the type of a field.
  case text(String)

  init(of metadata: Metadata) throws(ContainerError) {
    if let name = Self.roundTripName(of: metadata) {
      self = .mangled(name)
      return
    }
    guard let tree = Self.tree(of: metadata, depth: 0), tree.resolve() == .found(metadata) else {
      throw Self.unnameable(metadata)
    }
    self = tree
  }

  static func unnameable(_ metadata: Metadata) -> ContainerError {
    ContainerError(
      code: .unsupportedType,
      message: "The type \(displayName(metadata)) could not be found again in a later run. Give "
        + "private and local types of one module different names or fields. A constrained "
        + "existential (any P<T>) must be the type of a property somewhere in the program, or "
        + "belong to the type of the root.",
      path: "")
  }

  private static func roundTripName(of metadata: Metadata) -> String? {
    guard !metadata.hasConstrainedExistential, let name = _mangledTypeName(metadata.type),
      MangledNameFilter.accepts(name),
      let found = _typeByName(name), Metadata(found) == metadata
    else { return nil }
    return name
  }

  private static func tree(of metadata: Metadata, depth: Int) -> TypeIdentity? {
    guard depth < Limits.typeNestingDepth else { return nil }
    if metadata.kind == .tuple {
      var elements: [TypeIdentity] = []
      for element in metadata.tupleElements {
        guard let identity = tree(of: element.type, depth: depth + 1) else { return nil }
        elements.append(identity)
      }
      let labels = metadata.tupleLabels
      guard labels.allSatisfy(\.isPlainIdentifier) else { return nil }
      return .tuple(
        labels: labels.allSatisfy(\.isEmpty) ? "" : labels.joined(separator: " "),
        elements: elements)
    }
    if metadata.kind == .existential { return existentialTree(of: metadata, depth: depth) }
    if metadata.kind == .extendedExistential {
      guard let (shape, types) = metadata.constrainedExistential else { return nil }
      var arguments: [TypeIdentity] = []
      for type in types {
        guard let identity = tree(of: type, depth: depth + 1) else { return nil }
        arguments.append(identity)
      }
      return .constrained(shape: shape.name, arguments: arguments)
    }
    if metadata.kind == .existentialMetatype {
      return tree(of: metadata.instanceType, depth: depth + 1)
        .map(TypeIdentity.existentialMetatype)
    }
    if metadata.kind == .metatype {
      return tree(of: metadata.instanceType, depth: depth + 1).map(TypeIdentity.metatype)
    }
    guard let descriptor = metadata.descriptor else {
      return roundTripName(of: metadata).map(TypeIdentity.mangled)
    }
    guard let list = metadata.genericArgumentList,
      let arguments = trees(of: list, depth: depth + 1)
    else { return nil }
    return .nominal(
      path: descriptor.path, fingerprint: descriptor.fingerprint,
      levels: descriptor.genericLevels, arguments: arguments)
  }

  private static func trees(of arguments: [GenericArgument], depth: Int) -> [TypeIdentity]? {
    var trees: [TypeIdentity] = []
    for argument in arguments {
      switch argument {
      case .integer(let value): trees.append(.integer(value))
      case .type(let type):
        guard let tree = tree(of: type, depth: depth) else { return nil }
        trees.append(tree)
      case .pack(let types):
        guard let elements = Self.trees(of: types.map(GenericArgument.type), depth: depth)
        else { return nil }
        trees.append(.pack(elements))
      }
    }
    return trees
  }
}

extension TypeIdentity {
  private static func existentialTree(of metadata: Metadata, depth: Int) -> TypeIdentity? {
    let description = metadata.existential
    var superclass: TypeIdentity?
    if let type = description.superclass {
      superclass = tree(of: type, depth: depth + 1)
      guard superclass != nil else { return nil }
    }
    let paths = description.protocols.map { TypeDescriptor(address: $0).path }
    // Whether AnyObject was written, or follows from a protocol, only shows in which name finds
    // the type again.
    for isClassBound in [false, true] {
      let candidate = TypeIdentity.existential(
        protocols: paths, superclass: superclass, isClassBound: isClassBound)
      if candidate.resolve() == .found(metadata) { return candidate }
    }
    return nil
  }

  private static func appendExistential(
    _ protocols: [String], _ superclass: TypeIdentity?, _ isClassBound: Bool,
    to name: inout SymbolicName
  ) -> Resolution? {
    if protocols.isEmpty { name.append("y") }
    for (index, path) in protocols.enumerated() {
      let candidates = DescriptorIndex.descriptors(at: path).filter { $0.kind == .protocol }
      guard candidates.count == 1 else {
        return candidates.isEmpty ? .missing(path) : .ambiguous(path)
      }
      name.append(candidates[0])
      if index == 0 { name.append("_") }
    }
    if let superclass {
      if let failure = superclass.append(to: &name) { return failure }
      name.append("Xc")
    } else {
      name.append(isClassBound ? "Xl" : "p")
    }
    return nil
  }
}

extension String {
  /// Empty, or letters, digits and `_`, as an identifier is mangled without further ado.
  fileprivate var isPlainIdentifier: Bool {
    let startsWithDigit = unicodeScalars.first.map { ("0"..."9").contains($0) } ?? false
    return !startsWithDigit
      && unicodeScalars.allSatisfy {
        ("a"..."z").contains($0) || ("A"..."Z").contains($0) || ("0"..."9").contains($0)
          || $0 == "_"
      }
  }
}

// MARK: - Finding the type again

extension TypeIdentity {
  enum Resolution: Equatable {
    case found(Metadata)
    case missing(String)
    case ambiguous(String)
  }

  func resolve() -> Resolution {
    if case .mangled(let name) = self {
      return _typeByName(name).map { .found(Metadata($0)) } ?? .missing(name)
    }
    var name = SymbolicName()
    switch append(to: &name) {
    case .some(let failure): return failure
    case nil:
      return name.resolve().map(Resolution.found) ?? .missing(path)
    }
  }

  private var path: String {
    switch self {
    case .mangled(let name): name
    case .nominal(let path, _, _, _): path
    case .tuple: "a tuple"
    case .metatype(let instance): instance.path
    case .integer(let value): "\(value)"
    case .existential(let protocols, _, _): "any " + protocols.joined(separator: " & ")
    case .existentialMetatype(let instance): instance.path
    case .constrained(let shape, _): shape
    case .pack: "a pack of types"
    case .text(let name): name
    }
  }

  /// Nil when all went well.
  private func append(to name: inout SymbolicName) -> Resolution? {
    switch self {
    case .text(let name): return .missing(name)
    case .constrained(let shape, let arguments):
      return Self.appendConstrained(shape, arguments, to: &name)
    case .mangled(let text):
      name.append(text)
      return nil
    case .pack(let elements):
      for (index, element) in elements.enumerated() {
        if let failure = element.append(to: &name) { return failure }
        if index == 0 { name.append("_") }
      }
      name.append(elements.isEmpty ? "yQP" : "QP")
      return nil
    case .existential(let protocols, let superclass, let isClassBound):
      return Self.appendExistential(protocols, superclass, isClassBound, to: &name)
    case .existentialMetatype(let instance), .metatype(let instance):
      if let failure = instance.append(to: &name) { return failure }
      if case .existentialMetatype = self { name.append("Xp") } else { name.append("m") }
      return nil
    case .integer(let value):
      // Numbers are mangled as one less, and 0 as nothing; negative ones have an n.
      let magnitude = value.magnitude
      name.append("$\(value < 0 ? "n" : "")\(magnitude == 0 ? "" : "\(magnitude - 1)")_")
      return nil
    case .tuple(let labels, let elements):
      let labels = labels.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
      guard labels.count <= max(1, elements.count), labels.allSatisfy(\.isPlainIdentifier) else {
        return .missing(path)
      }
      for (index, element) in elements.enumerated() {
        if let failure = element.append(to: &name) { return failure }
        if index < labels.count, !labels[index].isEmpty {
          name.append("\(labels[index].utf8.count)\(labels[index])")
        }
        if index == 0 { name.append("_") }
      }
      name.append(elements.isEmpty ? "yt" : "t")
      return nil
    case .nominal(let path, let fingerprint, let levels, let arguments):
      let candidates = DescriptorIndex.descriptors(at: path)
      let exact = candidates.filter { $0.fingerprint == fingerprint }
      guard let descriptor = candidates.count == 1 ? candidates[0] : exact.first else {
        return candidates.isEmpty ? .missing(path) : .ambiguous(path)
      }
      guard candidates.count == 1 || exact.count == 1 else { return .ambiguous(path) }
      guard levels.reduce(0, +) == arguments.count,
        descriptor.genericParameterCount == arguments.count
      else { return .missing(path) }
      name.append(descriptor)
      guard !arguments.isEmpty else { return nil }
      name.append("y")
      var next = 0
      for (level, count) in levels.enumerated() {
        if level > 0 { name.append("_") }
        for _ in 0..<count {
          if let failure = arguments[next].append(to: &name) { return failure }
          next += 1
        }
      }
      name.append("G")
      return nil
    }
  }
}

extension TypeIdentity {
  private static func appendConstrained(
    _ shapeName: String, _ arguments: [TypeIdentity], to name: inout SymbolicName
  ) -> Resolution? {
    let shapes = ShapeIndex.shapes(named: shapeName)
    guard shapes.count == 1, let shape = shapes.first else {
      return shapes.isEmpty ? .missing(shapeName) : .ambiguous(shapeName)
    }
    guard shape.argumentCount == arguments.count else { return .missing(shapeName) }
    var types: [Metadata] = []
    for argument in arguments {
      guard case .found(let type) = argument.resolve() else { return argument.resolve() }
      types.append(type)
    }
    return name.append(shape.existential(types)) ? nil : .missing(shapeName)
  }
}

/// A mangled name whose nominal types are symbolic references: 0x02 and the distance to a word
/// that holds the descriptor's address. A type that no name leads to is a generic parameter in it,
/// and the type the argument.
struct SymbolicName {
  private enum Part {
    case text([UInt8])
    case descriptor(TypeDescriptor)
  }
  private var parts: [Part] = []
  private var arguments: [Metadata] = []

  /// Whose parameters the name uses: those of the outer type, and of the inner one, which is what
  /// Self is in requirements.
  private struct Context<A, B, C, D, E, F, G, H> {
    struct Inner<Subject> {}
  }
  private static let context = Metadata(
    Context<Int, Int, Int, Int, Int, Int, Int, Int>.Inner<Int>.self)
  private static let parameters = ["x", "q_", "q0_", "q1_", "q2_", "q3_", "q4_", "q5_"]

  /// False when there are more such types than parameters.
  mutating func append(_ type: Metadata) -> Bool {
    let index = arguments.firstIndex(of: type) ?? arguments.count
    guard index < Self.parameters.count else { return false }
    if index == arguments.count { arguments.append(type) }
    append(Self.parameters[index])
    return true
  }

  mutating func append(_ text: String) { parts.append(.text(Array(text.utf8))) }
  mutating func append(_ descriptor: TypeDescriptor) { parts.append(.descriptor(descriptor)) }

  /// A name of the binary that may use the context's parameters.
  static func resolve(
    _ name: MangledName, _ arguments: [Metadata], subject: Metadata? = nil
  ) -> Metadata? {
    guard arguments.count <= parameters.count else { return nil }
    return type(name.start, name.byteCount, arguments, subject: subject)
  }

  private static func type(
    _ name: UnsafeRawPointer, _ byteCount: Int, _ arguments: [Metadata], subject: Metadata? = nil
  ) -> Metadata? {
    guard !arguments.isEmpty else {
      return softpm_runtime_type_named(name, byteCount, nil, nil).map(Metadata.init)
    }
    // All of the context's parameters have an argument, needed or not.
    let none = Metadata(Int.self)
    let fill = repeatElement(none, count: parameters.count - arguments.count)
    let words = (arguments + fill + [subject ?? none]).map { Optional($0.address) }
    return words.withUnsafeBytes {
      softpm_runtime_type_named(name, byteCount, context.descriptor?.address, $0.baseAddress)
    }.map(Metadata.init)
  }

  func resolve() -> Metadata? {
    let descriptors = parts.count(where: { if case .descriptor = $0 { true } else { false } })
    let textBytes = parts.reduce(0) { total, part in
      if case .text(let text) = part { total + text.count } else { total + 5 }
    }
    let wordBytes = descriptors * 8
    let buffer = UnsafeMutableRawPointer.allocate(
      byteCount: wordBytes + textBytes + 1, alignment: 16)
    defer { buffer.deallocate() }
    var word = 0
    var end = wordBytes
    for part in parts {
      switch part {
      case .text(let text):
        text.withUnsafeBytes { raw in
          guard let start = raw.baseAddress else { return }
          (buffer + end).copyMemory(from: start, byteCount: raw.count)
        }
        end += text.count
      case .descriptor(let descriptor):
        buffer.storeBytes(
          of: descriptor.address, toByteOffset: word * 8, as: UnsafeRawPointer.self)
        buffer.storeBytes(of: 0x02, toByteOffset: end, as: UInt8.self)
        let distance = Int32(word * 8 - (end + 1))
        withUnsafeBytes(of: distance) {
          (buffer + end + 1).copyMemory(from: $0.baseAddress!, byteCount: 4)
        }
        word += 1
        end += 5
      }
    }
    buffer.storeBytes(of: 0, toByteOffset: end, as: UInt8.self)
    return Self.type(buffer + wordBytes, textBytes, arguments)
  }
}

// MARK: - Coding

extension TypeIdentity {
  func encode(into writer: inout ByteWriter) {
    switch self {
    case .mangled(let name):
      writer.integer(UInt8(0))
      writer.string(name)
    case .nominal(let path, let fingerprint, let levels, let arguments):
      writer.integer(UInt8(1))
      writer.string(path)
      writer.integer(fingerprint)
      writer.count(levels.count)
      for level in levels { writer.count(level) }
      writer.count(arguments.count)
      for argument in arguments { argument.encode(into: &writer) }
    case .tuple(let labels, let elements):
      writer.integer(UInt8(2))
      writer.string(labels)
      writer.count(elements.count)
      for element in elements { element.encode(into: &writer) }
    case .metatype(let instance):
      writer.integer(UInt8(3))
      instance.encode(into: &writer)
    case .integer(let value):
      writer.integer(UInt8(4))
      writer.integer(Int64(value))
    case .existential(let protocols, let superclass, let isClassBound):
      writer.integer(UInt8(5))
      writer.count(protocols.count)
      for path in protocols { writer.string(path) }
      writer.integer(UInt8((superclass == nil ? 0 : 1) + (isClassBound ? 2 : 0)))
      superclass?.encode(into: &writer)
    case .existentialMetatype(let instance):
      writer.integer(UInt8(6))
      instance.encode(into: &writer)
    case .text(let name):
      writer.integer(UInt8(7))
      writer.string(name)
    case .constrained(let shape, let arguments):
      writer.integer(UInt8(8))
      writer.string(shape)
      writer.count(arguments.count)
      for argument in arguments { argument.encode(into: &writer) }
    case .pack(let elements):
      writer.integer(UInt8(9))
      writer.count(elements.count)
      for element in elements { element.encode(into: &writer) }
    }
  }

  init(decoding reader: inout ByteReader, depth: Int = 0) throws(ContainerError) {
    guard depth < Limits.typeNestingDepth else {
      throw reader.invalid("types nested at most \(Limits.typeNestingDepth) deep")
    }
    func list(_ reader: inout ByteReader) throws(ContainerError) -> [TypeIdentity] {
      let count = try reader.count(atMost: reader.remaining, of: "type arguments")
      var list: [TypeIdentity] = []
      for _ in 0..<count { list.append(try TypeIdentity(decoding: &reader, depth: depth + 1)) }
      return list
    }
    switch try reader.integer(UInt8.self) {
    case 0:
      let name = try reader.string(atMost: TypeTable.nameBytesMost, of: "bytes of a type's name")
      guard MangledNameFilter.accepts(name) else {
        throw reader.invalid("a type's mangled name", found: name)
      }
      self = .mangled(name)
    case 1:
      let path = try reader.string(atMost: TypeTable.nameBytesMost, of: "bytes of a type's path")
      let fingerprint: UInt64 = try reader.integer()
      let levelCount = try reader.count(atMost: 64, of: "levels of type arguments")
      var levels: [Int] = []
      for _ in 0..<levelCount { levels.append(try reader.count(atMost: 256, of: "arguments")) }
      self = .nominal(
        path: path, fingerprint: fingerprint, levels: levels, arguments: try list(&reader))
    case 2:
      let labels = try reader.string(atMost: TypeTable.nameBytesMost, of: "bytes of labels")
      self = .tuple(labels: labels, elements: try list(&reader))
    case 3: self = .metatype(try TypeIdentity(decoding: &reader, depth: depth + 1))
    case 4: self = .integer(Int(try reader.integer(Int64.self)))
    case 5:
      var protocols: [String] = []
      let count = try reader.count(atMost: reader.remaining, of: "protocols")
      for _ in 0..<count {
        protocols.append(
          try reader.string(atMost: TypeTable.nameBytesMost, of: "bytes of a protocol's path"))
      }
      let flags: UInt8 = try reader.integer()
      guard flags <= 3 else { throw reader.invalid("flags of an existential", found: "\(flags)") }
      self = .existential(
        protocols: protocols,
        superclass: flags & 1 == 0 ? nil : try TypeIdentity(decoding: &reader, depth: depth + 1),
        isClassBound: flags & 2 != 0)
    case 6: self = .existentialMetatype(try TypeIdentity(decoding: &reader, depth: depth + 1))
    case 7:
      self = .text(
        try reader.string(atMost: TypeTable.nameBytesMost, of: "bytes of a type's name"))
    case 8:
      let shape = try reader.string(atMost: TypeTable.nameBytesMost, of: "bytes of a shape's name")
      self = .constrained(shape: shape, arguments: try list(&reader))
    case 9: self = .pack(try list(&reader))
    case let tag: throw reader.invalid("a form of type identity", found: "\(tag)")
    }
  }
}
