// Layouts of what a type describes itself (`PersistentLayout`).

import CSoftPMRuntime
import SoftPMBase

extension LayoutCompiler {
  /// The layout of a property that its type describes; nil for all others.
  func described(
    _ record: FieldRecord, _ hidden: HiddenParts, in owner: Metadata, _ names: [String],
    _ offsets: [Int]
  ) -> ValueLayout? {
    let name = record.name
    guard !hidden.parts.isEmpty, let index = names.firstIndex(of: name) else { return nil }
    if let bytes = hidden.bytes(at: name) {
      return bytesLayout(bytes, record, in: owner, names, offsets)
    }
    if let rule = hidden.rule(of: name) {
      return ruledLayout(rule, record, in: owner, names, offsets)
    }
    if let memory = hidden.memory(at: name, of: owner) {
      return memoryLayout(memory, at: index, in: owner, names, offsets)
    }
    if let type = hidden.type(of: name) {
      return propertyLayout(type, at: index, in: owner, names, offsets)
    }
    return nil
  }

  private func memoryLayout(
    _ memory: MemoryProperties, at index: Int, in owner: Metadata, _ names: [String],
    _ offsets: [Int]
  ) -> ValueLayout? {
    func distance(_ property: String) -> Int? {
      names.firstIndex(of: property).map { offsets[$0] - offsets[index] }
    }
    guard let count = distance(memory.count) else { return nil }
    return ValueLayout(
      Metadata(UnsafeMutableRawPointer.self),
      form: OwnedMemoryForm(
        element: memory.element, countDistance: count,
        capacityDistance: memory.capacity.flatMap(distance), catalog: catalog))
  }

  /// The layout of a noncopyable property, if one of that type can lie where the property does.
  private func propertyLayout(
    _ type: HiddenType, at index: Int, in owner: Metadata, _ names: [String], _ offsets: [Int]
  ) -> ValueLayout? {
    let layout: ValueLayout
    switch type.form {
    case .refused(let reason):
      return refuse(
        Metadata(Void.self), .misdescribed(owner, "`\(names[index])`: \(reason)"))
    case .mutex(let value, let valueOffset):
      layout = ValueLayout(
        type.metadata, form: MutexForm(value: catalog.valueLayout(of: value), offset: valueOffset))
    case .atomic(let value):
      layout = ValueLayout(type.metadata, form: AtomicForm(value: catalog.valueLayout(of: value)))
    }
    let offset = offsets[index]
    let end = offsets.filter { $0 > offset }.min() ?? owner.instanceSize
    guard owner.kind == .classType, RuntimeChecks.knowsMutex,
      offset & type.metadata.alignmentMask == 0, offset + type.metadata.size <= end,
      end - offset - type.metadata.size < 16
    else {
      return refuse(
        Metadata(Void.self),
        .misdescribed(
          owner, "`\(names[index])` cannot be of type \(displayName(type.metadata))"))
    }
    return layout
  }

  // MARK: ManagedBuffer

  static func isBuffer(_ metadata: Metadata) -> Bool { bufferClass(of: metadata) != nil }

  /// `ManagedBuffer<Header, Element>` among the superclasses.
  private static func bufferClass(of metadata: Metadata) -> Metadata? {
    var current: Metadata? = metadata
    while let type = current, let descriptor = type.descriptor {
      if descriptor.address == softpm_runtime_managed_buffer_descriptor() { return type }
      current = type.superclass
    }
    return nil
  }

  /// `object` is the layout of the fields, of which a buffer has one: the header.
  func compileBuffer(
    _ metadata: Metadata, _ object: ValueLayout
  ) -> Result<BufferStorage, Refusal> {
    guard let buffer = Self.bufferClass(of: metadata),
      let (order, header, element) = HiddenParts(of: metadata).elements
    else { return .failure(.tailAllocated(metadata)) }
    guard buffer.genericArgument(0) == header, buffer.genericArgument(1) == element else {
      return .failure(
        .misdescribed(
          metadata, "it is a \(displayName(buffer)), with another header or other elements"))
    }
    guard softpm_runtime_field_count(metadata.address) == 1 else {
      return .failure(
        .misdescribed(metadata, "a buffer with stored properties of its own has no room for them"))
    }
    return .success(
      BufferStorage(
        object: object, header: header, element: catalog.valueLayout(of: element), order: order))
  }
}

// MARK: - Described by name

