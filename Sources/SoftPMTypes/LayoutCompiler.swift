import CSoftPMRuntime
import SoftPMBase

/// Compiles the layout of one type from its metadata. Called once per type and catalog.
struct LayoutCompiler {
  let catalog: TypeCatalog

  func compile(_ metadata: Metadata) -> ValueLayout {
    guard metadata.isCopyable else { return refuse(metadata, .noncopyable(metadata)) }
    switch metadata.kind {
    case .classType:
      return ValueLayout(object: metadata, as: metadata, isOptional: false)
    case .structure: return compileStructure(metadata)
    case .enumeration, .optional: return compileEnumeration(metadata)
    case .tuple: return compileTuple(metadata)
    case .opaque: return compileBuiltin(metadata)
    case .existential: return compileExistential(metadata, metadata.existential)
    case .extendedExistential:
      return compileConstrained(metadata)
    case .metatype:
      return metadata.size == 0
        ? ValueLayout(plain: metadata)
        : ValueLayout(
          metadata, form: MetatypeForm(nil, instanceType: metadata.instanceType))
    case .existentialMetatype: return compileExistentialMetatype(metadata)
    case .fixedArray:
      let (count, element) = metadata.fixedArray
      return compileFixedArray(metadata, count: count, element: element)
    case .function: return refuse(metadata, .function(metadata))
    default: return refuse(metadata, .unknown(metadata))
    }
  }

  /// Refuses counts for which the runtime's sizes have wrapped around.
  func compileFixedArray(_ metadata: Metadata, count: Int, element: Metadata) -> ValueLayout {
    let count = max(0, count)
    let (size, isTooLarge) = count.multipliedReportingOverflow(by: element.stride)
    guard !isTooLarge, size == metadata.size, element.stride > 0 || count <= 1 << 20 else {
      return refuse(metadata, .unknown(metadata))
    }
    return ValueLayout(
      metadata, form: FixedArrayForm(count: count, element: catalog.valueLayout(of: element)))
  }

  func refuse(_ metadata: Metadata, _ refusal: Refusal) -> ValueLayout {
    ValueLayout(metadata, form: RefusedForm(refusal))
  }

  // MARK: Structs and tuples

  private func compileStructure(_ metadata: Metadata) -> ValueLayout {
    guard let descriptor = metadata.descriptor else { return refuse(metadata, .unknown(metadata)) }
    if let known = KnownTypes.layout(of: metadata, descriptor, catalog) { return known }
    let hidden = HiddenParts(of: metadata)
    if let mistake = hidden.mistake { return refuse(metadata, .misdescribed(metadata, mistake)) }
    if let unknown = hidden.unknownProperty(among: Self.propertyNames([descriptor])) {
      return refuse(metadata, .misdescribed(metadata, "it has no property `\(unknown)`"))
    }
    switch storedFields(of: metadata, descriptor, firstIndex: 0, hidden) {
    case .failure(let refusal): return refuse(metadata, refusal)
    case .success(let fields):
      if let refusal = gapRefusal(metadata, fields, isC: descriptor.module == "__C") {
        return refuse(metadata, refusal)
      }
      return ValueLayout(metadata, size: metadata.size, fields: fields)
    }
  }

  private enum Fields {
    case success([ValueLayout.Field])
    case failure(Refusal)
  }

  /// The stored properties declared by one type, superclasses not included.
  private func storedFields(
    of metadata: Metadata, _ descriptor: TypeDescriptor, firstIndex: Int, _ hidden: HiddenParts
  ) -> Fields {
    guard descriptor.fieldCount > 0 else { return .success([]) }
    guard let records = descriptor.fieldRecords, records.count == descriptor.fieldCount else {
      return .failure(.stripped(metadata))
    }
    let hidesInternals = KnownTypes.isSystemModule(descriptor.module)
    let isObservable = records.contains { $0.name == "_$observationRegistrar" }
    let offsets = records.indices.map {
      softpm_runtime_field_offset(metadata.address, firstIndex + $0)
    }
    let names = records.map(\.name)
    return .success(
      records.enumerated().map { index, record in
        ValueLayout.Field(
          name: Self.sourceName(record.name, isObservable: isObservable),
          offset: offsets[index],
          ownership: record.typeName?.ownership ?? .strong,
          layout: described(record, hidden, in: metadata, names, offsets)
            ?? layout(of: record, in: metadata),
          isTransparent: hidesInternals && record.name.hasPrefix("_"))
      })
  }

