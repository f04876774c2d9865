import Containers
import Foundation
import SoftPMTesting
import Testing

// No property is of the type `any Scale<Int>`: only roots are.
private protocol Scale<Unit> {
  associatedtype Unit
  var weight: Unit { get }
}
private struct Pan: Scale {
  var weight: Int
  var label = "a pan whose label is too long to be inline"
}
private final class Bridge: Scale {
  var weight = 40_000
}

@Suite("A container's root")
struct RootTypeTests {
  private func roundTrip<Root>(
    _ name: String, _ make: @autoclosure () -> Root, _ check: (Root) -> Void
  ) throws {
    let folder = try ScratchFolder()
    let path = folder.path("root.softpm")
    let store = try Store.open(path)
    let made = try store.container(name, initial: make())
    try made.persistAndWait()
    try store.close()
    let again = try Store.open(path)
    let found = try again.container(name, initial: make())
    found.read(check)
    #expect(found.version != nil)
    try again.close()
  }

  @Test("may be of constrained existentials, alone, in collections and within each other")
  func constrained() throws {
    try roundTrip("one", Pan(weight: 5) as any Scale<Int>) { #expect($0.weight == 5) }
    try roundTrip("many", [Pan(weight: 5), Bridge()] as [any Scale<Int>]) {
      #expect($0[0].weight == 5 && $0[1].weight == 40_000)
      #expect(($0[0] as? Pan)?.label.hasPrefix("a pan") == true)
    }
    try roundTrip("keyed", ["a": [Pan(weight: 7)]] as [String: [any Scale<Int>]]) {
      #expect($0["a"]?[0].weight == 7)
    }
    try roundTrip("maybe", (1, [nil, Bridge()] as [(any Scale<Int>)?])) {
      #expect($0.1[1]?.weight == 40_000 && $0.1[0] == nil)
    }
  }
}
