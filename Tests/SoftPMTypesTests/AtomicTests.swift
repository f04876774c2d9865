import SoftPMBase
import Synchronization
import Testing
import TypesZoo

@testable import SoftPMTypes

/// Each kind of value that an Atomic may have.
private final class Counter<Value: AtomicRepresentable>: PersistentLayout {
  let before = 1
  let value: Atomic<Value>
  let after = 2
  init(_ value: consuming Value) { self.value = Atomic(value) }
  static var hiddenStorage: [HiddenStorage] { [.atomic("value", of: Value.self)] }
}
private enum Phase: Int, AtomicRepresentable {
  case one = 1
  case two
}
private enum Letter: UInt8, AtomicRepresentable { case a, b }
private final class Target {}

@Suite("A described Atomic")
struct AtomicTests {
  private func through<Value>(_ counter: Counter<Value>) throws -> Counter<Value> {
    let container = ToyContainer()
    try container.discover(counter)
    let back: Counter<Value> = try ToyContainer.restore(try container.stored(), isUntrusted: true)
    #expect(back.before == 1 && back.after == 2, "\(Value.self)")
    return back
  }

  @Test("of every integer type, Float, Double and Bool comes back with its value")
  func numbers() throws {
    #expect(try through(Counter(Int.min)).value.load(ordering: .relaxed) == .min)
    #expect(try through(Counter(Int8.min)).value.load(ordering: .relaxed) == .min)
    #expect(try through(Counter(Int16.min)).value.load(ordering: .relaxed) == .min)
    #expect(try through(Counter(Int32.min)).value.load(ordering: .relaxed) == .min)
    #expect(try through(Counter(Int64.min)).value.load(ordering: .relaxed) == .min)
    #expect(try through(Counter(UInt.max)).value.load(ordering: .relaxed) == .max)
    #expect(try through(Counter(UInt8.max)).value.load(ordering: .relaxed) == .max)
    #expect(try through(Counter(UInt16.max)).value.load(ordering: .relaxed) == .max)
    #expect(try through(Counter(UInt32.max)).value.load(ordering: .relaxed) == .max)
    #expect(try through(Counter(UInt64.max)).value.load(ordering: .relaxed) == .max)
    #expect(try through(Counter(Float(-1.5))).value.load(ordering: .relaxed) == -1.5)
    #expect(try through(Counter(2.25)).value.load(ordering: .relaxed) == 2.25)
    #expect(try through(Counter(true)).value.load(ordering: .relaxed))
  }

  @Test("of anything else is refused by its name, with the path of the property")
  func others() {
    func check<Value>(_ counter: Counter<Value>, _ name: String) {
      do throws(ContainerError) {
        try ToyContainer().discover(Holder(counter))
        Issue.record("an Atomic of \(name) was accepted")
      } catch {
        #expect(error.code == .unsupportedType && error.path?.hasSuffix(".value") == true)
        #expect(error.message.contains("a number or Bool, not \(name)"), "\(error)")
        #expect(error.message.contains("Correct the description"))
      }
    }
    let target = Target()
    check(Counter(Phase.two), "Phase")
    check(Counter(Letter.b), "Letter")
    check(Counter(ObjectIdentifier(target)), "ObjectIdentifier")
    check(Counter<ObjectIdentifier?>(nil), "Optional<ObjectIdentifier>")
    check(Counter(Unmanaged.passUnretained(target)), "Unmanaged<Target>")
    check(Counter<Unmanaged<Target>?>(nil), "Optional<Unmanaged<Target>>")
    check(Counter<UnsafeRawPointer?>(nil), "Optional<UnsafeRawPointer>")
    check(Counter<UnsafeMutablePointer<Int>?>(nil), "Optional<UnsafeMutablePointer<Int>>")
    check(Counter<OpaquePointer?>(nil), "Optional<OpaquePointer>")
    check(Counter(Duration.seconds(1)), "Duration")
    check(Counter(WordPair(first: 1, second: 2)), "WordPair")
    withExtendedLifetime(target) {}
  }
}
