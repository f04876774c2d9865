import SoftPMBase
import SoftPMTypes

/// The entries of two tables, matched by their keys, whatever the order and seed of each.
struct TableMatch {
  typealias Entry = (key: StoredPlace, value: StoredPlace?)

  private(set) var pairs: [(Entry, Entry)] = []
  private(set) var removed: [Entry] = []
  private(set) var added: [Entry] = []

  /// - Parameter commonTypes: types from 0 on that both number alike; bytes of others say nothing.
  /// - Parameter mayDiffer: whether the member at a home may have changed; text that did not
  ///   need not be read to be known as equal.
  init(
    _ table: StoredTable, _ left: StoredReader, _ other: StoredTable, _ right: StoredReader,
    commonTypes: Int, mayDiffer: (ArenaAddress) -> Bool
  ) throws(ContainerError) {
    // Keys that stayed in their bucket have equal bytes at an equal place; that is nearly all of
    // them where one entry changed, and spares reading the text of every key.
    var byOffset: [Int: Entry] = [:]
    for entry in other.entries { byOffset[entry.key.offset] = entry }
    var unmatched: [Entry] = []
    for entry in table.entries {
      if let counterpart = byOffset[entry.key.offset],
        entry.key.type == counterpart.key.type, entry.key.type < commonTypes,
        try Self.isPlainlyEqual(entry.key, left, counterpart.key, right, mayDiffer)
      {
        pairs.append((entry, counterpart))
        byOffset[entry.key.offset] = nil
      } else {
        unmatched.append(entry)
      }
    }
    var byText: [String: [Entry]] = [:]
    for entry in other.entries where byOffset[entry.key.offset] != nil {
      byText[try right.keyText(entry.key), default: []].append(entry)
    }
    for entry in unmatched {
      let text = try left.keyText(entry.key)
      if let counterpart = byText[text]?.popLast() {
        pairs.append((entry, counterpart))
      } else {
        removed.append(entry)
      }
    }
    for entries in byText.values { added += entries }
  }

  private static func isPlainlyEqual(
    _ key: StoredPlace, _ left: StoredReader, _ other: StoredPlace, _ right: StoredReader,
    _ mayDiffer: (ArenaAddress) -> Bool
  ) throws(ContainerError) -> Bool {
    guard try left.bytes(at: key).elementsEqual(try right.bytes(at: other))
    else { return false }
    if let slot = try left.slot(at: key) { return !mayDiffer(slot.target) }
    return left.holdsNoReference(key.type)
  }
}

/// Whether two states of one cell are states of one object, or of two that had the cell in turn.
struct Likeness {
  private let left: StoredReader
  private let right: StoredReader

  init(_ left: StoredReader, _ right: StoredReader) {
    self.left = left
    self.right = right
  }

  /// At least half of the object's own leaves are equal; an object without leaves is alike.
  func areAlike(_ object: StoredObject, _ other: StoredObject) throws(ContainerError) -> Bool {
    var equal = 0
    var total = 0
    for (part, counterpart) in zip(try left.parts(of: object), try right.parts(of: other)) {
      guard case .leaf(let one) = try left.value(at: part.place) else { continue }
      total += 1
      if case .leaf(one) = try right.value(at: counterpart.place) { equal += 1 }
    }
    return equal * 2 >= total
  }
}

/// Paths in the order of people: `[9]` before `[10]`.
enum NaturalOrder {
  static func isBefore(_ left: String, _ right: String) -> Bool {
    var one = Substring(left).utf8
    var other = Substring(right).utf8
    while let first = one.first, let second = other.first {
      if isDigit(first), isDigit(second) {
        let number = digits(&one)
        let counterpart = digits(&other)
        if number.count != counterpart.count { return number.count < counterpart.count }
        if number != counterpart { return number.lexicographicallyPrecedes(counterpart) }
      } else if first != second {
        return first < second
      } else {
        one = one.dropFirst()
        other = other.dropFirst()
      }
    }
    return one.isEmpty && !other.isEmpty
  }

  private static func isDigit(_ byte: UInt8) -> Bool { byte >= 0x30 && byte <= 0x39 }

  /// A run of digits without leading zeros.
  private static func digits(_ text: inout Substring.UTF8View) -> [UInt8] {
    let run = text.prefix(while: isDigit)
    text = text.dropFirst(run.count)
    return Array(run.drop { $0 == 0x30 })
  }
}
