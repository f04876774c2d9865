import SoftPMBase

extension TypeRecord {
  /// What a type consists of, by this process's metadata.
  struct Parts {
    struct Field {
      var name: String
      var type: Metadata
      var offset: Int
      var ownership: Ownership
      var isTransparent = false
      var reach = FieldReach.direct
    }
    struct Case {
      var name: String
      var payload: Metadata?
      var isIndirect: Bool
      var bits: [CaseBits] = []
    }
    var fields: [Field] = []
    var cases: [Case] = []

    init(of key: Key, _ catalog: TypeCatalog) {
      switch key.kind {
      case .name: break
      case .value: add(value: key.metadata, catalog)
      case .box:
        let layout = catalog.valueLayout(of: key.metadata)
        add("value", key.metadata, at: ObjectLayout.boxOffset(layout))
      case .errorBox:
        let layout = catalog.valueLayout(of: key.metadata)
        add("value", key.metadata, at: ObjectLayout.errorBoxOffset(layout))
      case .instance:
        guard let layout = try? catalog.instanceLayout(of: key.metadata) else { return }
        add(layout)
      }
    }

    private mutating func add(
      _ name: String, _ type: Metadata, at offset: Int, _ reach: FieldReach = .direct
    ) {
      fields.append(
        Field(name: name, type: type, offset: offset, ownership: .strong, reach: reach))
    }

    private mutating func add(_ layout: ObjectLayout) {
      switch layout.form {
      case .instance(let layout): add(layout)
      case .buffer(let buffer):
        add(buffer.object)
        add(
          buffer.order.recordName, buffer.element.metadata, at: buffer.elementsOffset,
          .elements(buffer.placeOfNumbers))
      case .array(let element):
        add("element", element.metadata, at: ArrayBits.elementsOffset(element.alignmentMask))
      case .table(let table):
        add("key", table.key.metadata, at: 0)
        if let value = table.value { add("value", value.metadata, at: 0) }
      case .string, .literal, .box, .errorBox, .bytes, .memory: break
      }
    }

    private mutating func add(value metadata: Metadata, _ catalog: TypeCatalog) {
      let shape = TypeShape(of: Key(kind: .value, metadata: metadata), catalog)
      switch shape {
      case .signed, .unsigned, .float, .bool, .scalar: return
      case .elements where TypeShape.lanes(of: metadata) != nil:
        if let lane = metadata.genericArgument(0) { add("element", lane, at: 0) }
        return
      default: break
      }
      let layout = catalog.valueLayout(of: metadata)
      if case .enumeration = shape, layout.objects.count == 1,
        let wrapped = metadata.genericArgument(0)
      {
        // An optional reference to an object has no form of its own.
        cases = [
          Case(name: "some", payload: wrapped, isIndirect: false),
          Case(name: "none", payload: nil, isIndirect: false),
        ]
      } else {
        add(layout)
      }
      addBits(metadata)
    }

    private mutating func addBits(_ metadata: Metadata) {
      let probe = CaseProbe(metadata)
      for tag in cases.indices {
        cases[tag].bits =
          cases[tag].payload == nil
          ? probe.bits(ofEmptyCase: tag) : probe.bits(ofPayloadCase: tag)
      }
    }

    private mutating func add(_ layout: ValueLayout) {
      switch layout.structure {
      case .plain: break
      case .record(let list):
        for field in list {
          fields.append(
            Field(
              name: field.name, type: field.description?.content ?? field.layout.metadata,
              offset: field.offset, ownership: field.ownership, isTransparent: field.isTransparent,
              reach: FieldReach(field.layout)))
        }
        // After the properties, so that those are compared first.
        for field in list {
          guard let description = field.description else { continue }
          add(description.note, description.content, at: field.offset, .note)
        }
      case .form(let form):
        if let form = form as? EnumForm {
          cases = form.payloads.map {
            Case(
              name: $0.name, payload: $0.boxed ?? $0.payload?.metadata, isIndirect: $0.boxed != nil)
          }
          cases += form.others.map { Case(name: $0, payload: nil, isIndirect: false) }
        } else if let form = form as? FixedArrayForm {
          add("element", form.element.metadata, at: 0)
        }
      }
    }
  }
}

/// How one gets from a field's place to what it holds.
enum FieldReach: Equatable, Sendable {
  /// It is there.
  case direct
  /// Nothing is there: the record says how a property is held, to be compared with programs.
  case note
  /// So many bytes further on, behind a mutex's word.
  case behind(UInt32)
  /// The home address of a cell with elements, whose count is so far from the pointer.
  case memory(countDistance: Int32)
  /// The elements of a buffer from here on, by numbers of its header.
  case elements(TailOrder)
}

extension FieldReach {
  /// The field's value lies in the bytes of what has it.
  var isWithin: Bool {
    switch self {
    case .direct, .behind: true
    case .note, .memory, .elements: false
    }
  }

  init(_ layout: ValueLayout) {
    guard case .form(let form) = layout.structure else {
      self = .direct
      return
    }
    self =
      switch form {
      case let form as MutexForm: .behind(UInt32(form.offset))
      case let form as OwnedMemoryForm: .memory(countDistance: Int32(form.countDistance))
      case let form as OwnedBytesForm: .memory(countDistance: Int32(form.countDistance))
      default: .direct
      }
  }

  func encode(into writer: inout ByteWriter) {
    func number(_ value: Int?) -> UInt32 { value.map { UInt32($0) } ?? .max }
    switch self {
    case .direct: writer.integer(UInt8(0))
    case .note: writer.integer(UInt8(1))
    case .behind(let offset):
      writer.integer(UInt8(2))
      writer.integer(offset)
    case .memory(let distance):
      writer.integer(UInt8(3))
      writer.integer(distance)
    case .elements(let order):
      writer.integer(UInt8(4))
      writer.integer(number(order.count))
      writer.integer(number(order.start))
      writer.integer(number(order.capacity))
    }
  }

  init(decoding reader: inout ByteReader) throws(ContainerError) {
    func number(_ value: UInt32) -> Int? { value == .max ? nil : Int(value) }
    switch try reader.integer(UInt8.self) {
    case 0: self = .direct
    case 1: self = .note
    case 2: self = .behind(try reader.integer())
    case 3: self = .memory(countDistance: try reader.integer())
    case 4:
      guard let count = number(try reader.integer()) else {
        throw reader.invalid("the place of a count")
      }
      self = .elements(
        TailOrder(
          start: number(try reader.integer()), count: count,
          capacity: number(try reader.integer())))
    case let tag: throw reader.invalid("a way to a field", found: "\(tag)")
    }
  }
}
