import CSoftPMRuntime
import SoftPMBase

/// All layouts of one container, compiled when first needed.
///
/// 1. One thread uses a catalog at a time; layouts refer back to it and must not outlive it.
/// 2. Layouts depend on the container's exclusions, so containers do not share catalogs.
/// 3. The types seen are remembered: an `ObjectIdentifier` of one of them is known as a type.
package final class TypeCatalog {
  let exclusions: ExclusionSet
  private var values: [Metadata: ValueLayout] = [:]
  private var instances: [UInt: Entry] = [:]
  private var boxes: [Metadata: ObjectLayout] = [:]
  private var errorBoxes: [Metadata: ObjectLayout] = [:]
  private var literals: [Int: ObjectLayout] = [:]
  private var arrayStorages: [Metadata: ObjectLayout] = [:]
  private var memories: [MemoryKey: ObjectLayout] = [:]
  /// The layouts met last, by header word: found without reference counting.
  private let recent = UnsafeMutablePointer<Recent>.allocate(capacity: recentCount)
  private static let recentCount = 1024

  private struct Recent {
    var header: UInt = 0
    /// Held by `instances`.
    var layout: Unmanaged<ObjectLayout>?
    var offsets: UnsafeBufferPointer<Int>?
    var plan: UnsafePointer<DirectPlan>?
  }

  private struct MemoryKey: Hashable {
    var element: Metadata?
    var count: Int
    var capacity: Int
  }

  private enum Entry {
    case layout(ObjectLayout)
    case refused(Refusal)
  }

  package init(exclusions: ExclusionSet = ExclusionSet()) {
    self.exclusions = exclusions
    recent.initialize(repeating: Recent(), count: Self.recentCount)
  }

  deinit { recent.deallocate() }

  // MARK: Objects

  /// The layout of a live object, from its header word.
  package func layout(
    ofObjectAt target: UnsafeRawPointer
  ) throws(ContainerError) -> ObjectLayout {
    try unmanagedLayout(ofObjectAt: target).takeUnretainedValue()
  }

  /// Calls `body` with each reference of a live object, by its header's layout; see
  /// `ObjectLayout.visitReferences`. Neither the object nor its layout is retained.
  package func visitReferences(
    ofObjectAt target: UnsafeRawPointer, _ body: (Reference) throws(ContainerError) -> Void
  ) throws(ContainerError) {
    try unmanagedLayout(ofObjectAt: target).borrowed { layout throws(ContainerError) in
      try layout.visitReferences(of: target, body)
    }
  }

  /// The same without counting: the layout lives as long as the catalog.
  package func unmanagedLayout(
    ofObjectAt target: UnsafeRawPointer
  ) throws(ContainerError) -> Unmanaged<ObjectLayout> {
    let header = target.load(as: UInt.self)
    let place = recent + Int((header >> 4) ^ (header >> 14)) & (Self.recentCount - 1)
    if place.pointee.header == header, let layout = place.pointee.layout { return layout }
    return .passUnretained(try newLayout(ofObjectAt: target, noting: place))
  }

  private func newLayout(
    ofObjectAt target: UnsafeRawPointer, noting place: UnsafeMutablePointer<Recent>
  ) throws(ContainerError) -> ObjectLayout {
    let header = target.load(as: UInt.self)
    let metadata = Metadata(target.load(as: UnsafeRawPointer.self))
    switch metadata.kind {
    case .classType:
      let layout = try instanceLayout(of: metadata)
      place.pointee = Recent(
        header: header, layout: .passUnretained(layout), offsets: layout.directOffsets,
        plan: layout.directPlan)
      return layout
    case .errorBox:
      return errorBoxLayout(
        of: Metadata(target.load(fromByteOffset: 16, as: UnsafeRawPointer.self)))
    case .genericBox:
      return boxLayout(
        of: Metadata(metadata.address.load(fromByteOffset: 16, as: UnsafeRawPointer.self)))
    case .localVariable: throw Self.error(.context)
    case .task, .job: throw Self.error(.task)
    default: throw Self.error(.badHeader(metadata.address.load(as: Int.self)))
    }
  }

  /// The offsets of all references of a live object, where they are plain nullable pointers to
  /// objects and it has been met before; nil otherwise, and then `layout(ofObjectAt:)` tells.
  ///
  /// The fast path of tracing: no reference counting, no calls. Valid while the catalog lives.
  package func directStrongOffsets(
    ofObjectAt target: UnsafeRawPointer
  ) -> UnsafeBufferPointer<Int>? {
    let header = target.load(as: UInt.self)
    let place = recent + Int((header >> 4) ^ (header >> 14)) & (Self.recentCount - 1)
    guard place.pointee.header == header else { return nil }
    return place.pointee.offsets
  }

  /// The same for arrays of such references too, and for what holds none; nil where the object's
  /// class has not been met, or has references that need a closer look.
  ///
  /// Reads one word of the target and calls nothing: also for memory whose content is not certain.
  @inline(__always)
  package func directPlan(ofObjectAt target: UnsafeRawPointer) -> UnsafePointer<DirectPlan>? {
    let header = target.load(as: UInt.self)
    let place = recent + Int((header >> 4) ^ (header >> 14)) & (Self.recentCount - 1)
    guard place.pointee.header == header else { return nil }
    return place.pointee.plan
  }

  package func layout(ofInstancesOf type: AnyClass) throws(ContainerError) -> ObjectLayout {
    try instanceLayout(of: Metadata(type))
  }

  private static func error(_ refusal: Refusal) -> ContainerError {
    ContainerError(code: refusal.code, message: refusal.message, path: "")
  }

  func instanceLayout(of metadata: Metadata) throws(ContainerError) -> ObjectLayout {
    let entry: Entry
    if let known = instances[metadata.word] {
      entry = known
    } else {
      entry = compile(metadata)
      instances[metadata.word] = entry
    }
    switch entry {
    case .layout(let layout): return layout
    case .refused(let refusal): throw Self.error(refusal)
    }
  }

  private func compile(_ metadata: Metadata) -> Entry {
    guard let descriptor = metadata.descriptor else { return .refused(.unknown(metadata)) }
    let form: ObjectLayout.Form
    if let storage = storageForm(of: metadata, descriptor) {
      form = storage
    } else {
      switch LayoutCompiler(catalog: self).compileInstance(metadata) {
      case .failure(let refusal): return .refused(refusal)
      case .success(let layout) where LayoutCompiler.isBuffer(metadata):
        switch LayoutCompiler(catalog: self).compileBuffer(metadata, layout) {
        case .failure(let refusal): return .refused(refusal)
        case .success(let buffer): form = .buffer(buffer)
        }
      case .success(let layout):
        form = .instance(layout)
      }
    }
    return .layout(
      ObjectLayout(
        form, key: ObjectLayout.Key(kind: .type, metadata: metadata),
        typeName: displayName(metadata)))
  }

  private func storageForm(
    of metadata: Metadata, _ descriptor: TypeDescriptor
  ) -> ObjectLayout.Form? {
    switch descriptor.address {
    case softpm_runtime_array_storage_descriptor():
      metadata.genericArgument(0).map { .array(valueLayout(of: $0)) }
    case softpm_runtime_dictionary_storage_descriptor():
      metadata.genericArgument(0).flatMap { key in
        metadata.genericArgument(1).map { value in
          .table(TableStorage(key: valueLayout(of: key), value: valueLayout(of: value)))
        }
      }
    case softpm_runtime_set_storage_descriptor():
      metadata.genericArgument(0).map {
        .table(TableStorage(key: valueLayout(of: $0), value: nil))
      }
    default: metadata == Self.stringStorageMetadata ? .string : nil
    }
  }

  /// The class of a native string's storage. By its name: a string that is made to look at its
  /// storage may turn out to be a literal under -O, and the class has no exported symbol.
  static let stringStorageMetadata: Metadata = {
    guard let type = _typeByName("s15__StringStorageC") else {
      preconditionFailure("this Swift has no __StringStorage; only Swift 6.3 is supported")
    }
    return Metadata(type)
  }()

  let stringStorage = ObjectLayout(
    .string, key: ObjectLayout.Key(kind: .type, metadata: TypeCatalog.stringStorageMetadata),
    typeName: "String")

  func literalLayout(count: Int) -> ObjectLayout {
    if let known = literals[count] { return known }
    let layout = ObjectLayout(
      .literal(count: count),
      key: ObjectLayout.Key(kind: .type, metadata: Self.stringStorageMetadata),
      typeName: "String")
    literals[count] = layout
    return layout
  }

  /// Bytes without a header, such as those of a Data. The catalog keeps a layout for each count
  /// that it meets: whoever is told of a cell may hold its layout without retaining it.
  func bytesLayout(count: Int) -> ObjectLayout {
    memoryLayout(MemoryKey(element: nil, count: count, capacity: count), .bytes(count: count))
  }

  /// Elements without a header, as `OwnedMemoryForm` finds them.
  func memoryLayout(of element: ValueLayout, count: Int, capacity: Int) -> ObjectLayout {
    memoryLayout(
      MemoryKey(element: element.metadata, count: count, capacity: capacity),
      .memory(element, count: count, capacity: capacity))
  }

  private func memoryLayout(_ key: MemoryKey, _ form: ObjectLayout.Form) -> ObjectLayout {
    if let known = memories[key] { return known }
    let layout = ObjectLayout(form, key: nil, typeName: key.element.map(displayName) ?? "bytes")
    memories[key] = layout
    return layout
  }

  func boxLayout(of metadata: Metadata) -> ObjectLayout {
    if let known = boxes[metadata] { return known }
    let layout = ObjectLayout(
      .box(valueLayout(of: metadata)), key: ObjectLayout.Key(kind: .box, metadata: metadata),
      typeName: displayName(metadata))
    boxes[metadata] = layout
    return layout
  }

  func errorBoxLayout(of metadata: Metadata) -> ObjectLayout {
    if let known = errorBoxes[metadata] { return known }
    let layout = ObjectLayout(
      .errorBox(valueLayout(of: metadata)),
      key: ObjectLayout.Key(kind: .errorBox, metadata: metadata),
      typeName: displayName(metadata))
    errorBoxes[metadata] = layout
    return layout
  }

  /// The storage class that the standard library uses for arrays of an element type: classes
  /// share one.
  func arrayStorageLayout(ofElement element: Metadata) -> ObjectLayout {
    if let known = arrayStorages[element] { return known }
    func storage<Element>(_: Element.Type) -> Metadata {
      Metadata(ContiguousStorageProbe<Element>.storageClass)
    }
    let metadata = _openExistential(element.type, do: storage)
    let layout =
      (try? instanceLayout(of: metadata))
      ?? ObjectLayout(
        .array(valueLayout(of: element)),
        key: ObjectLayout.Key(kind: .type, metadata: metadata), typeName: displayName(metadata))
    arrayStorages[element] = layout
    return layout
  }

  // MARK: Values

  /// Never fails: what cannot be persisted has a layout that throws when it is reached.
  func valueLayout(of metadata: Metadata) -> ValueLayout {
    if let known = values[metadata] { return known }
    let layout = LayoutCompiler(catalog: self).compile(metadata)
    values[metadata] = layout
    return layout
  }

  /// The type whose metadata lies at an address; nil where there is none, or none that this
  /// catalog has met and no type of a loaded binary.
  func type(at address: UnsafeRawPointer) -> Metadata? {
    let metadata = Metadata(address)
    if values[metadata] != nil || instances[metadata.word] != nil { return metadata }
    return MetadataProbe.metadata(at: address)
  }
}

