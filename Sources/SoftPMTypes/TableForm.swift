import CSoftPMRuntime
import SoftPMBase

/// A `Dictionary` or `Set`: one reference to storage, whose header tells key and value types.
final class TableForm: FieldForm {
  private let isDictionary: Bool
  var shape: TypeShape { isDictionary ? .dictionary : .set }
  let metadata: Metadata
  private unowned(unsafe) let catalog: TypeCatalog
  private let empty: UnsafeRawPointer
  private let emptyCode: WellKnown

  /// The word of a table that is being changed in place by optimised code.
  private static let moved: UInt = 1 << 63

  init(_ metadata: Metadata, isDictionary: Bool, catalog: TypeCatalog) {
    self.metadata = metadata
    self.isDictionary = isDictionary
    self.catalog = catalog
    empty = UnsafeRawPointer(
      isDictionary ? softpm_runtime_empty_dictionary()! : softpm_runtime_empty_set()!)
    emptyCode = isDictionary ? .emptyDictionary : .emptySet
  }

  override var isSelfContained: Bool { true }
  override var directSlot: DirectPlan.Slot? {
    DirectPlan.Slot(
      offset: 0, kind: .table, empty: UInt(bitPattern: empty), emptyCode: emptyCode.rawValue)
  }

  private func storage(
    _ value: UnsafeRawPointer, at slot: Int, in site: Site
  ) throws(ContainerError) -> UnsafeRawPointer? {
    let word = value.load(as: UInt.self)
    guard word != Self.moved, let storage = UnsafeRawPointer(bitPattern: word) else {
      throw site.refusal(.beingChanged, at: slot)
    }
    return storage == empty ? nil : storage
  }

  override func visit(
    _ value: UnsafeRawPointer, at slot: Int, in site: Site, _ body: ReferenceVisitor
  ) throws(ContainerError) {
    guard let storage = try storage(value, at: slot, in: site) else { return }
    try body(Reference(target: storage, layout: nil, strength: .strong, slotOffset: slot))
  }

  override func write(
    _ value: UnsafeRawPointer, into image: UnsafeMutableRawPointer, at slot: Int, in site: Site,
    _ context: any ImageContext
  ) throws(ContainerError) {
    guard let storage = try storage(value, at: slot, in: site) else {
      image.storeBytes(of: emptyCode.word(context.home), as: UInt.self)
      return
    }
    let home = try site.home(of: storage, nil, .strong, at: slot, context)
    image.storeBytes(of: UInt(home.rawValue), as: UInt.self)
  }

  override func swizzle(
    _ value: UnsafeMutableRawPointer, _ session: RestoreSession
  ) throws(ContainerError) {
    let word = value.load(as: UInt.self)
    if word == emptyCode.word(session.home) {
      value.storeBytes(of: empty, as: UnsafeRawPointer.self)
      return
    }
    let target = try session.member(word, at: value)
    try session.expect(target, isTableOf: metadata, at: value)
    value.storeBytes(of: UInt(bitPattern: target), as: UInt.self)
  }
}