  func layout(of record: FieldRecord, in owner: Metadata) -> ValueLayout {
    let void = Metadata(Void.self)
    guard let name = record.typeName, let type = owner.resolve(name) else {
      return refuse(void, .unresolved(record.name, in: owner))
    }
    if name.isMadeByFunction, type == void {
      return refuse(void, .hidden(record.name, in: owner))
    }
    let layout =
      name.ownership == .strong ? catalog.valueLayout(of: type) : nonStrong(type, name.ownership)
    if catalog.exclusions.contains(owner, record.name) {
      return ExcludedForm.layout(of: layout, as: type) ?? layout
    }
    return layout
  }

  private func nonStrong(_ type: Metadata, _ ownership: Ownership) -> ValueLayout {
    let wrapped = type.kind == .optional ? type.genericArgument(0) ?? type : type
    switch wrapped.kind {
    case .existential:
      let description = wrapped.existential
      return ValueLayout(
        wrapped,
        form: NonStrongForm(
          ownership, existential: description, classType: description.superclass))
    case .extendedExistential:
      guard let description = wrapped.extendedExistential, description.isClassBound else {
        return refuse(wrapped, .unknown(wrapped))
      }
      return ValueLayout(
        wrapped,
        form: NonStrongForm(
          ownership, existential: description, classType: description.superclass))
    case .classType:
      return ValueLayout(
        wrapped, form: NonStrongForm(ownership, existential: nil, classType: wrapped))
    default: return refuse(wrapped, .unknown(wrapped))
    }
  }

  /// `$__lazy_storage_$_x` is the property `x`; so is the `_x` of an observable `x`.
  static func sourceName(_ name: String, in owner: Metadata) -> String {
    let records = owner.descriptor?.fieldRecords ?? []
    return sourceName(name, isObservable: records.contains { $0.name == "_$observationRegistrar" })
  }

  private static func sourceName(_ name: String, isObservable: Bool) -> String {
    let lazyPrefix = "$__lazy_storage_$_"
    if name.hasPrefix(lazyPrefix) { return String(name.dropFirst(lazyPrefix.count)) }
    if isObservable, name.hasPrefix("_"), !name.hasPrefix("_$") { return String(name.dropFirst()) }
    return name
  }

  /// Bytes between fields that alignment does not explain belong to something that reflection
  /// does not show: C bit-fields and unions, raw storage.
  ///
  /// In a C struct a few bit-fields look exactly like padding, so there no gap is accepted.
  private func gapRefusal(
    _ metadata: Metadata, _ fields: [ValueLayout.Field], isC: Bool
  ) -> Refusal? {
    var end = 0
    for field in fields.sorted(by: { $0.offset < $1.offset }) {
      let padding = isC ? 0 : field.layout.alignmentMask
      guard field.offset - end <= padding else {
        return isC ? .paddedC(metadata) : .opaque(metadata)
      }
      end = max(end, field.offset + field.layout.size)
    }
    if isC, end > 0, end < metadata.size { return .paddedC(metadata) }
    guard metadata.size - end <= metadata.alignmentMask, end > 0 || metadata.size == 0 else {
      return .opaque(metadata)
    }
    return nil
  }

  private func compileTuple(_ metadata: Metadata) -> ValueLayout {
    let labels = metadata.tupleLabels
    let fields = metadata.tupleElements.enumerated().map { index, element in
      ValueLayout.Field(
        name: labels[index].isEmpty ? "\(index)" : labels[index], offset: element.offset,
        ownership: .strong, layout: catalog.valueLayout(of: element.type))
    }
    return ValueLayout(metadata, size: metadata.size, fields: fields)
  }

  /// The fields of a class instance, the superclasses' first.
  func compileInstance(_ metadata: Metadata) -> Result<ValueLayout, Refusal> {
    var chain: [(Metadata, TypeDescriptor)] = []
    var current: Metadata? = metadata
    let described = HiddenParts(of: metadata)
    if let mistake = described.mistake {
      return .failure(.misdescribed(metadata, mistake))
    }
    while let type = current, let descriptor = type.descriptor {
      if descriptor.address == softpm_runtime_managed_buffer_descriptor() {
        guard HiddenParts(of: metadata).elements != nil else {
          return .failure(.tailAllocated(metadata))
        }
      } else if let refusal = KnownTypes.refusal(ofClass: type, descriptor) {
        return .failure(refusal)
      }
      chain.append((type, descriptor))
      current = type.superclass
    }
    if let unknown = described.unknownProperty(among: Self.propertyNames(chain.map(\.1))) {
      return .failure(.misdescribed(metadata, "it has no property `\(unknown)`"))
    }
    var fields: [ValueLayout.Field] = []
    for (type, descriptor) in chain.reversed() {
      let hidden = HiddenParts(of: type)
      switch storedFields(of: type, descriptor, firstIndex: fields.count, hidden) {
      case .failure(let refusal): return .failure(refusal)
      case .success(let own):
        fields += own
      }
    }
    guard fields.count == softpm_runtime_field_count(metadata.address) else {
      return .failure(.stripped(metadata))
    }
    return .success(ValueLayout(metadata, size: metadata.instanceSize, fields: fields))
  }

