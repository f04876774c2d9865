// Strings: two words, in three forms.
//
//      word 1, bits 63–60       word 1, rest          word 0
//      1_1 (bit 61 set)         the string itself     the string itself        small, ≤ 15 bytes
//      bit 63, not 61           address of bytes − 32 count and flags          literal, immortal
//      0000                     address of storage    count and flags          native
//
//      flags, word 0: 63 ASCII, 62 NFC, 61 native storage, 60 tail allocated; 0–47 count
//
//      storage   0 header   16 capacity (0–47), breadcrumbs slot (63)   24 count and flags
//               32 bytes, zero byte, … breadcrumbs at the next multiple of 8 after the capacity
//
// 1. A literal's bytes lie in the binary. They are stored as the storage of a native string, and
//    the string's words in the image are those of a native one.
// 2. Breadcrumbs (offsets that speed up UTF-16) are a cache: never visited, never stored.

import SoftPMBase

/// The bits of a string's two words.
enum StringBits {
  static let native: UInt64 = 1 << 61
  static let tailAllocated: UInt64 = 1 << 60
  static let ascii: UInt64 = 1 << 63
  static let normalized: UInt64 = 1 << 62
  static let countMask: UInt64 = 0xffff_ffff_ffff
  static let addressMask: UInt64 = 0x00ff_ffff_ffff_ffff
  static let bytesOffset = 32
  /// Storage of more capacity has a slot for breadcrumbs (`_StringBreadcrumbs.breadcrumbStride`).
  static let breadcrumbStride = 64
  /// Of the second word: the string is in the two words.
  static let smallBit: UInt = 1 << 61
  /// Of the first word: the bytes are in storage of the standard library's own.
  static let inStorage = native | tailAllocated
  static let emptyWord: UInt64 = 0xe000_0000_0000_0000

  /// What the storage of `count` bytes needs, the zero byte and breadcrumbs included.
  static func byteCount(_ count: Int) -> Int {
    bytesOffset + ((count + 1 + 7) & ~7) + (count + 1 > breadcrumbStride ? 8 : 0)
  }

  /// The capacity word of storage in a cell of `cellBytes`.
  static func capacityWord(cellBytes: Int) -> UInt64 {
    let room = (cellBytes - bytesOffset) & ~7
    let hasBreadcrumbs = room > breadcrumbStride + 8
    return hasBreadcrumbs ? UInt64(room - 8) | 1 << 63 : UInt64(room)
  }

  /// The count word of native storage holding what `word` counts.
  static func nativeCountWord(_ word: UInt64) -> UInt64 {
    word & (ascii | normalized | countMask) | native | tailAllocated
  }
}

final class StringForm: FieldForm {
  private enum Content {
    case small
    case literal(UnsafeRawPointer, count: Int)
    case native(UnsafeRawPointer)
    case other
  }

  private unowned(unsafe) let catalog: TypeCatalog
  private let storageLayout: ObjectLayout

  init(catalog: TypeCatalog) {
    self.catalog = catalog
    storageLayout = catalog.stringStorage
  }

  private func content(_ value: UnsafeRawPointer) -> Content {
    let countWord = value.load(as: UInt64.self)
    let objectWord = value.load(fromByteOffset: 8, as: UInt64.self)
    if objectWord & (1 << 61) != 0 { return .small }
    let address = UnsafeRawPointer(bitPattern: UInt(objectWord & StringBits.addressMask))
    guard let address, countWord & StringBits.tailAllocated != 0 else { return .other }
    if countWord & StringBits.native != 0 {
      return objectWord >> 60 == 0 ? .native(address) : .other
    }
    return .literal(
      address + StringBits.bytesOffset, count: Int(countWord & StringBits.countMask))
  }

  override var isSelfContained: Bool { true }
  override var directSlot: DirectPlan.Slot? {
    DirectPlan.Slot(offset: 8, kind: .string)
  }

  private static let bridged = Refusal(
    "This string's content belongs to another library.", remedy: "Store a copy: String(text).")

  override func visit(
    _ value: UnsafeRawPointer, at slot: Int, in site: Site, _ body: ReferenceVisitor
  ) throws(ContainerError) {
    switch content(value) {
    case .small: break
    case .literal(let start, let count):
      try body(
        Reference(
          target: start, layout: catalog.literalLayout(count: count), strength: .strong,
          slotOffset: slot + 8))
    case .native(let storage):
      try body(
        Reference(
          target: storage, layout: storageLayout, strength: .strong, slotOffset: slot + 8))
    case .other: throw site.refusal(Self.bridged, at: slot + 8)
    }
  }

