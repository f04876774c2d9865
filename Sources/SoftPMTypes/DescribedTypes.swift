// Descriptions of types that cannot conform to `PersistentLayout` themselves, by name; among them
// Foundation's Data, which is described here and nowhere else.
//
//      Data              one enum of four cases
//      .empty
//      .inline           InlineData    14 bytes, length
//      .slice            InlineSlice   32-bit range, storage
//      .large            LargeSlice    an object with a range, storage
//      __DataStorage     pointer, length, capacity, index of the first byte, who frees the bytes
//
// 1. A description counts for containers that are opened after it was given.
// 2. What is described by name is described before the class's module is looked at: a class of the
//    system's libraries that is described here is followed, all others are refused.

import Synchronization

/// Descriptions of types of other modules.
///
/// A type describes its hidden storage by conforming to ``PersistentLayout``. A type that is
/// internal to somebody else's module cannot be made to; it is described by its name:
///
/// ```swift
/// DescribedTypes.describe("Imaging.PixelStore", [.bytes("base", count: "length")])
/// ```
///
/// The library itself describes Foundation's `Data` in this way.
public enum DescribedTypes {
  /// Tells what reflection does not show of the type with this name: module, enclosing types and
  /// type, without generic arguments. Call it before a store is opened; for containers that are
  /// open already it changes nothing. The last description of a name counts.
  ///
  /// The library believes what is said here, as it believes a type's own `hiddenStorage`.
  public static func describe(_ name: String, _ hiddenStorage: [HiddenStorage]) {
    registry.withLock { $0[name] = hiddenStorage }
  }

  /// Nil for a type that nobody described by name.
  static func description(of descriptor: TypeDescriptor) -> [HiddenStorage]? {
    registry.withLock { $0[descriptor.path] }
  }

  private static let registry = Mutex(foundation("Foundation", "FoundationEssentials"))

  private static func foundation(_ modules: String...) -> [String: [HiddenStorage]] {
    var types: [String: [HiddenStorage]] = [:]
    for module in modules {
      types["\(module).__DataStorage"] = [
        .bytes("_bytes", count: "_length", capacity: "_capacity", firstIndex: "_offset"),
        .absent(
          "_deallocator", otherwise: "This Data's bytes belong to someone else, who frees them.",
          remedy: "Store a copy: Data([UInt8](data))."),
      ]
      types["\(module).Data.InlineData"] = [.number("length", in: 0...14)]
      types["\(module).Data.InlineSlice"] = [.slice("slice", of: "storage")]
      types["\(module).Data.LargeSlice"] = [.slice("slice", of: "storage")]
    }
    return types
  }
}