  // MARK: Enums

  private func compileEnumeration(_ metadata: Metadata) -> ValueLayout {
    guard let descriptor = metadata.descriptor else { return refuse(metadata, .unknown(metadata)) }
    if metadata.kind == .optional, let wrapped = metadata.genericArgument(0),
      wrapped.kind == .classType
    {
      return ValueLayout(object: metadata, as: wrapped, isOptional: true)
    }
    let payloadCount = descriptor.payloadCaseCount
    let total = payloadCount + descriptor.emptyCaseCount
    guard total > 0 else { return ValueLayout(plain: metadata) }
    guard let records = descriptor.fieldRecords, records.count == total else {
      return refuse(metadata, .stripped(metadata))
    }
    guard metadata.hasEnumWitnesses else { return refuse(metadata, .unknown(metadata)) }
    let payloads = records.prefix(payloadCount).map { record -> EnumForm.Case in
      if record.isIndirectCase {
        guard let name = record.typeName, let type = metadata.resolve(name) else {
          let refused = refuse(Metadata(Void.self), .unresolved(record.name, in: metadata))
          return EnumForm.Case(name: record.name, payload: refused)
        }
        return EnumForm.Case(name: record.name, boxed: type)
      }
      return EnumForm.Case(name: record.name, payload: layout(of: record, in: metadata))
    }
    let others = records.dropFirst(payloadCount).map(\.name)
    return ValueLayout(
      metadata,
      form: EnumForm(metadata, payloads: Array(payloads), others: others, catalog: catalog))
  }

  // MARK: Existentials and builtins

  private func compileExistential(
    _ metadata: Metadata, _ description: ExistentialDescription
  ) -> ValueLayout {
    guard description.isError || description.witnessCount == description.protocols.count else {
      return refuse(metadata, .unknown(metadata))
    }
    if description.isClassBound, !description.isError, description.witnessCount == 0,
      description.superclass == nil
    {
      return ValueLayout(object: metadata, as: nil, isOptional: false)
    }
    return ValueLayout(metadata, form: ExistentialForm(description, catalog: catalog))
  }

  private func compileConstrained(_ metadata: Metadata) -> ValueLayout {
    guard let description = metadata.extendedExistential,
      let form = metadata.constrainedExistential?.shape.form
    else { return refuse(metadata, .unknown(metadata)) }
    // Swift 6.3 has a wrong size of some class-bound ones, so that neither it nor anybody else can
    // tell where things are in an array of these.
    let words = description.witnessCount + (form == .opaque ? 4 : 1)
    guard metadata.size == words * 8 else { return refuse(metadata, .missized(metadata)) }
    guard form == .metatype else { return compileExistential(metadata, description) }
    return ValueLayout(
      metadata, form: MetatypeForm(description, instanceType: description.superclass))
  }

  private func compileExistentialMetatype(_ metadata: Metadata) -> ValueLayout {
    let instance = metadata.instanceType
    guard instance.kind == .existential else { return refuse(metadata, .unknown(metadata)) }
    let description = instance.existential
    let isPlain = description.witnessCount == 0
    return ValueLayout(
      metadata,
      form: MetatypeForm(
        isPlain ? nil : description, instanceType: description.superclass))
  }

  /// The primitive types that everything is made of.
  private func compileBuiltin(_ metadata: Metadata) -> ValueLayout {
    let name = _typeName(metadata.type, qualified: true)
    let numeric = ["Builtin.Int", "Builtin.FPIEEE", "Builtin.Vec", "Builtin.Word"]
    switch name {
    case "Builtin.FPIEEE80":
      return ValueLayout(plain: metadata, runs: [ValueLayout.Run(offset: 0, count: 10)])
    case "Builtin.NativeObject", "Builtin.UnknownObject":
      return ValueLayout(object: metadata, as: nil, isOptional: false)
    case "Builtin.RawPointer":
      return ValueLayout(metadata, form: NilPointerForm(.pointer(metadata)))
    case "Builtin.DefaultActorStorage":
      return ValueLayout(metadata, form: ActorForm(byteCount: metadata.size))
    default:
      if metadata.isBitwise, numeric.contains(where: name.hasPrefix) {
        return ValueLayout(plain: metadata)
      }
      return refuse(metadata, .opaque(metadata))
    }
  }
}