  override func write(
    _ value: UnsafeRawPointer, into image: UnsafeMutableRawPointer, at slot: Int, in site: Site,
    _ context: any ImageContext
  ) throws(ContainerError) {
    let countWord = value.load(as: UInt64.self)
    let home: ArenaAddress
    switch content(value) {
    case .small:
      image.copyMemory(from: value, byteCount: 16)
      return
    case .literal(let start, let count):
      home = try site.home(
        of: start, catalog.literalLayout(count: count), .strong, at: slot + 8, context)
    case .native(let storage):
      home = try site.home(of: storage, storageLayout, .strong, at: slot + 8, context)
    case .other: throw site.refusal(Self.bridged, at: slot + 8)
    }
    image.storeBytes(of: StringBits.nativeCountWord(countWord), as: UInt64.self)
    image.storeBytes(of: home.rawValue, toByteOffset: 8, as: UInt64.self)
  }

  override func swizzle(
    _ value: UnsafeMutableRawPointer, _ session: RestoreSession
  ) throws(ContainerError) {
    let countWord = value.load(as: UInt64.self)
    let objectWord = value.load(fromByteOffset: 8, as: UInt64.self)
    if objectWord & (1 << 61) != 0 {
      return try validateSmall(UnsafeRawPointer(value), session)
    }
    let target = try session.member(UInt(objectWord), at: value + 8)
    try session.expectString(target, countWord: countWord, at: value)
    value.storeBytes(of: UInt(bitPattern: target), toByteOffset: 8, as: UInt.self)
  }

  /// Fifteen bytes and a last one with discriminator and count.
  private func validateSmall(
    _ value: UnsafeRawPointer, _ session: RestoreSession
  ) throws(ContainerError) {
    let last = value.load(fromByteOffset: 15, as: UInt8.self)
    let isASCII = last >> 4 == 0xe
    guard isASCII || last >> 4 == 0xa else {
      throw session.damaged("a small string", at: value)
    }
    let bytes = UnsafeRawBufferPointer(start: value, count: Int(last & 0xf))
    let slack = UnsafeRawBufferPointer(
      start: value + bytes.count, count: 15 - bytes.count)
    guard slack.allSatisfy({ $0 == 0 }), Self.isValid(bytes, isASCII: isASCII) else {
      throw session.damaged("a small string of valid UTF-8", at: value)
    }
  }

  static func isValid(_ bytes: UnsafeRawBufferPointer, isASCII: Bool) -> Bool {
    if bytes.allSatisfy({ $0 < 0x80 }) { return true }
    return !isASCII && String(validating: bytes, as: UTF8.self) != nil
  }
}

/// A `Substring`: start and end index (byte offsets in bits 16–63), and the whole string.
final class SubstringForm: FieldForm {
  private let base: StringForm

  init(catalog: TypeCatalog) {
    base = StringForm(catalog: catalog)
  }

  private static let baseOffset = 16

  override var isSelfContained: Bool { true }

  override func visit(
    _ value: UnsafeRawPointer, at slot: Int, in site: Site, _ body: ReferenceVisitor
  ) throws(ContainerError) {
    try base.visit(value + Self.baseOffset, at: slot + Self.baseOffset, in: site, body)
  }

  override func write(
    _ value: UnsafeRawPointer, into image: UnsafeMutableRawPointer, at slot: Int, in site: Site,
    _ context: any ImageContext
  ) throws(ContainerError) {
    image.copyMemory(from: value, byteCount: Self.baseOffset)
    try base.write(
      value + Self.baseOffset, into: image + Self.baseOffset, at: slot + Self.baseOffset,
      in: site, context)
  }

  override func swizzle(
    _ value: UnsafeMutableRawPointer, _ session: RestoreSession
  ) throws(ContainerError) {
    let whole = value + Self.baseOffset
    try base.swizzle(whole, session)
    let last = whole.load(fromByteOffset: 15, as: UInt8.self)
    let isSmall = last & 0x20 != 0
    let count =
      isSmall ? UInt64(last & 0xf) : whole.load(as: UInt64.self) & StringBits.countMask
    let start = value.load(as: UInt64.self) >> 16
    let end = value.load(fromByteOffset: 8, as: UInt64.self) >> 16
    guard start <= end, end <= count else {
      throw session.damaged("a substring within its string", at: value)
    }
  }
}
