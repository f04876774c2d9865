import SoftPMBase
import Testing
import TypesZoo

@testable import SoftPMTypes

private protocol Gauge<Unit> {
  associatedtype Unit
  var unit: Unit { get }
}
private protocol Keyed<Key, Content>: AnyObject {
  associatedtype Key: Hashable
  associatedtype Content: Sequence
}
private protocol Bound<Item>: AnyObject {
  associatedtype Item
  var item: Item { get }
}
private struct Reading<Unit>: Gauge { var unit: Unit }
private class Base {
  var number = 1
}
private final class Derived: Base, Bound { var item: Int { 2 } }
private typealias BaseAndBound = Base & Bound<Int>
private final class Stranger: Bound { var item: Int { 3 } }

// What is declared here is found again by its name; nothing else declares it.
private struct Declared<Unit> {
  var gauge: (any Gauge<Unit>)?
  var type: any Gauge<Unit>.Type
  var keyed: (any Keyed<Unit, [Unit]>.Type)?
  var bound: (any (Base & Bound<Unit>).Type)?
  var both: any Base & Bound<Unit>
}
private struct Readings {
  var text: any Gauge<String>
  var number: any Gauge<Int>
}
private struct ReadingTypes {
  var text: any Gauge<String>.Type
  var number: any Gauge<Int>.Type
}
private struct Objects {
  var both: any Base & Bound<Int>
  var bound: any Bound<Int>
  var type: any (Base & Bound<Int>).Type
  var other: any Bound<Int>.Type
}
/// What Swift itself gets wrong, or this version does not know.
private final class Doubled { var type: (any Gauge<Int>.Type.Type)? = Reading<Int>.Type.self }
private class Conforming: Bound { var item: Int { 1 } }
private final class ClassAndItsProtocol {
  var name = "one"
  var both: any Conforming & Bound<Int> = Conforming()
}
private final class Handler {
  var name = "handler"
  var onGauge: ((any Gauge<Int>.Type) -> Void)?
}

@Suite("A constrained existential, or its metatype")
struct ConstrainedTests {
  @Test("is found again, alone and within other types, and named as Swift would write it")
  func found() throws {
    let gauge = "any SoftPMTypesTests.Gauge<Swift.Int>"
    let names: [(any Any.Type, String)] = [
      ((any Gauge<Int>).self, gauge),
      ((any Gauge<Int>.Type).self, gauge + ".Type"),
      ((any Gauge<Int>).Type.self, "(\(gauge)).Type"),
      ([any Gauge<Int>.Type].self, "Swift.Array<\(gauge).Type>"),
      (
        [String: (any Gauge<Int>.Type)?].self,
        "Swift.Dictionary<Swift.String, Swift.Optional<\(gauge).Type>>"
      ),
      ((Int, type: any Gauge<Int>.Type).self, "(Swift.Int, type: \(gauge).Type)"),
      (
        (any Gauge<any Gauge<Int>.Type>.Type).self, "any SoftPMTypesTests.Gauge<\(gauge).Type>.Type"
      ),
      (
        (any Keyed<Int, [Int]>.Type).self,
        "any SoftPMTypesTests.Keyed<Swift.Int, Swift.Array<Swift.Int>>.Type"
      ),
      (
        (any BaseAndBound.Type).self,
        "any (SoftPMTypesTests.Base & SoftPMTypesTests.Bound<Swift.Int>).Type"
      ),
      (
        (any BaseAndBound).self,
        "any SoftPMTypesTests.Base & SoftPMTypesTests.Bound<Swift.Int>"
      ),
      ((any Sequence<Int>).self, "any Swift.Sequence<Swift.Int>"),
      (Declared<any Gauge<Int>.Type>.self, "SoftPMTypesTests.Declared<\(gauge).Type>"),
      (InlineArray<2, any Gauge<Int>.Type>.self, "Swift.InlineArray<2, \(gauge).Type>"),
    ]
    for (type, name) in names {
      #expect(displayName(Metadata(type)) == name)
      #expect(try resolvedFromBytes(type) == Metadata(type), "\(name)")
      #expect(shownName(type) == name)
    }
    #expect(shownName(Int?.self) == "Optional<Int>")
  }

  /// An image in which two words have changed places.
  private func swapped(
    _ value: some Any, _ first: Int, _ second: Int
  ) throws -> (original: ToyContainer.Stored, forged: ToyContainer.Stored) {
    let holder = Holder(value)
    let container = ToyContainer()
    try container.discover(holder)
    let original = try container.stored()
    withExtendedLifetime(holder) {}
    var forged = original
    let start = original.cells[0].offset + 16
    for offset in 0..<8 {
      forged.bytes.swapAt(start + first + offset, start + second + offset)
    }
    return (original, forged)
  }

  private func error<Value>(restoring stored: ToyContainer.Stored, as: Value.Type)
    -> ContainerError?
  {
    do throws(ContainerError) {
      let _: Holder<Value> = try ToyContainer.restore(stored, isUntrusted: true)
      return nil
    } catch {
      return error
    }
  }

