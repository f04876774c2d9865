// What a type tells about the storage that reflection does not show.
//
// 1. A description names stored properties and says nothing else: no code of the program runs
//    while a graph is read or restored, so nothing that is stored can make it trap.
// 2. What is described is checked where it can be: key paths must be stored properties, elements
//    those of the ManagedBuffer, hidden properties must fit between their neighbours.
// 3. Numbers found in an image (counts, starts, capacities) are checked against the cell before
//    anything is read by them.

import Synchronization

/// A type that tells containers what reflection cannot see of it.
///
/// Ordinary types need nothing. A container finds the content of classes, structs, enums and
/// collections by Swift's own metadata. Three kinds of storage are not in the metadata: the
/// elements of a `ManagedBuffer`, memory behind unsafe pointers, and noncopyable properties such
/// as `Mutex`. A type that has them says what they hold:
///
/// ```swift
/// struct RingHeader { var start = 0; var count = 0; var capacity: Int }
/// final class RingBuffer<Element>: ManagedBuffer<RingHeader, Element> { … }
///
/// extension RingBuffer: PersistentLayout {
///   static var hiddenStorage: [HiddenStorage] {
///     [.ring(of: Element.self, start: \RingHeader.start, count: \.count, capacity: \.capacity)]
///   }
/// }
/// ```
///
/// A description is declared with the type, so it is there whenever the type is: nothing has to
/// be registered before a store is opened. Where a store's types were described otherwise, contents
/// are migrated if they can be; else it is refused with `.typeChanged` and left untouched.
///
/// The library believes what is declared here, as Swift believes `UnsafeMutablePointer`: a
/// description that does not say the truth breaks memory safety.
public protocol PersistentLayout {
  /// What reflection does not show of this type's own storage, in any order.
  static var hiddenStorage: [HiddenStorage] { get }
}

/// One piece of storage that reflection does not show, and how to read it.
public struct HiddenStorage: Sendable {
  enum Part: Sendable {
    /// The elements behind the header of a ManagedBuffer.
    case elements(TailOrder, header: Metadata, element: Metadata)
    /// Memory that the value owns, through a pointer in one of its properties.
    case memory(MemoryProperties)
    /// A noncopyable property, by name.
    case property(String, HiddenType)
    /// Bytes that the value owns, by the names of its properties.
    case bytes(ByteProperties)
    /// A property that is read as what it is, and must be as the rule says.
    case rule(String, PropertyRule)
    /// What was declared makes no sense, for this reason.
    case invalid(String)
  }

  let part: Part
}

// MARK: - ManagedBuffer

extension HiddenStorage {
  /// The elements of a `ManagedBuffer` of which the first `count` exist.
  ///
  /// `count` and `capacity` are stored properties of the header; `\.self` where the header is the
  /// count itself. With `capacity` a restored buffer has room for as many; without, for `count`.
  public static func elements<Header, Element>(
    of element: Element.Type, count: KeyPath<Header, Int>, capacity: KeyPath<Header, Int>? = nil
  ) -> HiddenStorage {
    elements(of: element, start: nil, count: count, capacity: capacity)
  }

  /// The elements of a `ManagedBuffer` that is a ring of `capacity` places: `count` of them exist,
  /// from place `start` on, going on at place 0 after the last.
  public static func ring<Header, Element>(
    of element: Element.Type, start: KeyPath<Header, Int>, count: KeyPath<Header, Int>,
    capacity: KeyPath<Header, Int>
  ) -> HiddenStorage {
    elements(of: element, start: start, count: count, capacity: capacity)
  }

  private static func elements<Header, Element>(
    of element: Element.Type, start: KeyPath<Header, Int>?, count: KeyPath<Header, Int>,
    capacity: KeyPath<Header, Int>?
  ) -> HiddenStorage {
    let offsets = [start, count, capacity].map { path in
      path.map { MemoryLayout<Header>.offset(of: $0) ?? -1 }
    }
    guard let count = offsets[1], !offsets.contains(-1) else {
      return HiddenStorage(
        part: .invalid("count, start and capacity must be stored properties of a struct"))
    }
    return HiddenStorage(
      part: .elements(
        TailOrder(start: offsets[0], count: count, capacity: offsets[2]),
        header: Metadata(Header.self), element: Metadata(element)))
  }
}

// MARK: - Memory

extension HiddenStorage {
  /// Memory from `UnsafeMutablePointer.allocate(capacity:)` that this type owns and whose first
  /// `count` elements are initialised.
  ///
  /// `count` and `capacity` are stored properties of the same type. Where two
  /// values share the memory, they share it again when restored; a store opened as `.untrusted`
  /// may not have that, as both might free it.
  public static func memory<Owner, Element>(
    _ pointer: KeyPath<Owner, UnsafeMutablePointer<Element>>, count: KeyPath<Owner, Int>,
    capacity: KeyPath<Owner, Int>? = nil
  ) -> HiddenStorage {
    memory(at: KeyPathReading(pointer), of: Element.self, count: count, capacity: capacity)
  }

  /// The same for a pointer that may be nil, where there is no memory.
  public static func memory<Owner, Element>(
    _ pointer: KeyPath<Owner, UnsafeMutablePointer<Element>?>, count: KeyPath<Owner, Int>,
    capacity: KeyPath<Owner, Int>? = nil
  ) -> HiddenStorage {
    memory(at: KeyPathReading(pointer), of: Element.self, count: count, capacity: capacity)
  }

