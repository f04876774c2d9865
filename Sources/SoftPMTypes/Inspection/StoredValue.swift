// What a reader without the program finds at a place of a stored version.

import SoftPMBase

/// Where a value lies, and of which type it is.
package struct StoredPlace: Sendable {
  package let cell: StoredCell
  package internal(set) var offset: Int
  package let type: UInt32
  let ownership: Ownership
  var reach = FieldReach.direct

  init(_ cell: StoredCell, _ offset: Int, _ type: UInt32, _ ownership: Ownership = .strong) {
    self.cell = cell
    self.offset = offset
    self.type = type
    self.ownership = ownership
  }
}

/// A field, an element's index or a key, and the place it leads to.
package struct StoredPart: Sendable {
  package let name: String
  package let place: StoredPlace
  /// Not shown in paths.
  package let isTransparent: Bool
}

/// A class instance.
package struct StoredObject: Sendable {
  package let home: ArenaAddress
  package let type: UInt32
  package let cell: StoredCell
  package let ownership: Ownership
  package var isStrong: Bool { ownership == .strong }
}

package struct StoredArray: Sendable {
  package let count: Int
  /// The object that holds the elements; nil for an empty array or inline elements.
  package let storage: ArenaAddress?
  private let cell: StoredCell
  let first: Int
  let stride: Int
  private let element: UInt32
  /// A ring goes on at its first place after the last.
  private let start: Int
  private let capacity: Int

  init(
    count: Int, storage: ArenaAddress?, cell: StoredCell, first: Int, stride: Int, element: UInt32,
    start: Int = 0, capacity: Int = .max
  ) {
    self.start = start
    self.capacity = capacity
    self.count = count
    self.storage = storage
    self.cell = cell
    self.first = first
    self.stride = stride
    self.element = element
  }

  package subscript(index: Int) -> StoredPlace {
    precondition(index >= 0 && index < count)
    let place = start + index
    return StoredPlace(
      cell, first + (place < capacity ? place : place - capacity) * stride, element)
  }

  func prefix(from index: Int, count: Int) -> StoredArray {
    StoredArray(
      count: count, storage: storage, cell: cell, first: first + index * stride, stride: stride,
      element: element)
  }

  /// Elements without bytes hold nothing, however many there are.
  package var hasContent: Bool { stride > 0 }
}

/// A dictionary or set: its occupied buckets.
package struct StoredTable: Sendable {
  package let storage: ArenaAddress?
  package let entries: [(key: StoredPlace, value: StoredPlace?)]
  package let isDictionary: Bool
}

package enum StoredLeaf: Sendable, Equatable {
  case integer(String)
  case float(String, isFinite: Bool)
  case flag(Bool)
  case string(String)
  case scalar(Unicode.Scalar)
  /// An enum's case without payload.
  case simpleCase(String)
  case data([UInt8])
  /// Seconds since 1970.
  case date(Double)
  case uuid(String)
  case url(String)
  case type(String)
  /// An unowned reference to what died or was never stored.
  case dead
}

package enum StoredValue: Sendable {
  case leaf(StoredLeaf)
  /// An optional's nil, a weak reference to nobody, a pointer.
  case none
  case record(type: UInt32, parts: [StoredPart])
  case payload(type: UInt32, name: String, place: StoredPlace)
  case object(StoredObject)
  case array(StoredArray)
  case table(StoredTable)
  /// Part of running, not of the state.
  case hidden
  /// Only the program knows.
  case opaque(type: UInt32)
}
