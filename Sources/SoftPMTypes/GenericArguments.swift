// What a type's generic parameters stand for.
//
//      header       params, requirements, words, flags (1: has packs)    each 16 bits
//                   then one byte per parameter: bits 0–5 kind, bit 7 has a word of its own
//                   requirements, 12 bytes each (at 4):  flags  subject  type
//                   where there are packs: packs, lengths;  of each pack: kind, word, length
//      arguments    lengths of packs  one word per parameter  witness tables
//
// 1. A parameter that is bound by its context (`extension Box where Value == Int`) has no word: what
//    it stands for is in the requirement.
// 2. A pack's word leads to its types; how many they are is in another word.

import CSoftPMRuntime

enum GenericArgument {
  case type(Metadata)
  case integer(Int)
  case pack([Metadata])
}

extension TypeDescriptor {
  private var genericHeader: UnsafeRawPointer? {
    guard isGeneric else { return nil }
    switch kind {
    case .classType: return address + 44 + 8
    case .structure, .enumeration: return address + 28 + 8
    case .extension: return address + 12
    case .anonymous: return address + 8
    default: return nil
    }
  }

  /// Generic parameters including those of the types around this one.
  var genericParameterCount: Int {
    genericHeader.map { Int($0.load(as: UInt16.self)) } ?? 0
  }

  fileprivate enum ParameterKind: UInt8 {
    case type = 0
    case pack = 1
    case value = 2
  }

  /// `word` is nil for a parameter that its context binds.
  fileprivate func parameter(_ index: Int) -> (kind: ParameterKind, word: Int?)? {
    guard let genericHeader, index >= 0, index < genericParameterCount else { return nil }
    let bytes = UnsafeRawBufferPointer(start: genericHeader + 8, count: index + 1)
    guard let kind = ParameterKind(rawValue: bytes[index] & 0x3f) else { return nil }
    guard bytes[index] & 0x80 != 0 else { return (kind, nil) }
    let lengths = packs.map { Int($0.load(fromByteOffset: 2, as: UInt16.self)) } ?? 0
    return (kind, lengths + bytes[..<index].count { $0 & 0x80 != 0 })
  }

  private var requirements: (start: UnsafeRawPointer, count: Int)? {
    genericHeader.map { header in
      (
        header + 8 + (genericParameterCount + 3) & ~3,
        Int(header.load(fromByteOffset: 2, as: UInt16.self))
      )
    }
  }

  private var packs: UnsafeRawPointer? {
    guard let genericHeader, genericHeader.load(fromByteOffset: 6, as: UInt16.self) & 1 != 0
    else { return nil }
    return requirements.map { $0.start + $0.count * 12 }
  }

  /// The word that says how many types the pack at another word has.
  fileprivate func lengthWord(ofPackAt word: Int) -> Int? {
    guard let packs else { return nil }
    for index in 0..<Int(packs.load(as: UInt16.self)) {
      let pack = packs + 4 + index * 8
      if pack.load(as: UInt16.self) == 0, pack.load(fromByteOffset: 2, as: UInt16.self) == word {
        return Int(pack.load(fromByteOffset: 4, as: UInt16.self))
      }
    }
    return nil
  }

  /// What a requirement says that a parameter, by its mangled name, is.
  fileprivate func binding(ofParameterNamed name: String) -> MangledName? {
    guard let (start, count) = requirements else { return nil }
    for index in 0..<count {
      let requirement = start + index * 12
      guard requirement.load(as: UInt32.self) & 0x1f == 1,
        let subject = relativePointer(at: requirement + 4).map(MangledName.init),
        subject.portableText == name
      else { continue }
      return relativePointer(at: requirement + 8).map(MangledName.init)
    }
    return nil
  }

  /// `x`, `q_`, `q0_`…; parameters of inner levels `qd__`, `qd_0_`…
  fileprivate func mangledParameter(_ index: Int) -> String {
    var index = index
    for (depth, count) in genericLevels.filter({ $0 > 0 }).enumerated() {
      guard index >= count else { return Self.mangled(depth, index) }
      index -= count
    }
    return ""
  }

  private static func mangled(_ depth: Int, _ index: Int) -> String {
    func number(_ value: Int) -> String { value == 0 ? "_" : "\(value - 1)_" }
    if depth == 0 { return index == 0 ? "x" : "q" + number(index - 1) }
    return "qd" + number(depth - 1) + number(index)
  }
}

extension Metadata {
  /// Where the generic arguments' words are.
  var genericArguments: UnsafeRawPointer? {
    guard let descriptor else { return nil }
    guard kind == .classType else { return address + 16 }
    return address + descriptor.classGenericArgumentsOffset
  }

  /// All of a nominal type's arguments; nil where one of them is not to be found.
  var genericArgumentList: [GenericArgument]? {
    guard let descriptor, let genericArguments else { return [] }
    var list: [GenericArgument] = []
    for index in 0..<descriptor.genericParameterCount {
      guard let (kind, word) = descriptor.parameter(index) else { return nil }
      guard let word else {
        guard let name = descriptor.binding(ofParameterNamed: descriptor.mangledParameter(index)),
          let type = resolve(name)
        else { return nil }
        list.append(.type(type))
        continue
      }
      let place = genericArguments + word * 8
      switch kind {
      case .value: list.append(.integer(place.load(as: Int.self)))
      case .type: list.append(.type(Metadata(place.load(as: UnsafeRawPointer.self))))
      case .pack:
        guard let length = descriptor.lengthWord(ofPackAt: word) else { return nil }
        let count = genericArguments.load(fromByteOffset: length * 8, as: Int.self)
        // The lowest bit says where the list lives.
        guard let types = UnsafeRawPointer(bitPattern: place.load(as: UInt.self) & ~1)
        else { return nil }
        list.append(
          .pack(
            (0..<count).map {
              Metadata(types.load(fromByteOffset: $0 * 8, as: UnsafeRawPointer.self))
            }))
      }
    }
    return list
  }

  /// Nil where the parameter does not stand for one type.
  func genericArgument(_ index: Int) -> Metadata? {
    guard let genericArguments, case (.type, let word?)? = descriptor?.parameter(index)
    else { return nil }
    return Metadata(genericArguments.load(fromByteOffset: word * 8, as: UnsafeRawPointer.self))
  }

  func genericInteger(_ index: Int) -> Int {
    guard let genericArguments, case (.value, let word?)? = descriptor?.parameter(index)
    else { return 0 }
    return genericArguments.load(fromByteOffset: word * 8, as: Int.self)
  }
}
