// Which mangled names may be handed to the Swift runtime.
//
// Names come from stores, and the runtime's demangler was written for names that compilers made:
// bytes below 0x20 begin symbolic references, which are followed as addresses, and a short name can
// stand for a type of exponential size by referring back to its own parts.
//
// 1. A name that passes is ASCII letters, digits, `_` and `$`; every identifier ends within it; every
//    operator is one that types are made of. No symbolic reference, no function or variable.
// 2. It is short, and refers back seldom enough that what it stands for is small.
// 3. Names are filtered when they are stored too: a type whose name does not pass is stored as a
//    tree (`TypeIdentity.nominal`), so that the filter loses no type.

struct MangledNameFilter {
  static let bytesMost = 1024
  /// Each back-reference may double what it stands for at most once.
  static let backReferencesMost = 16
  /// Generic types and optionals, which nest.
  static let applicationsMost = 64

  private let bytes: [UInt8]
  private var position = 0
  private var backReferences = 0
  private var applications = 0

  static func accepts(_ name: String) -> Bool {
    var filter = MangledNameFilter(name)
    return filter.acceptsAll()
  }

  private init(_ name: String) {
    bytes = Array(name.utf8.prefix(Self.bytesMost + 1))
  }

  private mutating func acceptsAll() -> Bool {
    guard !bytes.isEmpty, bytes.count <= Self.bytesMost else { return false }
    while position < bytes.count {
      guard acceptsOperator() else { return false }
    }
    return backReferences <= Self.backReferencesMost && applications <= Self.applicationsMost
  }

  // MARK: Letters

  private var next: UInt8? { position < bytes.count ? bytes[position] : nil }

  private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }
  private static func isUpper(_ byte: UInt8) -> Bool { (0x41...0x5a).contains(byte) }
  private static func isLower(_ byte: UInt8) -> Bool { (0x61...0x7a).contains(byte) }

  private mutating func take() -> UInt8? {
    guard position < bytes.count else { return nil }
    position += 1
    return bytes[position - 1]
  }

  private mutating func take(_ letter: Character) -> Bool {
    guard next == letter.asciiValue else { return false }
    position += 1
    return true
  }

  /// Up to nine digits; nil where there is none or more.
  private mutating func takeNumber() -> Int? {
    var number = 0
    var digits = 0
    while let byte = next, Self.isDigit(byte) {
      number = number * 10 + Int(byte - 0x30)
      digits += 1
      position += 1
      guard digits <= 9 else { return nil }
    }
    return digits > 0 ? number : nil
  }

  // MARK: Operators

  private static let single = Set("VCOPasy_GtcmpEKdz".utf8)
  /// Letters after the first of operators that have two.
  private static let afterX = Set("lpcmCBfE".utf8)
  private static let afterL = Set("L_".utf8)

  private mutating func acceptsOperator() -> Bool {
    guard let byte = next else { return false }
    if Self.isDigit(byte) { return acceptsIdentifier() }
    position += 1
    switch Character(Unicode.Scalar(byte)) {
    case "A": return acceptsBackReferences()
    case "S": return acceptsStandardType()
    case "$": return acceptsInteger()
    case "X": return take().map(Self.afterX.contains) ?? false
    case "L": return take().map(Self.afterL.contains) ?? false
    // Builtin types; attributes of functions.
    case "B", "Y": return take().map { Self.isLower($0) || Self.isUpper($0) } ?? false
    case "G":
      applications += 1
      return true
    default: return Self.single.contains(byte)
    }
  }

  /// Length and text; or 0, words of earlier identifiers by letter (the last one in upper case),
  /// and the rest.
  private mutating func acceptsIdentifier() -> Bool {
    var hasWords = false
    var isPunycode = false
    if take("0") {
      if take("0") { isPunycode = true } else { hasWords = true }
    }
    repeat {
      while hasWords, let byte = next, Self.isUpper(byte) || Self.isLower(byte) {
        position += 1
        if Self.isUpper(byte) { hasWords = false }
      }
      if take("0") { return true }
      guard let count = takeNumber(), count > 0 else { return false }
      if isPunycode { _ = take("_") }
      guard count <= bytes.count - position else { return false }
      for byte in bytes[position..<position + count] {
        guard Self.isUpper(byte) || Self.isLower(byte) || Self.isDigit(byte) || byte == 0x5f
        else { return false }
      }
      position += count
    } while hasWords
    return true
  }

  /// Letters, the last one in upper case, each with how often; or a number and `_`.
  private mutating func acceptsBackReferences() -> Bool {
    while true {
      var times = 1
      if let byte = next, Self.isDigit(byte) {
        guard let number = takeNumber() else { return false }
        times = number
      }
      guard let byte = take() else { return false }
      backReferences += times
      guard backReferences <= Self.backReferencesMost else { return false }
      if byte == 0x5f {
        // The number was an index.
        return true
      }
      if Self.isUpper(byte) { return true }
      guard Self.isLower(byte) else { return false }
    }
  }

  private mutating func acceptsStandardType() -> Bool {
    if let byte = next, Self.isDigit(byte) {
      guard let times = takeNumber() else { return false }
      backReferences += times
    }
    guard let byte = take() else { return false }
    if byte == 0x67 { applications += 1 }
    // Types of concurrency have one letter more.
    if byte == 0x63 { return take().map { Self.isLower($0) || Self.isUpper($0) } ?? false }
    return Self.isLower(byte) || Self.isUpper(byte)
  }

  private mutating func acceptsInteger() -> Bool {
    _ = take("n")
    if let byte = next, Self.isDigit(byte), takeNumber() == nil { return false }
    return take("_")
  }
}
