// Finds a type by the name that people read: for types that were renamed, moved, or made private or
// public, whose mangled names are other ones now.
//
//      type     module.name.name<type, …>.name<…>    (type, label: type)    number
//
// 1. Only types that some loaded binary lists are found, by their path, as private types are
//    (`TypeIdentity`); text of a file never reaches the runtime otherwise.
// 2. Depth is bounded, and a name that is not understood is a type that is not found.

import SoftPMBase

struct WrittenType {
  private let text: [Character]
  private var place = 0

  private init(_ text: String) { self.text = Array(text) }

  /// The type of that name in this program; nil where there is none, or more than one.
  static func resolve(_ name: String) -> Metadata? {
    guard name.utf8.count <= TypeTable.nameBytesMost else { return nil }
    var parser = WrittenType(name)
    guard let identity = parser.type(depth: 0), parser.place == parser.text.count,
      case .found(let metadata) = identity.resolve()
    else { return nil }
    return metadata
  }

  private var current: Character? { place < text.count ? text[place] : nil }

  private mutating func take(_ character: Character) -> Bool {
    guard current == character else { return false }
    place += 1
    return true
  }

  private mutating func skipSpaces() { while take(" ") {} }

  private mutating func word() -> String {
    var word = ""
    while let character = current,
      character.isLetter || character.isNumber || character == "_" || character == "."
    {
      word.append(character)
      place += 1
    }
    return word
  }

  private mutating func type(depth: Int) -> TypeIdentity? {
    guard depth < Limits.typeNestingDepth else { return nil }
    skipSpaces()
    if current == "(" { return tuple(depth: depth) }
    var path = word()
    if let number = Int(path) { return .integer(number) }
    var arguments: [TypeIdentity] = []
    while take("<") {
      repeat {
        guard let argument = type(depth: depth + 1) else { return nil }
        arguments.append(argument)
        skipSpaces()
      } while take(",")
      guard take(">") else { return nil }
      path += word()
    }
    return Self.nominal(path, arguments)
  }

  private mutating func tuple(depth: Int) -> TypeIdentity? {
    _ = take("(")
    var elements: [TypeIdentity] = []
    var labels: [String] = []
    skipSpaces()
    while current != ")" {
      let start = place
      let label = word()
      if !label.isEmpty, take(":") {
        labels.append(label)
      } else {
        place = start
        labels.append("")
      }
      guard let element = type(depth: depth + 1) else { return nil }
      elements.append(element)
      skipSpaces()
      if !take(",") { break }
      skipSpaces()
    }
    guard take(")") else { return nil }
    let written = labels.allSatisfy(\.isEmpty) ? "" : labels.joined(separator: " ")
    return .tuple(labels: written, elements: elements)
  }

  private static func nominal(_ path: String, _ arguments: [TypeIdentity]) -> TypeIdentity? {
    let candidates = DescriptorIndex.descriptors(writtenAs: path)
    guard candidates.count == 1, let descriptor = candidates.first else { return nil }
    if descriptor.kind == .protocol {
      return .existential(protocols: [descriptor.path], superclass: nil, isClassBound: false)
    }
    guard descriptor.genericParameterCount == arguments.count else { return nil }
    return .nominal(
      path: descriptor.path, fingerprint: descriptor.fingerprint,
      levels: descriptor.genericLevels, arguments: arguments)
  }
}
