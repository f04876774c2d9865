// Descriptions of properties by their names: bytes that a type owns, and rules that its other
// properties keep. For properties of any type, also of types that nobody but their module sees.

extension HiddenStorage {
  /// Bytes behind the pointer in the stored property `pointer`, of which the first `count` exist.
  ///
  /// The pointer is of type `UnsafeRawPointer?` or `UnsafeMutableRawPointer?`, and restored as nil
  /// where the count is 0. `count`, `capacity` and `firstIndex` are stored properties of type Int
  /// of the same type. Bytes beyond the count are not
  /// stored: a restored value has room for `count`, and its capacity says so. `firstIndex` is the
  /// index of the first byte for slices of these bytes (`slice(_:of:)`); without it, 0.
  public static func bytes(
    _ pointer: String, count: String, capacity: String? = nil, firstIndex: String? = nil
  ) -> HiddenStorage {
    HiddenStorage(
      part: .bytes(
        ByteProperties(
          pointer: pointer, count: count, capacity: capacity, firstIndex: firstIndex)))
  }

  /// A stored property that must be nil: what makes its value impossible to persist in other cases.
  ///
  /// A point that finds another value fails with `reason` and `remedy`, two sentences.
  public static func absent(
    _ property: String, otherwise reason: String, remedy: String
  ) -> HiddenStorage {
    HiddenStorage(part: .rule(property, .absent(Refusal(reason, remedy: remedy))))
  }

  /// A stored integer that code relies on being within limits, as the length of a fixed buffer.
  /// It is checked when it is restored, since a store may hold any number.
  public static func number(_ property: String, in limits: ClosedRange<Int>) -> HiddenStorage {
    HiddenStorage(part: .rule(property, .number(limits)))
  }

  /// A stored property that holds a range of indices of the bytes that `storage` owns, another
  /// stored property, which holds an object whose class describes them (`bytes`).
  ///
  /// The property is a `Range<Int>` or `Range<Int32>`, or an object whose only property is one.
  /// It is checked when it is restored, since a store may hold any numbers.
  public static func slice(_ property: String, of storage: String) -> HiddenStorage {
    HiddenStorage(part: .rule(property, .slice(storage: storage)))
  }
}

/// Which properties of a type tell about bytes that it owns.
struct ByteProperties: Sendable {
  var pointer: String
  var count: String
  var capacity: String?
  var firstIndex: String?

  var names: [String] { [pointer, count] + [capacity, firstIndex].compactMap { $0 } }
}

/// What a property's value must be.
enum PropertyRule: Sendable {
  case absent(Refusal)
  case number(ClosedRange<Int>)
  case slice(storage: String)
}
