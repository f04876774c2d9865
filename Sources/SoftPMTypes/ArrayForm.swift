import CSoftPMRuntime
import SoftPMBase

/// The header of array storage: 16 count, 24 capacity × 2 (bit 0 is for bridging), elements from
/// 32 on at their own alignment.
enum ArrayBits {
  static func elementsOffset(_ alignmentMask: Int) -> Int { (32 + alignmentMask) & ~alignmentMask }
}

/// An `Array` or `ContiguousArray`: one reference to storage, never nil.
///
/// Storage that the compiler laid out in the binary may not name its element type, and the
/// optimiser gives arrays of whatever is one reference (`[[UInt8]]`, `[C?]`, a struct around an
/// array) the storage class of `[AnyObject]`. The array gives the layout along in these cases only;
/// otherwise the storage's header tells, because an array upcast from `[Dog]` to `[Animal]` shares
/// its storage.
final class ArrayForm: FieldForm {
  let element: Metadata
  private unowned(unsafe) let catalog: TypeCatalog
  private let staticStorage = UInt(bitPattern: softpm_runtime_static_array_storage())
  private let empty = UnsafeRawPointer(softpm_runtime_empty_array()!)

  init(element: Metadata, catalog: TypeCatalog) {
    self.element = element
    self.catalog = catalog
  }

  override var isSelfContained: Bool { true }
  override var directSlot: DirectPlan.Slot? {
    // Only what is one reference can be in storage of objects.
    let isReference =
      element.size == MemoryLayout<UInt>.size && !catalog.valueLayout(of: element).isUnvisited
    return DirectPlan.Slot(
      offset: 0, kind: .array, empty: UInt(bitPattern: empty),
      emptyCode: WellKnown.emptyArray.rawValue,
      untoldHeader: isReference ? objectsStorage : 0)
  }

  private lazy var own = catalog.arrayStorageLayout(ofElement: element)
  /// The header of `[AnyObject]`'s storage; 0 where that is our elements' own.
  private lazy var objectsStorage: UInt = {
    let objects = catalog.arrayStorageLayout(ofElement: Metadata(AnyObject.self)).key
    guard let metadata = objects?.metadata, own.key != objects else { return 0 }
    return metadata.word
  }()

  private func layout(of storage: UnsafeRawPointer) -> ObjectLayout? {
    let header = storage.load(as: UInt.self)
    return header == staticStorage || header == objectsStorage ? own : nil
  }

  override func visit(
    _ value: UnsafeRawPointer, at slot: Int, in site: Site, _ body: ReferenceVisitor
  ) throws(ContainerError) {
    guard let storage = value.load(as: UnsafeRawPointer?.self) else {
      throw site.refusal(.beingChanged, at: slot)
    }
    if storage == empty { return }
    try body(
      Reference(
        target: storage, layout: layout(of: storage), strength: .strong, slotOffset: slot))
  }

  override func write(
    _ value: UnsafeRawPointer, into image: UnsafeMutableRawPointer, at slot: Int, in site: Site,
    _ context: any ImageContext
  ) throws(ContainerError) {
    guard let storage = value.load(as: UnsafeRawPointer?.self) else {
      throw site.refusal(.beingChanged, at: slot)
    }
    if storage == empty {
      image.storeBytes(of: WellKnown.emptyArray.word(context.home), as: UInt.self)
      return
    }
    // Storage that is found without its layout is not the binary's, and may be gone by now if the
    // image is made from a copy: it is not read.
    if let home = context.homeAddress(of: storage, layout: nil, strength: .strong) {
      image.storeBytes(of: UInt(home.rawValue), as: UInt.self)
      return
    }
    let home = try site.home(of: storage, layout(of: storage), .strong, at: slot, context)
    image.storeBytes(of: UInt(home.rawValue), as: UInt.self)
  }

  override func swizzle(
    _ value: UnsafeMutableRawPointer, _ session: RestoreSession
  ) throws(ContainerError) {
    let word = value.load(as: UInt.self)
    if word == WellKnown.emptyArray.word(session.home) {
      value.storeBytes(of: empty, as: UnsafeRawPointer.self)
      return
    }
    let target = try session.member(word, at: value)
    try session.expect(
      target, isStorage: catalog.arrayStorageLayout(ofElement: element), at: value)
    value.storeBytes(of: UInt(bitPattern: target), as: UInt.self)
  }
}

/// An `ArraySlice`: owner, address of what would be element 0, start index, end index × 2 | flag.
///
/// The address is stored as its distance from the owner: indices need not begin with the owner's
/// first element.
final class ArraySliceForm: FieldForm {
  let element: Metadata
  private unowned(unsafe) let catalog: TypeCatalog
  private let array: ArrayForm
  private let empty = UnsafeRawPointer(softpm_runtime_empty_array()!)

  override var isSelfContained: Bool { true }

  init(element: Metadata, catalog: TypeCatalog) {
    self.element = element
    self.catalog = catalog
    array = ArrayForm(element: element, catalog: catalog)
  }

  override func visit(
    _ value: UnsafeRawPointer, at slot: Int, in site: Site, _ body: ReferenceVisitor
  ) throws(ContainerError) {
    try array.visit(value, at: slot, in: site, body)
  }

  override func write(
    _ value: UnsafeRawPointer, into image: UnsafeMutableRawPointer, at slot: Int, in site: Site,
    _ context: any ImageContext
  ) throws(ContainerError) {
    try array.write(value, into: image, at: slot, in: site, context)
    let owner = value.load(as: UInt.self)
    let base = value.load(fromByteOffset: 8, as: UInt.self)
    image.storeBytes(of: base &- owner, toByteOffset: 8, as: UInt.self)
    (image + 16).copyMemory(from: value + 16, byteCount: 16)
  }

  override func swizzle(
    _ value: UnsafeMutableRawPointer, _ session: RestoreSession
  ) throws(ContainerError) {
    try array.swizzle(value, session)
    let owner = value.load(as: UInt.self)
    let base = owner &+ value.load(fromByteOffset: 8, as: UInt.self)
    let start = value.load(fromByteOffset: 16, as: Int.self)
    let end = Int(value.load(fromByteOffset: 24, as: UInt.self) >> 1)
    let stride = UInt(element.stride)
    let first = owner &+ UInt(ArrayBits.elementsOffset(element.alignmentMask))
    let count = UnsafeRawPointer(bitPattern: owner)!.load(fromByteOffset: 16, as: Int.self)
    // Index i is at base + i × stride; where that wraps, it is no place in the array either.
    let from = base &+ UInt(bitPattern: start) &* stride
    let distance = stride == 0 ? 0 : (from &- first) / stride
    guard stride == 0 || from >= first && (from - first) % stride == 0,
      start <= end, distance <= count, end - start <= count - Int(distance)
    else { throw session.damaged("a slice within its array", at: value + 16) }
    value.storeBytes(of: base, toByteOffset: 8, as: UInt.self)
  }
}

extension Refusal {
  static let beingChanged = Refusal(
    code: .concurrentMutation, "This collection is being changed at this moment.",
    remedy: "Change the graph only inside `update`, and make points outside of it.")

  static let unmanagedOutsider = Refusal(
    "This unowned(unsafe) or unmanaged reference leads out of the container.",
    remedy: "Make it weak, or let a strong reference in the container hold the object too.")
}
