// Types as people read them: `Shop.Basket<Swift.Int>`.
//
// 1. The runtime's own words are used where it may be asked (`ConstrainedExistentials`, invariant 1);
//    the others are written here in the same way.
// 2. Nothing in a name depends on the build: no addresses, which the runtime shows for private types,
//    and no hashes of file names, which it shows for private protocols.

/// A type's name as Swift would write it.
func displayName(_ metadata: Metadata) -> String {
  guard !metadata.hasConstrainedExistential else { return metadata.writtenName }
  let name = _typeName(metadata.type, qualified: true)
  guard name.contains("(unknown context at $") else { return name }
  var result = ""
  var rest = name[...]
  while let start = rest.firstRange(of: "(unknown context at $") {
    result += rest[..<start.lowerBound]
    guard let end = rest[start.upperBound...].firstIndex(of: ")") else { break }
    rest = rest[rest.index(after: end)...]
    if rest.hasPrefix(".") { rest = rest.dropFirst() }
  }
  return result + rest
}

/// What `"\(type)"` says, for types that Swift may be asked about and for the others too.
package func shownName(_ type: Any.Type) -> String {
  Metadata(type).hasConstrainedExistential ? displayName(Metadata(type)) : "\(type)"
}

extension TypeDescriptor {
  /// Module, enclosing types and name.
  var writtenPath: String {
    path.split(separator: ".").filter { !$0.hasPrefix("(") }.joined(separator: ".")
  }
}

extension Metadata {
  fileprivate var writtenName: String {
    switch kind {
    case .extendedExistential: return writtenExistential ?? "a constrained existential"
    case .existential:
      let description = existential
      let types = [description.superclass.map(displayName)].compactMap(\.self)
      return Self.existential(types + description.protocols.map(Self.name(ofProtocol:)))
    case .metatype:
      let name = displayName(instanceType)
      return (name.hasPrefix("any ") ? "(\(name))" : name) + ".Type"
    case .existentialMetatype: return displayName(instanceType) + ".Type"
    case .tuple:
      let elements = zip(tupleLabels, tupleElements).map { label, element in
        (label.isEmpty ? "" : label + ": ") + displayName(element.type)
      }
      return "(" + elements.joined(separator: ", ") + ")"
    case .function:
      let types = functionTypes.map(displayName)
      return "(" + types.dropLast().joined(separator: ", ") + ") -> " + (types.last ?? "()")
    case .fixedArray:
      return "Builtin.FixedArray<\(fixedArray.count), \(displayName(fixedArray.element))>"
    default: return writtenNominal ?? "a type of kind \(kind.map { $0.rawValue } ?? 0)"
    }
  }

  private static func name(ofProtocol address: UnsafeRawPointer) -> String {
    TypeDescriptor(address: address).writtenPath
  }

  private static func existential(_ parts: [String]) -> String {
    parts.isEmpty ? "Any" : "any " + parts.joined(separator: " & ")
  }

  private var writtenExistential: String? {
    guard let (shape, arguments) = constrainedExistential, let description = extendedExistential
    else { return nil }
    // Which argument belongs to which protocol; to the first where that is inherited. Protocols that a
    // superclass conforms to are only named by their arguments, if at all: `_` where they are not.
    var names = description.protocols.map(TypeDescriptor.init)
    var lists = [[String]](repeating: [], count: names.count)
    var unnamed: [String] = []
    var next = 0
    for requirement in shape.requirements {
      guard case .argument(_, let same) = requirement.kind, next < arguments.count
      else { continue }
      // Standard protocols are not referred to, but named in letters.
      let owner = same.referencedDescriptor
      var index = names.firstIndex { $0 == owner || owner == nil && $0.module == "Swift" }
      if index == nil, description.protocols.isEmpty, let owner {
        index = names.count
        names.append(owner)
        lists.append([])
      }
      let name = displayName(arguments[next])
      if lists.isEmpty { unnamed.append(name) } else { lists[index ?? 0].append(name) }
      next += 1
    }
    let types = [description.superclass.map(displayName)].compactMap(\.self)
    let protocols = zip(names, lists).map { proto, list in
      proto.writtenPath + (list.isEmpty ? "" : "<\(list.joined(separator: ", "))>")
    }
    let others = unnamed.isEmpty ? [] : ["_<\(unnamed.joined(separator: ", "))>"]
    let parts = types + protocols + others
    guard shape.form == .metatype else { return Self.existential(parts) }
    let name = parts.joined(separator: " & ")
    return "any " + (parts.count > 1 ? "(\(name))" : name) + ".Type"
  }

  /// Arguments stand behind the type that they belong to.
  private var writtenNominal: String? {
    guard let descriptor, let arguments = genericArgumentList else { return nil }
    var names = arguments.map { argument in
      switch argument {
      case .type(let type): displayName(type)
      case .integer(let value): "\(value)"
      case .pack(let types): "Pack{\(types.map(displayName).joined(separator: ", "))}"
      }
    }[...]
    var contexts: [TypeDescriptor] = []
    var current: TypeDescriptor? = descriptor
    while let context = current {
      if context.isNominal { contexts.insert(context, at: 0) }
      current = context.parent
    }
    var text = descriptor.module
    for (context, count) in zip(contexts, descriptor.genericLevels) {
      text += "." + context.name
      if count > 0 { text += "<\(names.prefix(count).joined(separator: ", "))>" }
      names = names.dropFirst(count)
    }
    return text
  }
}