  private static func memory<Owner, Element>(
    at pointer: KeyPathReading, of element: Element.Type, count: KeyPath<Owner, Int>,
    capacity: KeyPath<Owner, Int>?
  ) -> HiddenStorage {
    do {
      let (owner, record) = try pointer.storedProperty()
      let counting = try KeyPathReading(count).storedProperty()
      let limit = try capacity.map { try KeyPathReading($0).storedProperty() }
      guard counting.owner == owner, limit.map({ $0.owner == owner }) ?? true else {
        return HiddenStorage(
          part: .invalid("pointer, count and capacity must be properties of one type"))
      }
      return HiddenStorage(
        part: .memory(
          MemoryProperties(
            owner: owner, pointer: record.name, count: counting.record.name,
            capacity: limit?.record.name, element: Metadata(element))))
    } catch {
      return HiddenStorage(part: .invalid("\(error)"))
    }
  }
}

/// Which properties of a type tell about memory that it owns.
struct MemoryProperties: Sendable {
  var owner: Metadata
  var pointer: String
  var count: String
  var capacity: String?
  var element: Metadata
}

// MARK: - Noncopyable properties

extension HiddenStorage {
  /// A stored property `name` of type `Mutex<Value>`: stored as its value; at the point, the mutex
  /// must not be held.
  public static func mutex<Value>(_ name: String, of value: Value.Type) -> HiddenStorage {
    HiddenStorage(part: .property(name, .mutex(of: value)))
  }

  /// A stored property `name` of type `Atomic<Value>`, where the value is a number or a Bool.
  ///
  /// Others are refused when the property is reached: pointers and `Unmanaged` say neither what they
  /// lead to nor how much, and what stands for an enum need not be one of its cases.
  public static func atomic<Value: AtomicRepresentable>(
    _ name: String, of value: Value.Type
  ) -> HiddenStorage {
    HiddenStorage(part: .property(name, .atomic(of: value)))
  }
}

/// A noncopyable type of the standard library whose layout is known.
struct HiddenType: Sendable {
  enum Form: Sendable {
    case mutex(value: Metadata, offset: Int)
    case atomic(value: Metadata)
    /// What was declared cannot be persisted, for this reason.
    case refused(String)
  }

  let form: Form
  /// That of `Mutex<Value>` or `Atomic<Value>`.
  let metadata: Metadata

  static func mutex<Value>(of value: Value.Type) -> HiddenType {
    let mask = MemoryLayout<Value>.alignment - 1
    let type: any (~Copyable).Type = Mutex<Value>.self
    return HiddenType(
      form: .mutex(value: Metadata(value), offset: (MutexForm.wordBytes + mask) & ~mask),
      metadata: Metadata(unsafeBitCast(type, to: UnsafeRawPointer.self)))
  }

  static func atomic<Value: AtomicRepresentable>(of value: Value.Type) -> HiddenType {
    let type: any (~Copyable).Type = Atomic<Value>.self
    let metadata = Metadata(unsafeBitCast(type, to: UnsafeRawPointer.self))
    let isNumber = value is any FixedWidthInteger.Type || value is any BinaryFloatingPoint.Type
    guard isNumber || value == Bool.self,
      MemoryLayout<Value.AtomicRepresentation>.size == MemoryLayout<Value>.size
    else {
      return HiddenType(
        form: .refused("an Atomic must be of a number or Bool, not \(value)"), metadata: metadata)
    }
    return HiddenType(form: .atomic(value: Metadata(value)), metadata: metadata)
  }
}

// MARK: - Finding descriptions

/// The descriptions that one type gives of itself.
struct HiddenParts {
  private(set) var parts: [HiddenStorage.Part] = []

  /// What the type says itself, or else what was said of it by name.
  init(of metadata: Metadata) {
    if let type = metadata.type as? any PersistentLayout.Type {
      parts = type.hiddenStorage.map(\.part)
    } else if let descriptor = metadata.descriptor {
      parts = DescribedTypes.description(of: descriptor)?.map(\.part) ?? []
    }
  }

  /// Why the descriptions cannot be used; nil where they can.
  var mistake: String? {
    for case .invalid(let reason) in parts { return reason }
    return nil
  }

  var elements: (order: TailOrder, header: Metadata, element: Metadata)? {
    for case .elements(let order, let header, let element) in parts {
      return (order, header, element)
    }
    return nil
  }

  func memory(at property: String, of owner: Metadata) -> MemoryProperties? {
    for case .memory(let memory) in parts
    where memory.owner == owner && memory.pointer == property { return memory }
    return nil
  }

  func type(of property: String) -> HiddenType? {
    for case .property(property, let type) in parts { return type }
    return nil
  }

  func bytes(at property: String) -> ByteProperties? {
    for case .bytes(let bytes) in parts where bytes.pointer == property { return bytes }
    return nil
  }

  var bytes: ByteProperties? {
    for case .bytes(let bytes) in parts { return bytes }
    return nil
  }

  func rule(of property: String) -> PropertyRule? {
    for case .rule(property, let rule) in parts { return rule }
    return nil
  }

  /// A property that is named here and is none of `names`; nil where there is no such.
  func unknownProperty(among names: Set<String>) -> String? {
    for part in parts {
      let named: [String] =
        switch part {
        case .property(let name, _): [name]
        case .bytes(let bytes): bytes.names
        case .rule(let name, .slice(let storage)): [name, storage]
        case .rule(let name, _): [name]
        case .elements, .memory, .invalid: []
        }
      if let unknown = named.first(where: { !names.contains($0) }) { return unknown }
    }
    return nil
  }
}
