import SoftPMBase
import Testing
import TypesZoo

@testable import SoftPMTypes

private final class Customer {
  var name = "n"
  var age = 1
  var kind = Kind.new
  var address = Address()
}
private struct Address {
  var street = "s"
  var number: Int32 = 2
}
private enum Kind {
  case new
  case regular(since: Int)
  case former
}

private protocol Gauge<Unit> {
  associatedtype Unit
  var unit: Unit { get }
}
private struct Panel<Unit> {
  var gauge: (any Gauge<Unit>)?
}

/// What is found by a type's identity once that went through bytes.
func resolvedFromBytes(_ type: any Any.Type) throws -> Metadata? {
  let identity = try TypeIdentity(of: Metadata(type))
  var writer = ByteWriter()
  identity.encode(into: &writer)
  let decoded = try writer.bytes.withUnsafeBytes { raw throws(ContainerError) in
    var reader = ByteReader(raw, of: "an identity")
    return try TypeIdentity(decoding: &reader)
  }
  guard case .found(let found) = decoded.resolve() else { return nil }
  return found
}

@Suite("A type table")
struct TypeTableTests {
  private func table() throws -> TypeTable {
    var table = TypeTable()
    _ = try table.index(of: TypeCatalog().layout(ofInstancesOf: Customer.self))
    return table
  }

  /// The error of opening a store whose table was changed as given, as if the program had.
  private func error(
    changing name: String, _ change: (inout TypeRecord) -> Void
  ) throws -> ContainerError? {
    var records = try table().records
    let index = try #require(records.firstIndex { $0.name.hasSuffix(".\(name)") })
    change(&records[index])
    var changed = TypeTable()
    changed.adopt(records)
    do throws(ContainerError) {
      _ = try changed.resolved(in: TypeCatalog())
      return nil
    } catch {
      return error
    }
  }

  @Test("says what changed: field added, removed, moved, retyped, held otherwise; size")
  func fields() throws {
    #expect(try error(changing: "Customer") { _ in } == nil)
    var found = try error(changing: "Customer") { $0.fields.removeFirst() }
    #expect(found?.code == .typeChanged)
    #expect(found?.message.contains("`name` of SoftPMTypesTests.Customer was not there") == true)
    #expect(found?.message.contains("added, of type Swift.String") == true)
    found = try error(changing: "Customer") { $0.fields[1].name = "years" }
    #expect(
      found?.message.contains("`years`") == true && found?.message.contains("removed") == true)
    found = try error(changing: "Customer") { $0.fields[1].type = $0.fields[0].type }
    #expect(found?.message.contains("of type Swift.String") == true)
    #expect(found?.message.contains("is of type Swift.Int") == true)
    found = try error(changing: "Customer") { $0.fields[1].offset += 8 }
    #expect(found?.message.contains("`age`") == true && found?.message.contains("moved") == true)
    found = try error(changing: "Customer") { $0.fields[0].ownership = .weak }
    #expect(found?.message.contains("was weak") == true)
    found = try error(changing: "Address") { $0.fields.removeLast() }
    #expect(found?.message.contains("`number` of SoftPMTypesTests.Address") == true)
    found = try error(changing: "Address") { $0.size += 4 }
    #expect(found?.message.contains("bytes when the store was written") == true)
  }

  @Test("says what changed: case added, removed, with another payload, moved")
  func cases() throws {
    var found = try error(changing: "Kind") { $0.cases.removeLast() }
    #expect(found?.message.contains("`former` of SoftPMTypesTests.Kind") == true)
    #expect(found?.message.contains("an added case") == true)
    found = try error(changing: "Kind") { $0.cases[2].name = "gone" }
    #expect(found?.message.contains("`gone`") == true)
    found = try error(changing: "Kind") { $0.cases[0].type = nil }
    #expect(found?.message.contains("another form") == true)
    found = try error(changing: "Kind") { $0.cases.swapAt(1, 2) }
    #expect(found?.message.contains("order changed") == true)
  }

  @Test("says which type is gone")
  func missing() throws {
    let gone = try error(changing: "Customer") {
      $0.identity = .nominal(path: "Shop.Gone", fingerprint: 0, levels: [0], arguments: [])
      $0.name = "Shop.Gone"
    }
    #expect(gone?.code == .typeMissing && gone?.message.contains("Shop.Gone") == true)
  }

  @Test("begins with the bytes of what it was before it grew")
  func appendOnly() throws {
    var table = try table()
    let before = table.encoded()
    _ = try table.index(of: [Int].self)
    let after = table.encoded()
    #expect(after.count > before.count && Array(after[..<before.count]) == before)
    var decoded = try TypeTable(decoding: after)
    #expect(decoded.records == table.records)
    let layout = try TypeCatalog().layout(ofInstancesOf: Customer.self)
    #expect(try decoded.index(of: layout) == 0, "a decoded table goes on giving its numbers")
    #expect(decoded.count == table.count)
  }

  @Test("refuses two local types that nothing tells apart")
  func ambiguous() throws {
    func first() -> AnyObject {
      final class Twin { var value = 1 }
      return Twin()
    }
    func second() -> AnyObject {
      final class Twin { var value = 1 }
      return Twin()
    }
    func third() -> AnyObject {
      final class Single { var value = 1 }
      return Single()
    }
    _ = second()
    var table = TypeTable()
    let twin = try TypeCatalog().layout(ofInstancesOf: type(of: first()))
    do throws(ContainerError) {
      _ = try table.index(of: twin)
      Issue.record("the type was accepted")
    } catch {
      #expect(error.code == .unsupportedType)
    }
    #expect(table.count == 0)
    let single = try TypeCatalog().layout(ofInstancesOf: type(of: third()))
    #expect(try table.index(of: single) == 0)
  }

  /// Why there is a form of identity for these types: when a Swift finds them by name, it can go.
  @Test("finds constrained existentials by their shape, as Swift does not by their name")
  func constrained() throws {
    for type in [
      (any Gauge<Int>).self, [any Gauge<[String]>].self, [String: (any Gauge<Int>)?].self,
      (any Gauge<any Gauge<Int>>).self, (Int, any Gauge<Int>).self, Panel<any Gauge<Int>>.self,
      (any Gauge<Customer>).self, (any Sequence<Int>).self,
    ] as [Any.Type] {
      let name = try #require(_mangledTypeName(type))
      #expect(_typeByName(name).map { $0 == type } != true, "\(type) is found by its name")
      #expect(try resolvedFromBytes(type) == Metadata(type), "\(type)")
    }
    // As many arguments as the shape has, and a shape of the program.
    let identity = try TypeIdentity(of: Metadata((any Gauge<Int>).self))
    guard case .constrained(let shape, _) = identity else {
      Issue.record("\(identity)")
      return
    }
    let wrong: [TypeIdentity] = [
      .constrained(shape: shape, arguments: []),
      .constrained(shape: shape, arguments: [.mangled("Si"), .mangled("Si")]),
      .constrained(shape: shape + "x", arguments: [.mangled("Si")]),
      .constrained(shape: "", arguments: []),
    ]
    for wrong in wrong {
      guard case .missing = wrong.resolve() else {
        Issue.record("\(wrong) was found")
        continue
      }
    }
  }
}
