import Foundation
import SoftPMBase
import Testing
import TypesZoo

@testable import SoftPMTypes

private struct Local<Value> { var value: Value }

@Suite("A type's name from a store")
struct MangledNameTests {
  /// Names as compilers make them.
  private static let types: [Any.Type] = [
    Int.self, String.self, [String].self, [Int: [String]?].self, Set<Double>.self, Any.self,
    (Int, name: String).self, (() -> Void).self, ((Int) throws -> String)?.self, Any.Type.self,
    AnyObject.self, (any Error).self, InlineArray<3, Int>.self,
    Data.self, UUID?.self, URL.self, AnyHashable.self, Result<Int, any Error>.self,
    (any Hashable & Sendable).self, Unmanaged<NSObject>.self, ArraySlice<UInt8>.self,
    (@Sendable () async -> Void).self, Dictionary<String, Int>.Keys.self, ClosedRange<Int>.self,
    ((@convention(c) (Int) -> Int)).self, Zoo.self, Person.self, ToyContainer.Member.self,
    Task<Int, Never>.self, [[[[[Int?]]]]].self, KeyPath<Zoo, Int>.self, Never.self, Duration.self,
  ]

  @Test("passes as compilers make it")
  func compilersNames() throws {
    for type in Self.types {
      let name = try #require(_mangledTypeName(type))
      #expect(MangledNameFilter.accepts(name), "\(type): \(name)")
    }
  }

  @Test("passes for every type of the zoo, or has another form")
  func zooNames() throws {
    let container = ToyContainer()
    try container.discover(Zoo())
    _ = try container.image()
    #expect(container.table.records.count > 60)
    for record in container.table.records {
      if case .mangled(let name) = record.identity {
        #expect(MangledNameFilter.accepts(name), "\(name)")
      }
    }
  }

  @Test(
    "does not pass with addresses, other bytes, other entities, or cut identifiers",
    arguments: [
      "", "\u{01}abcdV", "\u{02}abcdV", "Si\u{0}", "4ma", "4mai-V", "4mainé", "99999999999a", "0",
      "s4main3fooyyF", "4main1xSivp", "Si ", "../../x", "$sSi!", "A", "S", "X", "Xz", "$", "$12",
      "$1234567890_", "S9999i", "A99B", "4main4Ty\u{7f}eV", "01", "0A", "00", "1_SiL", "iuW",
    ])
  func otherNames(_ name: String) {
    #expect(!MangledNameFilter.accepts(name))
  }

  @Test("does not pass where a short name stands for an enormous type")
  func enormousTypes() throws {
    var doubling = "SDySiSiG"
    for _ in 0..<40 { doubling = "SDy\(doubling)A_A_G" }
    #expect(!MangledNameFilter.accepts(doubling))
    #expect(!MangledNameFilter.accepts("Si" + String(repeating: "Sg", count: 500)))
    #expect(
      !MangledNameFilter.accepts(
        "\(String(repeating: "Say", count: 70))Si\(String(repeating: "G", count: 70))"))
    #expect(!MangledNameFilter.accepts(String(repeating: "1a", count: 600)))
    // Sizes that wrap around: 2^61 integers take 2^64 bytes, that is none.
    for count in [1 << 61, 1 << 60, Int.max, 1 << 40] {
      let identity = TypeIdentity.nominal(
        path: "Swift.InlineArray",
        fingerprint: try #require(Metadata(InlineArray<3, Int>.self).descriptor).fingerprint,
        levels: [2], arguments: [.integer(count), .mangled("Si")])
      guard case .found(let type) = identity.resolve() else { continue }
      let layout = TypeCatalog().valueLayout(of: type)
      guard case .form(let form) = layout.structure, form is FixedArrayForm else { continue }
      #expect(layout.size == count * 8, "\(count)")
    }
  }

  @Test("is stored as a tree where it does not pass, and finds its type again")
  func longNames() throws {
    typealias Eight<Value> = (Value, Value, Value, Value, Value, Value, Value, Value)
    typealias Deep = Local<Eight<Local<Eight<Local<[Int]>>>>>
    typealias Repeating = [Eight<Eight<Eight<ToyContainer.Member>>>]
    for type in [Deep.self, Repeating.self] as [Any.Type] {
      let identity = try TypeIdentity(of: Metadata(type))
      #expect(identity.resolve() == .found(Metadata(type)))
      var writer = ByteWriter()
      identity.encode(into: &writer)
      let bytes = writer.bytes
      let decoded = try bytes.withUnsafeBytes { raw in
        var reader = ByteReader(raw, of: "an identity")
        return try TypeIdentity(decoding: &reader)
      }
      #expect(decoded == identity)
    }
  }

  @Test("is found, or not, without harm, however it was changed: 20,000 names")
  func fuzz() throws {
    let names = Self.types.compactMap { _mangledTypeName($0) }
    let letters = Array("SAyGtmpVCOPcsg_XYBLE0123456789abcdeiDhaq$KdzlZFWv\u{1}\u{2}".utf8)
    var state: UInt64 = 11
    func random(_ bound: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int((state >> 33) % UInt64(bound))
    }
    var accepted = 0
    var found = 0
    for _ in 0..<20_000 {
      var bytes = Array(names[random(names.count)].utf8)
      for _ in 0...random(3) {
        let place = random(bytes.count + 1)
        switch random(5) {
        case 0 where place < bytes.count: bytes[place] = letters[random(letters.count)]
        case 1: bytes.insert(letters[random(letters.count)], at: place)
        case 2 where place < bytes.count: bytes.remove(at: place)
        case 3: bytes += names[random(names.count)].utf8
        default: bytes = Array(bytes[..<place]) + Array(names[random(names.count)].utf8)
        }
      }
      let name = String(decoding: bytes, as: UTF8.self)
      guard MangledNameFilter.accepts(name) else { continue }
      accepted += 1
      if case .found(let type) = TypeIdentity.mangled(name).resolve() {
        found += 1
        _ = TypeCatalog().valueLayout(of: type).size
      }
    }
    #expect(accepted > 5_000 && found > 500, "\(accepted) accepted, \(found) found")
  }
}
