// Layouts of what a type describes itself (`PersistentLayout`).

import CSoftPMRuntime
import SoftPMBase

extension LayoutCompiler {
  /// The layout of a property that its type describes; nil for all others.
  func described(
    _ name: String, _ hidden: HiddenParts, in owner: Metadata, _ names: [String], _ offsets: [Int]
  ) -> ValueLayout? {
    guard !hidden.parts.isEmpty, let index = names.firstIndex(of: name) else { return nil }
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
    let offset = offsets[index]
    let end = offsets.filter { $0 > offset }.min() ?? owner.instanceSize
    guard owner.kind == .classType, RuntimeChecks.knowsMutex,
      offset & type.metadata.alignmentMask == 0, offset + type.metadata.size <= end,
      end - offset - type.metadata.size < 16
    else {
      return ValueLayout(
        Metadata(Void.self),
        form: RefusedForm(
          .misdescribed(
            owner, "`\(names[index])` cannot be of type \(displayName(type.metadata))")))
    }
    switch type.form {
    case .mutex(let value, let valueOffset):
      return ValueLayout(
        type.metadata, form: MutexForm(value: catalog.valueLayout(of: value), offset: valueOffset))
    case .atomic(let value):
      return ValueLayout(type.metadata, form: AtomicForm(value: catalog.valueLayout(of: value)))
    }
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
