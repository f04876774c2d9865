import Foundation
import SoftPMBase
import Testing
import TypesZoo

@testable import SoftPMTypes

// Bytes as somebody else's module might keep them. Nothing here conforms to anything.
final class PixelStore {
  var base: UnsafeMutableRawPointer?
  var length: Int
  var room: Int
  var first: Int
  var onRelease: ((UnsafeMutableRawPointer) -> Void)?
  let mark = 7

  init(_ bytes: [UInt8], room: Int = 0, first: Int = 0) {
    length = bytes.count
    self.room = max(room, bytes.count)
    self.first = first
    guard self.room > 0 else { return }
    base = .allocate(byteCount: self.room, alignment: 16)
    base?.initializeMemory(as: UInt8.self, repeating: 0xee, count: self.room)
    base?.copyMemory(from: bytes, byteCount: bytes.count)
  }

  var bytes: [UInt8] {
    [UInt8](UnsafeRawBufferPointer(start: UnsafeRawPointer(base), count: length))
  }
}
final class PixelRange {
  var range: Range<Int>
  init(_ range: Range<Int>) { self.range = range }
}
struct PixelSlice {
  var range: Range<Int32>
  var store: PixelStore
}
struct PixelPart {
  var range: PixelRange
  var store: PixelStore
}
struct PixelTag {
  var letters: (UInt8, UInt8, UInt8) = (1, 2, 3)
  var count: UInt8 = 3
}
enum Picture {
  case none
  case tag(PixelTag)
  case slice(PixelSlice)
  case part(PixelPart)
}

// Mistakes.
final class NoSuchProperty {
  var base: UnsafeMutableRawPointer?
  var length = 0
}
final class TypedPointer {
  var base: UnsafeMutablePointer<Int>?
  var length = 0
}
struct NoStorage {
  var range = 0..<1
  var store = ""
}
struct NoNumber { var count = "" }
final class NoOptional { var value = 1 }

private enum Descriptions {
  static let given: Void = {
    DescribedTypes.describe(
      "SoftPMTypesTests.PixelStore",
      [
        .bytes("base", count: "length", capacity: "room", firstIndex: "first"),
        .absent("onRelease", otherwise: "These pixels are borrowed.", remedy: "Copy them."),
      ])
    DescribedTypes.describe("SoftPMTypesTests.PixelSlice", [.slice("range", of: "store")])
    DescribedTypes.describe("SoftPMTypesTests.PixelPart", [.slice("range", of: "store")])
    DescribedTypes.describe("SoftPMTypesTests.PixelTag", [.number("count", in: 0...3)])
    DescribedTypes.describe(
      "SoftPMTypesTests.NoSuchProperty", [.bytes("base", count: "size")])
    DescribedTypes.describe("SoftPMTypesTests.TypedPointer", [.bytes("base", count: "length")])
    DescribedTypes.describe("SoftPMTypesTests.NoStorage", [.slice("range", of: "store")])
    DescribedTypes.describe("SoftPMTypesTests.NoNumber", [.number("count", in: 0...3)])
    DescribedTypes.describe(
      "SoftPMTypesTests.NoOptional", [.absent("value", otherwise: "No.", remedy: "No.")])
  }()
}

private func refusal(_ root: AnyObject) -> ContainerError? {
  do throws(ContainerError) {
    try ToyContainer().discover(root)
    return nil
  } catch {
    return error
  }
}

@Suite("A type that is described by its name")
struct DescribedByNameTests {
  init() { Descriptions.given }

  @Test("has its bytes found, stored and restored, shared where they were shared")
  func bytes() throws {
    let store = PixelStore([1, 2, 3, 4, 5], room: 64, first: 10)
    let root = Holder<[Picture]>([
      .slice(PixelSlice(range: 11..<14, store: store)), .none, .tag(PixelTag()),
      .part(PixelPart(range: PixelRange(10..<15), store: store)),
      .part(PixelPart(range: PixelRange(0..<0), store: PixelStore([], room: 8))),
    ])
    let container = ToyContainer()
    try container.discover(root)
    let back: Holder<[Picture]> = try ToyContainer.restore(
      try container.stored(), isUntrusted: true)
    guard case .slice(let slice) = back.value[0], case .none = back.value[1],
      case .tag(let tag) = back.value[2], case .part(let part) = back.value[3],
      case .part(let empty) = back.value[4]
    else {
      Issue.record("other cases")
      return
    }
    #expect(slice.store === part.store && slice.store.bytes == [1, 2, 3, 4, 5])
    #expect(slice.range == 11..<14 && part.range.range == 10..<15 && tag.count == 3)
    #expect(slice.store.room == 5 && slice.store.first == 10 && slice.store.mark == 7)
    #expect(empty.store.base == nil && empty.store.bytes == [] && empty.store.room == 0)
  }

