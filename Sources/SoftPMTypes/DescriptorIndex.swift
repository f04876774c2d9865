import CSoftPMRuntime
import SoftPMBase
import Synchronization

extension TypeDescriptor {
  /// Module, contexts and name: `Shop.(private).Basket.Item`. Equal for types that the compiler
  /// tells apart only by address, as two local types of one name in two functions.
  var path: String {
    let prefix = parent.map { $0.path + "." } ?? ""
    switch kind {
    case .extension: return prefix + "(extension \(extendedTypeName))"
    case .anonymous: return prefix + "(private)"
    case .opaque: return prefix + "(opaque)"
    default: return prefix + name
    }
  }

  /// The mangled name of an extended type, its symbolic references as paths.
  private var extendedTypeName: String {
    relativePointer(at: address + 8).map { MangledName($0).portableText } ?? ""
  }

  /// What a private type looks like: kind, and names and types of its fields.
  var fingerprint: UInt64 {
    var writer = ByteWriter()
    writer.integer(kind?.rawValue ?? 0)
    writer.count(genericParameterCount)
    for record in fieldRecords ?? [] {
      writer.string(record.name)
      writer.string(record.typeName?.portableText ?? "")
    }
    return writer.bytes.withUnsafeBytes { Checksum.xxh3($0) }
  }
}

extension MangledName {
  /// The name with the paths of what its symbolic references lead to: the same in every build.
  var portableText: String {
    var text = ""
    var index = 0
    while index < byteCount {
      let byte = start.load(fromByteOffset: index, as: UInt8.self)
      switch byte {
      case 0x01, 0x02:
        let place = start + index + 1
        let distance = place.loadUnaligned(as: Int32.self)
        var target = place + Int(distance)
        if byte == 0x02 { target = target.load(as: UnsafeRawPointer.self) }
        text += "{\(TypeDescriptor(address: target).path)}"
        index += 5
      case 0x03...0x17:
        text += "{}"
        index += 5
      case 0x18...0x1f:
        text += "{}"
        index += 9
      default:
        text.unicodeScalars.append(Unicode.Scalar(byte))
        index += 1
      }
    }
    return text
  }
}

/// The nominal types and protocols of all loaded binaries by path.
///
/// Made from the binaries' own lists of types when first needed (only private types need it), and
/// again when a path is not found, since libraries may have been loaded in between.
enum DescriptorIndex {
  private struct Contents {
    var descriptors: [String: [TypeDescriptor]] = [:]
    /// By path without the marks of private contexts; made when first asked for.
    var written: [String: [TypeDescriptor]] = [:]
    var sectionCount = 0
  }

  private static let contents = Mutex(Contents())

  static func descriptors(at path: String) -> [TypeDescriptor] {
    contents.withLock { contents in
      if let known = contents.descriptors[path] { return known }
      let sections = Self.sections()
      if sections.count != contents.sectionCount {
        contents = Contents(descriptors: index(sections), sectionCount: sections.count)
      }
      return contents.descriptors[path] ?? []
    }
  }

  static var sectionCount: Int { sections().count }

  /// Each nominal type and protocol of all loaded binaries.
  static func eachDescriptor(_ body: (TypeDescriptor) -> Void) {
    for section in sections() { eachDescriptor(in: section, body) }
  }

  /// The types that are called so where privacy is not written: `Shop.Item`, private or not.
  static func descriptors(writtenAs path: String) -> [TypeDescriptor] {
    _ = descriptors(at: path)
    return contents.withLock { contents in
      if contents.written.isEmpty {
        for (path, descriptors) in contents.descriptors {
          let written = path.split(separator: ".").filter { $0 != "(private)" }
          contents.written[written.joined(separator: "."), default: []] += descriptors
        }
      }
      return contents.written[path] ?? []
    }
  }

  private static func sections() -> [UnsafeRawBufferPointer] {
    var sections: [UnsafeRawBufferPointer] = []
    withUnsafeMutablePointer(to: &sections) { sections in
      softpm_runtime_each_type_section(
        { start, byteCount, context in
          let sections = context?.assumingMemoryBound(to: [UnsafeRawBufferPointer].self)
          sections?.pointee.append(UnsafeRawBufferPointer(start: start, count: byteCount))
          return true
        }, sections)
    }
    return sections
  }

  private static func index(
    _ sections: [UnsafeRawBufferPointer]
  ) -> [String: [TypeDescriptor]] {
    var result: [String: [TypeDescriptor]] = [:]
    for section in sections {
      eachDescriptor(in: section) { descriptor in
        if result[descriptor.path]?.contains(descriptor) == true { return }
        result[descriptor.path, default: []].append(descriptor)
      }
    }
    return result
  }

  private static func eachDescriptor(
    in section: UnsafeRawBufferPointer, _ body: (TypeDescriptor) -> Void
  ) {
    guard let start = section.baseAddress else { return }
    for offset in stride(from: 0, to: section.count - 3, by: 4) {
      let place = start + offset
      let word = place.load(as: Int32.self)
      guard word != 0, word & 3 < 2 else { continue }
      var target = place + Int(word & ~3)
      if word & 3 == 1 {
        guard let indirect = target.load(as: UnsafeRawPointer?.self) else { continue }
        target = indirect
      }
      let descriptor = TypeDescriptor(address: target)
      if descriptor.isNominal || descriptor.kind == .protocol { body(descriptor) }
    }
  }
}
