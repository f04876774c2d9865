import CTypesProbe
import Foundation
import SoftPMBase
import Testing
import TypesZoo

@testable import SoftPMTypes

private protocol Measure<Unit> {
  associatedtype Unit
  var unit: Unit { get }
}
private struct Length: Measure { var unit = 1 }
private final class Node {
  var name = "node"
  var action: (() -> Void)?
  weak var other: Node?
}
private enum Step {
  case wait
  case run(label: String, () -> Void)
  indirect case then((next: Any, after: Int))
}
private final class Waiting {
  var continuation: CheckedContinuation<Int, Never>?
}

@Suite("Each kind that cannot be persisted is refused")
struct RefusedKindTests {
  private func refusal<Value>(_ value: Value) -> ContainerError? {
    do throws(ContainerError) {
      let container = ToyContainer()
      try container.discover(Holder(value))
      _ = try container.image()
      return nil
    } catch {
      return error
    }
  }

  @Test("C unions and bit-fields, alone or among other fields; other C structs are not")
  func unionsAndBitFields() {
    #expect(refusal(probe_plain(x: 1, y: 2, weights: (1, 2, 3))) == nil)
    for error in [
      refusal(probe_padded(small: 1, large: 2)), refusal(probe_union()), refusal(probe_bits()),
      refusal(probe_mixed()),
    ] {
      #expect(error?.code == .unsupportedType && error?.path == ".value", "\(error as Any)")
      #expect(error?.message.contains("reflection does not show") == true, "\(error as Any)")
    }
    #expect(refusal(probe_tagged())?.path == ".value.content")
    #expect(refusal([Optional(probe_union())])?.path == "[0]")
    #expect(refusal(probe_callback(callback: nil)) == nil, "nil is no code")
    #expect(refusal(probe_callback(callback: { _ in }))?.path == ".value.callback")
    #expect(refusal(pthread_mutex_t())?.path == ".value", "a lock")
    #expect(refusal((1, sem_t()))?.path == ".value.1", "a semaphore")
  }

  @Test("constrained existentials that nothing declares, with what to do instead")
  func constrainedArguments() {
    let measures: [any Measure<Int>] = [Length()]
    let error = refusal(measures)
    #expect(error?.code == .unsupportedType)
    #expect(error?.path == "", "the holder's own type")
    #expect(error?.message.contains("any P<T>") == true, "\(error as Any)")
  }

  @Test("continuations")
  func continuations() async {
    let waiting = Waiting()
    let number = await withCheckedContinuation { (continuation: CheckedContinuation<Int, Never>) in
      waiting.continuation = continuation
      let error = refusal(waiting)
      #expect(error?.code == .unsupportedType && error?.path == ".continuation")
      continuation.resume(returning: 5)
    }
    #expect(refusal(TaskLocal(wrappedValue: 1))?.path == ".value")
    waiting.continuation = nil
    #expect(refusal(waiting) == nil)
    #expect(number == 5)
  }

  @Test("objects that Foundation keeps in C")
  func foundationInC() {
    #expect(refusal(NSMutableString(string: "x"))?.path == ".value")
    #expect(refusal(NSNumber(value: 1))?.path == ".value")
    #expect(refusal(NSMutableArray())?.path == ".value")
    #expect(refusal(CharacterSet.letters)?.path == ".value")
    #expect(refusal(TimeZone(identifier: "Europe/Berlin"))?.path == ".value")
    #expect(refusal(NumberFormatter())?.path == ".value")
    #expect(refusal(FileHandle.standardInput)?.path == ".value")
  }

  @Test("with paths through labels, nested enums, boxes and weak neighbours")
  func paths() {
    let closure: () -> Void = {}
    #expect(refusal(Step.run(label: "x", closure))?.path == ".value.run.1")
    #expect(refusal(Step.then((closure, 1)))?.path == ".next")
    #expect(refusal([1: (Step.wait, Step.run(label: "", closure))])?.path == "[1].1.run.1")
    #expect(refusal((1, [closure as Any?]))?.path == "[0]")
    #expect(refusal(["k": ["l": closure]])?.path == "[\"l\"]")
    let node = Node()
    node.other = node
    #expect(refusal(node) == nil)
    node.action = closure
    #expect(refusal(node)?.path == ".action")
  }

  @Test("modules that were built without reflection metadata")
  func strippedModules() throws {
    let workshop = try Workshop()
    try workshop.write(
      """
      final class Root { var thing: Any = Stripped(); let last = 1 }
      struct Empty {}
      public enum Kind { case a, b(Int) }
      struct Stripped { var name = "x"; var kind = Kind.b(1); var node: Root? }
      @_cdecl("exhibition_make")
      public func make() -> UnsafeMutableRawPointer { Unmanaged.passRetained(Root()).toOpaque() }
      @_cdecl("exhibition_check")
      public func check(_ root: UnsafeMutableRawPointer) -> Int { 0 }
      """, to: "Stripped.swift")
    for options in [
      ["-disable-reflection-metadata"], ["-Xfrontend", "-reflection-metadata-for-debugger-only"],
    ] {
      try workshop.run(
        ["swiftc", "-module-name", "Shop", "-emit-library", "-parse-as-library"] + options
          + ["Stripped.swift", "-o", "stripped.so"])
      let (status, output) = try Program.run(
        "TypesWriter", [workshop.path("image"), workshop.path("stripped.so")])
      #expect(status == 1)
      #expect(output.hasPrefix("unsupportedType: "), "\(output)")
      #expect(output.contains("Shop.Root was built without reflection metadata"), "\(output)")
      #expect(output.contains("-disable-reflection-metadata"), "\(output)")
    }
  }
}
