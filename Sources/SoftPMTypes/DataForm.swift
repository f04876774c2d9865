// Foundation's Data: an enum of four forms over storage that is shared copy-on-write.
//
//      empty
//      inline   14 bytes, length
//      slice    32-bit range, storage
//      large    a range in an object of its own, storage
//
// It is read as the enum it is. Only restoring knows more: a range beyond its storage would be
// read without another check.

import CSoftPMRuntime
import SoftPMBase

final class DataForm: FieldForm {
  let representation: ValueLayout
  private let metadata: Metadata

  private init(_ representation: ValueLayout) {
    self.representation = representation
    metadata = representation.metadata
  }

  /// Nil where this Foundation's Data is another one than described above.
  static func layout(
    of metadata: Metadata, _ descriptor: TypeDescriptor, _ catalog: TypeCatalog
  ) -> ValueLayout? {
    guard let records = descriptor.fieldRecords, records.count == 1,
      let name = records[0].typeName, let type = metadata.resolve(name),
      type.kind == .enumeration,
      type.descriptor?.fieldRecords?.map(\.name) == ["inline", "slice", "large", "empty"]
    else { return nil }
    return ValueLayout(metadata, form: DataForm(catalog.valueLayout(of: type)))
  }

  override func visit(
    _ value: UnsafeRawPointer, at slot: Int, in site: Site, _ body: ReferenceVisitor
  ) throws(ContainerError) {
    try representation.visit(value, at: slot, in: site, body)
  }

  override func write(
    _ value: UnsafeRawPointer, into image: UnsafeMutableRawPointer, at slot: Int, in site: Site,
    _ context: any ImageContext
  ) throws(ContainerError) {
    try representation.write(value, into: image, at: slot, in: site, context)
  }

  override func swizzle(
    _ value: UnsafeMutableRawPointer, _ session: RestoreSession
  ) throws(ContainerError) {
    try representation.swizzle(value, session)
    let tag = softpm_runtime_enum_tag(value, metadata.address)
    var isValid = true
    withScratch(copying: value, byteCount: metadata.size) { copy in
      softpm_runtime_enum_project(copy, metadata.address)
      isValid = Self.isValid(UnsafeRawPointer(copy), tag)
    }
    guard isValid else { throw session.damaged("a Data within its storage", at: value) }
  }

  private static func isValid(_ payload: UnsafeRawPointer, _ tag: UInt32) -> Bool {
    switch tag {
    case 0: return payload.load(fromByteOffset: 14, as: UInt8.self) <= 14
    case 1:
      return isValid(
        from: Int(payload.load(as: Int32.self)),
        to: Int(payload.load(fromByteOffset: 4, as: Int32.self)),
        in: payload.load(fromByteOffset: 8, as: UnsafeRawPointer.self))
    case 2:
      let range = payload.load(as: UnsafeRawPointer.self)
      return isValid(
        from: range.load(fromByteOffset: 16, as: Int.self),
        to: range.load(fromByteOffset: 24, as: Int.self),
        in: payload.load(fromByteOffset: 8, as: UnsafeRawPointer.self))
    default: return true
    }
  }

  /// Indices count from the storage's offset.
  private static func isValid(from: Int, to: Int, in storage: UnsafeRawPointer) -> Bool {
    let length = storage.load(fromByteOffset: ObjectLayout.DataStorageBits.length, as: Int.self)
    let offset = storage.load(fromByteOffset: ObjectLayout.DataStorageBits.offset, as: Int.self)
    return from >= offset && to >= from && to - offset <= length
  }
}
