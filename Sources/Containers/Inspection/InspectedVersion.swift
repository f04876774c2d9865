import SoftPMBase
import SoftPMHeap
import SoftPMTypes

/// One version, read from its bytes as they are asked for.
///
/// Costs what is looked at: naming the root reads two chunks, a path those on the way.
public final class InspectedVersion {
  public let info: VersionInfo
  let reader: VersionReader
  /// Open as long as somebody looks.
  private let store: Store

  init(_ info: VersionInfo, _ reader: VersionReader, in store: Store) {
    self.info = info
    self.reader = reader
    self.store = store
  }

  /// How many chunks the version has; multiplied with `chunkSize`, its size.
  public var chunkCount: Int { reader.digests.count }
  public var chunkSize: Int { reader.chunkSize }
  /// How many chunks looking has read so far.
  public var chunksRead: Int { reader.chunkReads }

  /// The value that a path leads to: `root`, `root.people["Ann"].age`.
  ///
  /// Throws `.invalidArgument` for what is no path, `.notFound`, saying what there is instead, for
  /// one that leads nowhere.
  public func value(at path: String = "root") throws -> InspectedValue {
    try withoutScopes {
      InspectedValue(try place(at: path), self)
    }
  }

  /// The object of that number; throws `.notFound` where there is none.
  public func object(_ number: UInt64) throws -> InspectedObject {
    try withoutScopes {
      let (offset, overflow) = number.multipliedReportingOverflow(by: 16)
      let (address, carried) = reader.home.rawValue.addingReportingOverflow(offset)
      guard !overflow, !carried,
        let object = try? reader.reader.object(at: ArenaAddress(address))
      else {
        throw ContainerError(
          code: .notFound, message: "Version \(info.id) has no object #\(number).")
      }
      return InspectedObject(object, self)
    }
  }

  private func place(at path: String) throws(ContainerError) -> StoredPlace {
    let written = try WrittenPath(path)
    return try reader.reader.follow(written, from: reader.root())
  }

  /// A value as Swift would write it, in lines no wider than `width` where its words allow.
  public func text(
    at path: String = "root", depth: Int = 3, elements: Int = 100, width: Int = 80
  ) throws -> String {
    try withoutScopes {
      var options = StoredPrinter.Options()
      options.depth = depth
      options.elements = elements
      options.width = width
      return try StoredPrinter(reader.reader, options).text(of: place(at: path))
    }
  }

  /// The type of everything that the container has ever stored, by number.
  public var types: [InspectedType] { withoutScopes { reader.types.all } }
}

/// A type as the store describes it.
public struct InspectedType: Sendable {
  /// A property of a struct, tuple or class, or what storage holds.
  public struct Field: Sendable {
    public let name: String
    public let type: String
    public let offset: Int
    /// `strong`, `weak`, `unowned` or `unmanaged`.
    public let ownership: String
  }

  public struct Case: Sendable {
    public let name: String
    public let payload: String?
    public let isIndirect: Bool
  }

  public let number: Int
  public let name: String
  /// Where it is declared; empty for tuples and the like.
  public let module: String
  /// `class`, `struct`, `enum` …
  public let kind: String
  public let size: Int
  public let stride: Int
  public let fields: [Field]
  public let cases: [Case]
}

/// A value of a stored version.
public struct InspectedValue {
  /// What a value is, its optionals, existentials and boxes taken off.
  public enum Content {
    /// An optional's nil, a weak reference to nobody.
    case none
    case number(String)
    case flag(Bool)
    case string(String)
    case data([UInt8])
    case date(secondsSince1970: Double)
    /// A UUID, URL, type, as it is printed.
    case other(String)
    case enumCase(String, payload: InspectedValue?)
    /// A struct or tuple.
    case record([(name: String, value: InspectedValue)])
    case object(InspectedObject)
    case array([InspectedValue])
    case dictionary([(key: InspectedValue, value: InspectedValue)])
    case set([InspectedValue])
    /// Nothing of the program's state.
    case hidden
  }

  private let place: StoredPlace
  private let version: InspectedVersion

  init(_ place: StoredPlace, _ version: InspectedVersion) {
    self.place = place
    self.version = version
  }

  private var reader: StoredReader { version.reader.reader }

  /// The static type, as people write it.
  public var type: String { withoutScopes { reader.types.shortName(place.type) } }

  /// On one line, objects by name: `Person#12`.
  public var line: String {
    get throws { try withoutScopes { try reader.line(at: place) } }
  }

  public var content: Content {
    get throws { try withoutScopes { try content(of: reader.value(at: place)) } }
  }

  private func inspected(_ place: StoredPlace) -> InspectedValue { InspectedValue(place, version) }

  private func content(of value: StoredValue) throws(ContainerError) -> Content {
    switch value {
    case .none: return .none
    case .hidden: return .hidden
    case .opaque(let type): return .other("\(reader.types.shortName(type))(…)")
    case .leaf(let leaf): return Self.content(of: leaf)
    case .record(_, let parts):
      return .record(try reader.shown(parts).map { (name: $0.name, value: inspected($0.place)) })
    case .payload(_, let name, let place): return .enumCase(name, payload: inspected(place))
    case .object(let object): return .object(InspectedObject(object, version))
    case .array(let array):
      return .array(array.hasContent ? (0..<array.count).map { inspected(array[$0]) } : [])
    case .table(let table):
      let entries = try reader.sorted(table)
      if table.isDictionary {
        return .dictionary(
          entries.compactMap { entry in
            entry.value.map { (key: inspected(entry.keyPlace), value: inspected($0)) }
          })
      }
      return .set(entries.map { inspected($0.keyPlace) })
    }
  }

  private static func content(of leaf: StoredLeaf) -> Content {
    switch leaf {
    case .integer(let text), .float(let text, true): .number(text)
    case .float(let text, false): .other(text)
    case .flag(let flag): .flag(flag)
    case .string(let text): .string(text)
    case .scalar(let scalar): .string(String(Character(scalar)))
    case .simpleCase(let name): .enumCase(name, payload: nil)
    case .data(let bytes): .data(bytes)
    case .date(let seconds): .date(secondsSince1970: seconds)
    case .uuid(let text), .url(let text), .type(let text): .other(text)
    case .dead: .none
    }
  }
}

/// A class instance of a stored version.
public struct InspectedObject {
  private let object: StoredObject
  private let version: InspectedVersion

  init(_ object: StoredObject, _ version: InspectedVersion) {
    self.object = object
    self.version = version
  }

  /// The object's number, which it keeps for life: its place in the container.
  public var number: UInt64 { version.reader.reader.number(of: object.home) }
  public var type: String { withoutScopes { version.reader.types.shortName(object.type) } }
  /// Bytes of its cell.
  public var byteCount: Int { object.cell.count }
  /// Whether the reference that led here keeps it alive.
  public var isHeld: Bool { object.isStrong }

  /// The stored properties, the superclasses' first.
  public var fields: [(name: String, value: InspectedValue)] {
    get throws {
      try withoutScopes {
        let reader = version.reader.reader
        return try reader.shown(reader.parts(of: object)).map {
          (name: $0.name, value: InspectedValue($0.place, version))
        }
      }
    }
  }
}

extension StoredReader {
  /// Without what is no part of the program's state.
  fileprivate func shown(_ parts: [StoredPart]) throws(ContainerError) -> [StoredPart] {
    var shown: [StoredPart] = []
    for part in parts {
      if case .hidden = try value(at: part.place) { continue }
      shown.append(part)
    }
    return shown
  }
}
