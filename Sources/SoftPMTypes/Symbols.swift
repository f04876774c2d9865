import CSoftPMRuntime
import SoftPMBase

/// Names of functions, from the symbol tables of the loaded binaries.
enum Symbols {
  /// `count` for the code by which a key path reads `Watched.count`; nil where the binary has no
  /// symbol for it, or one that several functions share after optimisation.
  static func propertyName(ofKeyPathGetter function: UnsafeRawPointer) -> String? {
    let prefix = "key path getter for "
    guard let symbol = symbol(at: function), let text = demangled(symbol),
      text.hasPrefix(prefix), let end = text.firstRange(of: " : ")
    else { return nil }
    let path = text[..<end.lowerBound].dropFirst(prefix.count)
    return path.split(separator: ".").last.map(String.init)
  }

  private static func demangled(_ symbol: String) -> String? {
    guard let text = symbol.withCString({ softpm_runtime_demangle($0) }) else { return nil }
    defer { softpm_runtime_free(text) }
    return String(cString: text)
  }

  /// The symbol that begins exactly at an address.
  static func symbol(at address: UnsafeRawPointer) -> String? {
    var base: UnsafeRawPointer?
    guard let path = softpm_runtime_image_path(address, &base), let base else { return nil }
    let distance = UInt64(address - base)
    guard let bytes = MappedFile(path) else { return nil }
    return bytes.withBytes { try? ELFSymbols($0).name(at: distance) } ?? nil
  }
}

/// The symbol table of a 64-bit ELF file, read with all bounds checked: the file may have been
/// replaced since it was loaded.
private struct ELFSymbols {
  private struct Section {
    var type: UInt32
    var offset: UInt64
    var size: UInt64
    var link: UInt32
  }

  private let file: UnsafeRawBufferPointer
  private var sections: [Section] = []

  init(_ file: UnsafeRawBufferPointer) throws(ContainerError) {
    self.file = file
    var header = ByteReader(file, of: "a binary")
    guard try header.integer(UInt32.self) == 0x464c_457f else {
      throw header.invalid("an ELF file")
    }
    try header.skip(36)
    let tableOffset: UInt64 = try header.integer()
    try header.skip(10)
    let entrySize: UInt16 = try header.integer()
    let count: UInt16 = try header.integer()
    guard entrySize == 64 else { throw header.invalid("64-byte section headers") }
    for index in 0..<UInt64(count) {
      var entry = try reader(at: tableOffset &+ index * 64, count: 64)
      try entry.skip(4)
      let type: UInt32 = try entry.integer()
      try entry.skip(16)
      let offset: UInt64 = try entry.integer()
      let size: UInt64 = try entry.integer()
      sections.append(
        Section(type: type, offset: offset, size: size, link: try entry.integer()))
    }
  }

  private func reader(at offset: UInt64, count: UInt64) throws(ContainerError) -> ByteReader {
    guard offset <= UInt64(file.count), count <= UInt64(file.count) - offset else {
      throw .corrupt(at: offset, expected: "\(count) bytes of a binary")
    }
    let start = Int(offset)
    return ByteReader(
      UnsafeRawBufferPointer(rebasing: file[start..<start + Int(count)]), of: "a binary")
  }

  func name(at value: UInt64) throws(ContainerError) -> String? {
    // 2: the full table, absent from stripped binaries; 11: the dynamic one.
    for section in sections where section.type == 2 || section.type == 11 {
      guard Int(section.link) < sections.count else { continue }
      let names = sections[Int(section.link)]
      var symbols = try reader(at: section.offset, count: section.size)
      while symbols.remaining >= 24 {
        let name: UInt32 = try symbols.integer()
        let info: UInt8 = try symbols.integer()
        try symbols.skip(3)
        let address: UInt64 = try symbols.integer()
        try symbols.skip(8)
        guard address == value, info & 0xf == 2, UInt64(name) < names.size else { continue }
        let text = try reader(
          at: names.offset &+ UInt64(name), count: names.size - UInt64(name))
        if let found = text.cString { return found }
      }
    }
    return nil
  }
}

extension ByteReader {
  /// The bytes up to the next zero, as text.
  fileprivate var cString: String? {
    var copy = self
    guard let rest = try? copy.take(remaining), let end = rest.firstIndex(of: 0) else {
      return nil
    }
    return String(validating: rest[..<end], as: UTF8.self)
  }
}

/// A file's bytes, mapped for reading.
private struct MappedFile: ~Copyable {
  private let start: UnsafeRawPointer
  private let byteCount: Int

  init?(_ path: UnsafePointer<CChar>) {
    var count = 0
    guard let start = softpm_runtime_map_file(path, &count) else { return nil }
    self.start = start
    byteCount = count
  }

  func withBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
    body(UnsafeRawBufferPointer(start: start, count: byteCount))
  }

  deinit { softpm_runtime_unmap_file(start, byteCount) }
}