  @Test("stores no byte beyond the count")
  func spareCapacity() throws {
    func image(_ store: PixelStore) throws -> [UInt8] {
      let container = ToyContainer()
      try container.discover(store)
      return try container.image()
    }
    let exact = try image(PixelStore([1, 2, 3]))
    #expect(try exact == image(PixelStore([1, 2, 3], room: 4_000)))
    #expect(!exact.contains(0xee))
  }

  @Test("is refused in its own words for what cannot be persisted")
  func absent() {
    let store = PixelStore([1])
    store.onRelease = { _ in }
    let error = refusal(Holder(store))
    #expect(error?.path == ".onRelease" && error?.code == .unsupportedType)
    #expect(error?.message == "These pixels are borrowed. Copy them.")
    store.onRelease = nil
    #expect(refusal(Holder(store)) == nil)
    store.length = -1
    #expect(refusal(Holder(store))?.code == .concurrentMutation)
    store.length = 1
  }

  @Test("is refused where the description cannot be true")
  func mistakes() {
    func message(_ root: AnyObject) -> String { refusal(root)?.message ?? "accepted" }
    #expect(message(NoSuchProperty()).contains("it has no property `size`"))
    #expect(message(TypedPointer()).contains("UnsafeMutableRawPointer?"))
    #expect(message(Holder(NoStorage())).contains("`store` is not an object"))
    #expect(message(Holder(NoNumber())).contains("`count` is not an integer"))
    #expect(message(NoOptional()).contains("`value` is not an Optional"))
  }

  @Test("is refused with numbers that nobody wrote")
  func hostileNumbers() throws {
    func expectRefusal(
      of picture: Picture, _ type: String, at offset: Int, _ values: [Int], width: Int = 8
    ) throws {
      let container = ToyContainer()
      try container.discover(Holder([picture]))
      let stored = try container.stored()
      let _: Holder<[Picture]> = try ToyContainer.restore(stored, isUntrusted: true)
      let cell = try #require(container.members.first { $0.layout.typeName.contains(type) })
      for value in values {
        var changed = stored
        changed.bytes.withUnsafeMutableBytes { bytes in
          withUnsafeBytes(of: value) { raw in
            for index in 0..<width { bytes[cell.offset + offset + index] = raw[index] }
          }
        }
        do throws(ContainerError) {
          let _: Holder<[Picture]> = try ToyContainer.restore(changed, isUntrusted: true)
          Issue.record("\(value) at \(offset) of \(type) was accepted")
        } catch {
          #expect(error.code == .corrupt, "\(value) at \(offset) of \(type): \(error)")
        }
      }
    }
    func part(_ range: Range<Int>) -> Picture {
      .part(PixelPart(range: PixelRange(range), store: PixelStore([1, 2, 3, 4], first: 2)))
    }
    func slice() -> Picture {
      .slice(PixelSlice(range: 3..<5, store: PixelStore([1, 2, 3, 4], first: 2)))
    }
    let wrong = [-1, Int.min, 1 << 40, Int.max]
    // 24 length, 32 room, 40 first; 16 and 24 bounds; elements of an array from 32 on.
    for offset in [24, 32] {
      try expectRefusal(of: part(2..<6), "PixelStore", at: offset, wrong + [3, 5])
    }
    try expectRefusal(of: part(2..<6), "PixelStore", at: 40, wrong + [1, 3])
    try expectRefusal(of: part(2..<6), "PixelRange", at: 16, wrong + [1, 7])
    try expectRefusal(of: part(2..<6), "PixelRange", at: 24, wrong + [1, 7])
    try expectRefusal(of: slice(), "ArrayStorage<", at: 32, [1, 6, Int(UInt32.max)], width: 4)
    try expectRefusal(of: slice(), "ArrayStorage<", at: 36, [2, 7, Int(Int32.max)], width: 4)
    try expectRefusal(of: .tag(PixelTag()), "ArrayStorage<", at: 35, [4, 255], width: 1)
  }

  @Test("may be Foundation's Data, whose description is in the store like any other")
  func data() throws {
    var table = TypeTable()
    let root = Holder(Data(repeating: 7, count: 100))
    let container = ToyContainer()
    try container.discover(root)
    for member in container.members where !member.layout.isRaw {
      _ = try table.index(of: member.layout)
    }
    let storage = try #require(
      table.records.first { $0.name.contains("__DataStorage") && $0.kind == .instance })
    #expect(storage.fields.contains { $0.name.hasPrefix("bytes of _bytes, count 8 from it") })
    let slice = try #require(table.records.first { $0.name.hasSuffix("InlineSlice") })
    #expect(slice.fields.contains { $0.name == "slice: slice of storage" })
    // Nothing else knows it: without these words it is refused as any class of the kind is.
    let described = try #require(Metadata(Data.self).descriptor)
    #expect(KnownTypes.layout(of: Metadata(Data.self), described, TypeCatalog()) == nil)
  }
}
