import Foundation
import Testing

/// A module that is changed and compiled again between writing and reading a graph.
@Suite("After a module was changed and rebuilt")
struct RebuiltModuleTests {
  private static let original = """
    public struct Address { var street = "s"; var number: Int32 = 2 }
    public enum Kind { case new, regular(since: Int), former }
    private struct Secret: Hashable { var code = 1 }
    open class Person { var name = "n"; var age = 1 }
    public final class Customer: Person {
      var kind = Kind.former
      var address = Address()
      private var secrets: [Secret: Int] = [Secret(): 1]
      var rating: (any Comparable)? = Score()
      var mark: any Marked<Int> = makeMark()
    }
    protocol Marked<Mark> { associatedtype Mark; var mark: Mark { get } }
    struct Stars: Marked { var count = 5; var mark: Int { count } }
    struct Other: Marked { var mark: Int { 1 } }
    func makeMark() -> any Marked<Int> { Stars() }
    struct Score: Comparable {
      var points = 5
      static func < (left: Score, right: Score) -> Bool { left.points < right.points }
    }
    """
  private static let entry = """

    @_cdecl("exhibition_make")
    public func make() -> UnsafeMutableRawPointer { Unmanaged.passRetained(Customer()).toOpaque() }
    @_cdecl("exhibition_check")
    public func check(_ root: UnsafeMutableRawPointer) -> Int {
      let any = Unmanaged<AnyObject>.fromOpaque(root).takeUnretainedValue()
      guard let customer = any as? Customer, customer.name == "n", customer.age == 1 else { return 1 }
      return 0
    }
    """

  /// A change of the source, and what the error says about it; nil where nothing stored changed.
  private struct Change {
    var from: String
    var to: String
    var and: (from: String, to: String)?
    var says: [String]?
  }

  private static let changes = [
    Change(from: "public struct Address", to: "struct AAA { var x = 1 }\npublic struct Address"),
    Change(from: "var street", to: "static let shared = 5; var computed: Int { 1 }; var street"),
    Change(
      from: "var age = 1", to: "var age = 1; var email = \"\"",
      says: ["typeChanged", "`email` of Shop.Customer", "added, of type Swift.String"]),
    Change(
      from: "var number: Int32 = 2", to: "",
      says: ["typeChanged", "`number` of Shop.Address", "of type Swift.Int32", "removed"]),
    Change(
      from: "var name = \"n\"; var age = 1", to: "var age = 1; var name = \"n\"",
      says: ["typeChanged", "`name` of Shop.Customer", "moved"]),
    Change(
      from: "var number: Int32 = 2", to: "var number: Int64 = 2",
      says: ["typeChanged", "`number` of Shop.Address", "Swift.Int32", "Swift.Int64"]),
    Change(
      from: "case new, regular", to: "case new, unknown, regular",
      says: ["typeChanged", "`unknown` of Shop.Kind", "an added case"]),
    Change(
      from: "new, regular", to: "regular",
      says: ["typeChanged", "`new` of Shop.Kind", "removed"]),
    Change(
      from: "regular(since: Int)", to: "regular(since: String)",
      says: ["typeChanged", "`regular` of Shop.Kind", "Swift.Int", "Swift.String"]),
    Change(from: "= Kind.former", to: "= Kind.new"),
    // It conforms as before, and its bytes are as before, but it is no `any Marked<Int>` any more.
    Change(
      from: "var mark: Int { count } }", to: "var mark: String { \"\\(count)\" } }",
      and: ("{ Stars() }", "{ Other() }"),
      says: ["typeChanged", "Shop.Stars", "any Shop.Marked<Swift.Int>"]),
    Change(
      from: "Score", to: "Mark", says: ["typeMissing", "Shop.Score"]),
    Change(
      from: "Secret", to: "Hidden", says: ["Shop", "Secret"]),
  ]

  @Test("a graph is restored where nothing stored changed, else the error says exactly what did")
  func changes() throws {
    let workshop = try Workshop()
    func build(_ source: String, _ name: String) throws {
      try workshop.write(source + Self.entry, to: "Shop.swift")
      try workshop.run([
        "swiftc", "-Onone", "-module-name", "Shop", "-emit-library", "-parse-as-library",
        "Shop.swift", "-o", name,
      ])
    }
    try build(Self.original, "original.so")
    let image = workshop.path("image")
    let (written, problem) = try Program.run("TypesWriter", [image, workshop.path("original.so")])
    #expect(written == 0, "\(problem)")
    for change in Self.changes {
      var source = Self.original.replacingOccurrences(of: change.from, with: change.to)
      if let more = change.and {
        source = source.replacingOccurrences(of: more.from, with: more.to)
      }
      try #require(source != Self.original, "\(change.from)")
      try build(source, "changed.so")
      let (status, output) = try Program.run(
        "TypesReader", [image, workshop.path("changed.so")])
      guard let says = change.says else {
        #expect(status == 0, "\(change.to): \(output)")
        continue
      }
      #expect(status == 1, "\(change.to)")
      for part in says { #expect(output.contains(part), "\(change.to): \(output)") }
    }
  }
}