/// Finds the storage class of arrays of a type by making one.
private enum ContiguousStorageProbe<Element> {
  static var storageClass: AnyClass {
    // A new array that is not empty has storage of exactly this class.
    var array = ContiguousArray<Element>()
    array.reserveCapacity(1)
    return withExtendedLifetime(array) {
      type(of: unsafeBitCast(array, to: AnyObject.self))
    }
  }
}

/// Tells metadata from other memory without trusting the address.
enum MetadataProbe {
  static func metadata(at address: UnsafeRawPointer) -> Metadata? {
    var words: (UInt, UInt, UInt, UInt, UInt, UInt, UInt) = (0, 0, 0, 0, 0, 0, 0)
    let byteCount = MemoryLayout.size(ofValue: words)
    guard UInt(bitPattern: address) % 8 == 0,
      softpm_runtime_read(address - 8, &words, byteCount),
      let witnesses = UnsafeRawPointer(bitPattern: words.0),
      softpm_runtime_is_in_image(witnesses)
    else { return nil }
    let descriptor: UInt
    switch words.1 {
    case 0: descriptor = words.6
    case 0x200, 0x201, 0x202: descriptor = words.2
    case 0x300, 0x301, 0x303, 0x304, 0x306:
      return softpm_runtime_is_in_image(address) ? Metadata(address) : nil
    default: return nil
    }
    guard let descriptor = UnsafeRawPointer(bitPattern: descriptor),
      softpm_runtime_is_in_image(descriptor), TypeDescriptor(address: descriptor).isNominal
    else { return nil }
    return Metadata(address)
  }
}