  @Test("is refused when restored with what conforms, but to something else, or is no subclass")
  func forged() throws {
    let readings = try swapped(Readings(text: Reading(unit: "t"), number: Reading(unit: 5)), 24, 64)
    #expect(error(restoring: readings.original, as: Readings.self) == nil)
    let typeError = error(restoring: readings.forged, as: Readings.self)
    #expect(
      typeError?.message.contains("any SoftPMTypesTests.Gauge<") == true, "\(typeError as Any)")
    let types = try swapped(
      ReadingTypes(text: Reading<String>.self, number: Reading<Int>.self), 0, 16)
    #expect(error(restoring: types.original, as: ReadingTypes.self) == nil)
    #expect(error(restoring: types.forged, as: ReadingTypes.self) != nil)
    let objects = Objects(
      both: Derived(), bound: Stranger(), type: Derived.self, other: Stranger.self)
    for (first, second) in [(0, 16), (32, 48)] {
      let images = try swapped(objects, first, second)
      #expect(error(restoring: images.original, as: Objects.self) == nil)
      #expect(error(restoring: images.forged, as: Objects.self) != nil, "\(first)")
    }
  }

  private func refusal(_ root: AnyObject) -> ContainerError? {
    do throws(ContainerError) {
      let container = ToyContainer()
      try container.discover(root)
      _ = try container.image()
      return nil
    } catch {
      return error
    }
  }

  @Test("is refused by name where Swift has it wrong, or nothing declares it, with its path")
  func refused() {
    let doubled = refusal(Doubled())
    #expect(doubled?.path == ".type" && doubled?.code == .unsupportedType)
    #expect(
      doubled?.message.hasSuffix("or make the property optional and exclude it from persistence.")
        == true)
    let both = refusal(ClassAndItsProtocol())
    #expect(both?.path == ".both" && both?.code == .unsupportedType, "\(both as Any)")
    // Nothing in Swift's metadata says which protocol that is.
    let written = "any SoftPMTypesTests.Conforming & _<Swift.Int>"
    #expect(
      both?.message.hasPrefix("Swift's own metadata of \(written) says a wrong size.") == true,
      "\(both as Any)")
    let handler = Handler()
    #expect(refusal(handler) == nil, "a nil closure harms nobody")
    handler.onGauge = { _ in }
    let closure = refusal(handler)
    #expect(closure?.path == ".onGauge")
    #expect(
      closure?.message.contains("(any SoftPMTypesTests.Gauge<Swift.Int>.Type) -> ()") == true,
      "\(closure as Any)")
  }

  @Test("is found when its private protocol stands in another file than it did")
  func movedProtocol() throws {
    guard
      case .constrained(let name, let arguments) = try TypeIdentity(
        of: Metadata((any Gauge<Int>).self))
    else {
      Issue.record("another identity")
      return
    }
    let discriminator = try #require(name.firstMatch(of: /_[0-9A-F]{32}/)?.output)
    func resolve(_ name: String) -> TypeIdentity.Resolution {
      TypeIdentity.constrained(shape: name, arguments: arguments).resolve()
    }
    let elsewhere = name.replacing(discriminator, with: "_" + String(repeating: "0", count: 32))
    // Several files of these tests have a protocol of that name.
    #expect(resolve(name) == .found(Metadata((any Gauge<Int>).self)))
    #expect(resolve(elsewhere) == .ambiguous(elsewhere))
    guard
      case .constrained(let single, let types) = try TypeIdentity(
        of: Metadata((any Keyed<Int, [Int]>.Type).self))
    else {
      Issue.record("another identity")
      return
    }
    let moved = single.replacing(discriminator, with: "_" + String(repeating: "0", count: 32))
    #expect(moved != single)
    #expect(
      TypeIdentity.constrained(shape: moved, arguments: types).resolve()
        == .found(Metadata((any Keyed<Int, [Int]>.Type).self)))
  }

  private protocol Undeclared<Unit> { associatedtype Unit }
  private struct Unknown: Undeclared { typealias Unit = Int }
  private final class Thing {
    var name = "thing"
    var things: [Any] = []
    var type: Any.Type = Int.self
  }

  @Test("that nothing declares is refused by the path to the value, with what to do")
  func undeclared() {
    let thing = Thing()
    thing.type = (any Undeclared<Int>.Type).self
    var error = refusal(thing)
    #expect(error?.path == ".type" && error?.code == .unsupportedType)
    #expect(error?.message.contains("Undeclared<Swift.Int>.Type") == true, "\(error as Any)")
    #expect(error?.message.contains("must be the type of a property") == true)
    thing.type = Int.self
    thing.things = [1, [Unknown.self] as [any Undeclared<Int>.Type]]
    error = refusal(thing)
    #expect(error?.path == "[1]" && error?.code == .unsupportedType, "\(error as Any)")
  }
}
