import Foundation
import SoftPMBase
import Testing
import TypesZoo

@testable import SoftPMTypes

private struct Small { var a: Int32 = 1 }
private struct Large {
  var a = 1
  var b: String?
  var c: Large2
}
private struct Large2 { var x = 1 }

/// What is planned of types alone: no value is stored here.
@Suite("Plans of migration")
struct MigrationPlanTests {
  /// The plan for a property of a stored type to become one of another.
  private func plan<Old, New>(
    _: Old.Type, _: New.Type, _ migrations: Migrations = Migrations()
  ) -> Result<ValuePlan, ContainerError> {
    Result { () throws(ContainerError) in
      var table = TypeTable()
      let index = try table.index(of: Old.self)
      let catalog = TypeCatalog()
      let stored = try StoredTypes(decoding: table.encoded())
      let planner = MigrationPlanner(
        PresentTypes(stored, migrations.renames), catalog: catalog, migrations: migrations)
      return try planner.plan(
        index, as: catalog.valueLayout(of: Metadata(New.self)),
        MigrationPlanner.Part(type: "Owner", name: "part"))
    }
  }

  private func isPlanned<Old, New>(_ old: Old.Type, _ new: New.Type) -> Bool {
    if case .success = plan(old, new) { true } else { false }
  }

  private static var integers: [any FixedWidthInteger.Type] {
    [
      Int8.self, Int16.self, Int32.self, Int64.self, Int.self, UInt8.self, UInt16.self, UInt32.self,
      UInt64.self, UInt.self, Int128.self, UInt128.self,
    ]
  }

  @Test("an integer type becomes another where that holds all of its numbers, and only there")
  func integers() {
    func check<Old: FixedWidthInteger, New: FixedWidthInteger>(_: Old.Type, _: New.Type) {
      let holds = New(exactly: Old.min) != nil && New(exactly: Old.max) != nil
      #expect(isPlanned(Old.self, New.self) == holds, "\(Old.self) → \(New.self)")
      #expect(isPlanned(Old.self, New?.self) == holds)
      #expect(!isPlanned(Old?.self, New.self))
      #expect(!isPlanned(Old.self, Double.self) && !isPlanned(Old.self, String.self))
    }
    func checkAll<Old: FixedWidthInteger>(_ old: Old.Type) {
      for new in Self.integers { check(old, new) }
    }
    for old in Self.integers { checkAll(old) }
  }

  @Test("a floating-point type becomes a longer one, never a shorter one or an integer")
  func floats() {
    let types: [(any Any.Type, Int)] = [
      (Float16.self, 0), (Float.self, 1), (Double.self, 2), (Float80.self, 3),
    ]
    func check<Old, New>(_: Old.Type, _: New.Type) -> Bool { isPlanned(Old.self, New.self) }
    for (old, length) in types {
      for (new, other) in types {
        func first<Old>(_ old: Old.Type) -> Bool {
          func second<New>(_ new: New.Type) -> Bool { check(old, new) }
          return _openExistential(new, do: second)
        }
        #expect(_openExistential(old, do: first) == (other >= length), "\(old) → \(new)")
      }
    }
    #expect(!isPlanned(Float.self, Int.self))
  }

  @Test("types of one shape and different names do not become each other, unless registered")
  func names() throws {
    struct Point { var x = 0.0 }
    struct Vector { var x = 0.0 }
    #expect(isPlanned(Point.self, Point.self))
    #expect(!isPlanned(Point.self, Vector.self))
    #expect(!isPlanned([Point].self, Set<Int>.self))
    var migrations = Migrations()
    migrations.rename(displayName(Metadata(Point.self)), to: Vector.self)
    guard case .success(.record) = plan(Point.self, Vector.self, migrations) else {
      Issue.record("a registered name was not followed")
      return
    }
  }

  @Test("what no value can become is known before one is met, with the reason")
  func refusals() throws {
    guard case .failure(let error) = plan(Int.self, String.self) else {
      Issue.record("an integer became a string")
      return
    }
    #expect(error.code == .typeChanged)
    for words in ["`part` of Owner", "Swift.Int", "Swift.String"] {
      #expect(error.message.contains(words))
    }
  }