extension LayoutCompiler {
  static func propertyNames(_ chain: [TypeDescriptor]) -> Set<String> {
    Set(chain.flatMap { $0.fieldRecords ?? [] }.map(\.name))
  }

  private func misdescribed(
    _ owner: Metadata, _ type: Metadata?, _ mistake: String
  ) -> ValueLayout {
    refuse(type ?? Metadata(Void.self), .misdescribed(owner, mistake))
  }

  private func bytesLayout(
    _ bytes: ByteProperties, _ record: FieldRecord, in owner: Metadata, _ names: [String],
    _ offsets: [Int]
  ) -> ValueLayout {
    let type = record.typeName.flatMap(owner.resolve)
    guard let type, let index = names.firstIndex(of: record.name),
      type.type == UnsafeMutableRawPointer?.self || type.type == UnsafeRawPointer?.self
    else {
      return misdescribed(
        owner, type, "`\(record.name)` is not of type UnsafeMutableRawPointer? or UnsafeRawPointer?"
      )
    }
    func distance(_ property: String) -> Int? {
      guard let place = names.firstIndex(of: property), isInteger(property, in: owner) else {
        return nil
      }
      return offsets[place] - offsets[index]
    }
    for property in bytes.names.dropFirst() where distance(property) == nil {
      return misdescribed(owner, type, "`\(property)` is not an Int beside `\(record.name)`")
    }
    guard let count = distance(bytes.count) else {
      return misdescribed(owner, type, "`\(bytes.count)` is not an Int")
    }
    return ValueLayout(
      type,
      form: OwnedBytesForm(
        bytes, countDistance: count, capacityDistance: bytes.capacity.flatMap(distance),
        catalog: catalog))
  }

  private func isInteger(_ property: String, in owner: Metadata) -> Bool {
    let record = owner.descriptor?.fieldRecords?.first { $0.name == property }
    return record?.typeName.flatMap(owner.resolve)?.type == Int.self
  }

  private func ruledLayout(
    _ rule: PropertyRule, _ record: FieldRecord, in owner: Metadata, _ names: [String],
    _ offsets: [Int]
  ) -> ValueLayout {
    let content = layout(of: record, in: owner)
    guard let type = record.typeName.flatMap(owner.resolve) else { return content }
    switch rule {
    case .absent(let refusal):
      guard type.kind == .optional else {
        return misdescribed(owner, type, "`\(record.name)` is not an Optional")
      }
      return ValueLayout(type, form: AbsentForm(content, refusal))
    case .number(let limits):
      guard type.type is any FixedWidthInteger.Type else {
        return misdescribed(owner, type, "`\(record.name)` is not an integer")
      }
      return ValueLayout(type, form: LimitedNumberForm(content, in: limits))
    case .slice(let storage):
      guard let bounds = BoundsPlace(of: type) else {
        return misdescribed(
          owner, type,
          "`\(record.name)` is not a Range of Int or Int32, or an object "
            + "with one")
      }
      guard let index = names.firstIndex(of: record.name),
        let place = names.firstIndex(of: storage),
        let name = owner.descriptor?.fieldRecords?[place].typeName, name.ownership == .strong,
        let target = owner.resolve(name), target.kind == .classType,
        let bytes = HiddenParts(of: target).bytes,
        let count = Self.offset(of: bytes.count, in: target)
      else {
        return misdescribed(
          owner, type, "`\(storage)` is not an object whose class describes its bytes")
      }
      return ValueLayout(
        type,
        form: SliceForm(
          content, bounds,
          of: SliceForm.Storage(
            distance: offsets[place] - offsets[index], count: count,
            firstIndex: bytes.firstIndex.flatMap { Self.offset(of: $0, in: target) }),
          named: storage))
    }
  }

  /// Where a class or one of its superclasses has a stored property of type Int.
  private static func offset(of property: String, in type: Metadata) -> Int? {
    var chain: [Metadata] = []
    var current: Metadata? = type
    while let next = current, next.descriptor != nil {
      chain.append(next)
      current = next.superclass
    }
    var before = 0
    for level in chain.reversed() {
      let records = level.descriptor?.fieldRecords ?? []
      if let index = records.firstIndex(where: { $0.name == property }) {
        guard records[index].typeName.flatMap(level.resolve)?.type == Int.self else { return nil }
        return softpm_runtime_field_offset(level.address, before + index)
      }
      before += level.descriptor?.fieldCount ?? 0
    }
    return nil
  }
}
