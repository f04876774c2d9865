// What a program registers about its types' past: names, defaults, closures.
//
// 1. A value, like other options: it holds for the stores that are opened with it.
// 2. Closures run while a container is opened, on the thread that opens it, before any of its
//    objects is alive, and outside of the container's scope.

import SoftPMBase

/// How a store of an earlier program becomes one of this program.
///
/// Properties that came, went, moved or were widened need nothing. For all else a program says,
/// before it opens the store, what its types were called and what they were:
///
/// ```swift
/// var options = StoreOptions()
/// options.migrations.rename("Shop.Client", to: Person.self)
/// options.migrations.setDefault(\Person.city, "unknown")
/// options.migrations.change("Shop.Person", having: ["first", "last"]) { old, new in
///   new["name"] = .value("\(old["first"]) \(old["last"])")
/// }
/// let store = try Store.open("shop.softpm", options)
/// ```
///
/// Registrations of several programs compose: renames are followed one after another, and `change`
/// closures run in the order of registration, each on what the one before has made. So a program
/// keeps what its predecessors registered for as long as there are stores of theirs.
public struct Migrations: Sendable {
  struct Property: Hashable, Sendable {
    /// Without generic arguments.
    var type: String
    var name: String
  }

  struct Supplier: Sendable {
    var type: Metadata
    var value: @Sendable (DynamicValue) throws -> LiveValue
  }

  struct Step: Sendable {
    var type: String
    var properties: [String]
    var body: @Sendable (DynamicValue, inout DynamicRecord) throws -> Void
  }

  private(set) var renames = TypeRenames()
  private(set) var suppliers: [Property: [Supplier]] = [:]
  private(set) var steps: [Step] = []
  private(set) var builders: [String: Supplier] = [:]

  public init() {}

  // MARK: Names

  /// A type, or a module, that had another name.
  ///
  /// Names are written with their module, `Shop.Client`; what is nested in it follows. `new` may
  /// be a name that is history too, and renamed again.
  public mutating func rename(_ old: String, to new: String) {
    renames.rename(old, to: new)
  }

  /// A type that had another name, or was moved to another module or another type. A generic type
  /// is named with its arguments: `rename("Shop.Box", to: Box<Int>.self)`.
  public mutating func rename<T>(_ old: String, to type: T.Type) {
    renames.rename(old, to: displayName(Metadata(type)))
  }

  /// A property, or an enum's case, that had another name.
  public mutating func rename(_ old: String, of type: String, to new: String) {
    renames.rename(part: old, of: type, to: new)
  }

  // MARK: Properties

  /// What a property is given in objects that were stored without it.
  ///
  /// `value` is evaluated for each of them. Without it a property that came is nil, empty or zero.
  public mutating func setDefault<Owner, Value>(
    _ property: KeyPath<Owner, Value>, _ value: @autoclosure @escaping @Sendable () -> Value
  ) {
    compute(property) { _ in value() }
  }

  /// What a property is given in objects that were stored without it, or with a type that does not
  /// become its own; from the old object.
  public mutating func compute<Owner, Value>(
    _ property: KeyPath<Owner, Value>,
    _ body: @escaping @Sendable (_ old: DynamicValue) throws -> Value
  ) {
    let found = Result { try KeyPathReading(property).storedProperty() }
    guard case .success(let (owner, record)) = found else {
      preconditionFailure(
        "A migration is registered for \(property), which is not a single stored property.")
    }
    let name = LayoutCompiler.sourceName(record.name, in: owner)
    let key = Property(type: TypeRenames.base(displayName(owner)), name: name)
    suppliers[key, default: []].append(
      Supplier(type: Metadata(Value.self)) { LiveValue(try body($0)) })
  }

  // MARK: Closures

  /// Changes objects or structs of a type, by any name that it has had, whose stored form differs
  /// from today's and that have all of these properties at that moment.
  ///
  /// `new` begins as `old`. Afterwards its properties become those of the program's type by name;
  /// what that does not have is dropped.
  public mutating func change(
    _ type: String, having properties: [String] = [],
    _ body: @escaping @Sendable (_ old: DynamicValue, _ new: inout DynamicRecord) throws -> Void
  ) {
    steps.append(Step(type: TypeRenames.base(type), properties: properties, body: body))
  }

  /// Builds each object, struct or enum of a type from its stored form, where that differs from
  /// today's, or is of another type altogether.
  ///
  /// The result is stored as a copy, with all it refers to; where stored objects are to be
  /// referred to, use `change`.
  public mutating func build<T>(
    _ type: T.Type, _ body: @escaping @Sendable (_ old: DynamicValue) throws -> T
  ) {
    builders[displayName(Metadata(type))] = Supplier(type: Metadata(type)) {
      LiveValue(try body($0))
    }
  }
}

extension Migrations {
  /// Whether a stored table has a type that is called otherwise now.
  package func renames(anyOf types: TypeTable) -> Bool {
    !renames.types.isEmpty && types.records.contains { renames.current($0.name) != $0.name }
  }

  /// What is left out, by the names that types have now.
  package func current(_ exclusions: ExclusionSet) -> ExclusionSet {
    guard !renames.types.isEmpty || !renames.parts.isEmpty else { return exclusions }
    return exclusions.renamed { type, field in
      (renames.current(type), renames.current(part: field, of: type))
    }
  }

  /// The registered values of a property, by the type that declares it or a superclass.
  func supplier(of name: String, in owner: Metadata, as type: Metadata) -> Supplier? {
    guard !suppliers.isEmpty else { return nil }
    var current: Metadata? = owner
    while let candidate = current {
      let key = Property(type: TypeRenames.base(displayName(candidate)), name: name)
      if let found = suppliers[key]?.last(where: { $0.type == type }) { return found }
      current = candidate.superclass
    }
    return nil
  }
}