  @Test("a struct's plan lists what came, with what it is given, and what has no value")
  func records() throws {
    var migrations = Migrations()
    migrations.rename(displayName(Metadata(Small.self)), to: Large.self)
    guard case .success(.record(let plan)) = plan(Small.self, Large.self, migrations) else {
      Issue.record("no plan")
      return
    }
    let lines = plan.changes.map { "\($0.part ?? "type"): \($0.outcome), \($0.how)" }
    #expect(
      lines == [
        "a: migrated, converted", "b: migrated, nil", "c: refused, there is no value for it",
        "type: migrated, registered name",
      ])
  }
}

@Suite("Registered names")
struct TypeRenameTests {
  private func renames(_ pairs: (String, String)...) -> TypeRenames {
    var renames = TypeRenames()
    for (old, new) in pairs { renames.rename(old, to: new) }
    return renames
  }

  @Test("follow each other, hold for what is nested and for arguments, and end in a circle")
  func types() {
    let names = renames(
      ("Shop.Client", "Shop.Customer"), ("Shop.Customer", "People.Person"), ("Old", "New.Part"),
      ("Shop.Crate", "Shop.Box<Swift.Int>"), ("A.B", "A.C"), ("A.C", "A.B"))
    let expected = [
      "Shop.Client": "People.Person", "Shop.Customer.Kind": "People.Person.Kind",
      "Shop.ClientList": "Shop.ClientList", "Old.Thing": "New.Part.Thing", "Older": "Older",
      "Swift.Dictionary<Swift.String, Swift.Array<Shop.Client>>":
        "Swift.Dictionary<Swift.String, Swift.Array<People.Person>>",
      "(Shop.Client, tag: Old.Thing)": "(People.Person, tag: New.Part.Thing)",
      "Shop.Crate": "Shop.Box<Swift.Int>", "Shop.Crate<Swift.Int>": "Shop.Crate<Swift.Int>",
      "A.B": "A.C", "A.C": "A.B",
    ]
    for (old, new) in expected { #expect(names.current(old) == new, "\(old)") }
    #expect(names.history(of: "Shop.Client") == ["Shop.Client", "Shop.Customer", "People.Person"])
  }

  @Test("of properties follow each other too, by any name that their type has had")
  func parts() {
    var names = renames(("Shop.Client", "Shop.Person"))
    names.rename(part: "title", of: "Shop.Client", to: "label")
    names.rename(part: "label", of: "Shop.Person", to: "name")
    #expect(names.current(part: "title", of: "Shop.Client") == "name")
    #expect(names.current(part: "label", of: "Shop.Person") == "name")
    #expect(names.current(part: "title", of: "Shop.Person") == "title")
  }

  private enum Outer<Value> {
    struct Inner<Other> { var value: Value?, other: Other? }
    enum Plain { case one }
  }
  private final class Node {}

  @Test("lead to types by what people read: nested, generic, private, tuples, numbers")
  func written() {
    let types: [Any.Type] = [
      Int.self, String?.self, [String: [Int]].self, Outer<Int>.Inner<Node>.self,
      Outer<[Node?]>.Plain.self, Node.self, (Int, name: String).self, Set<Outer<Int>.Plain?>.self,
      InlineArray<3, Int>.self, Result<Int, any Error>.self, Zoo.self, Range<Int>.self,
    ]
    for type in types {
      let name = displayName(Metadata(type))
      #expect(WrittenType.resolve(name) == Metadata(type), "\(name)")
    }
    for name in [
      "", "Nowhere.Nothing", "Swift.Array", "Swift.Array<", "Swift.Array<Swift.Int>>",
      "Swift.Int x",
      "(Swift.Int", "Swift.Dictionary<Swift.Int>", "(Swift.Int) -> ()", "<Swift.Int>",
      String(repeating: "Swift.Optional<", count: 5000),
    ] {
      #expect(WrittenType.resolve(name) == nil, "\(name.prefix(40))")
    }
  }
}
