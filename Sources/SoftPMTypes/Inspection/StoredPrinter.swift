// Prints stored values as Swift would write them.
//
// 1. An object is shown once; where it is met again, or deeper than asked for, only its name and
//    number are. So cycles end.
// 2. Nothing depends on addresses of this process, on hash order or on hash seeds: the same graph
//    prints the same.
// 3. What is printed is bounded by `Options`, not by the store.

import SoftPMBase

package struct StoredPrinter {
  package struct Options: Sendable {
    /// How many objects deep.
    package var depth = 3
    /// Elements of one collection.
    package var elements = 100
    /// Parts in all.
    package var parts = 20_000
    package var width = 80
    /// Objects with their numbers: `Person#12(…)`.
    package var showsNumbers = true

    package init() {}
  }

  private let reader: StoredReader
  private let options: Options

  package init(_ reader: StoredReader, _ options: Options = Options()) {
    self.reader = reader
    self.options = options
  }

  /// The value in lines no wider than asked for, where its words are not.
  package func text(of place: StoredPlace) throws(ContainerError) -> String {
    var state = State(partsLeft: options.parts)
    let printed = try printed(reader.value(at: place), depth: 0, &state)
    var lines: [String] = []
    layOut(printed, label: "", indent: 0, trailing: "", into: &lines)
    return lines.joined(separator: "\n")
  }

  /// The value on one line, however long.
  package func line(of place: StoredPlace) throws(ContainerError) -> String {
    var state = State(partsLeft: options.parts)
    return try printed(reader.value(at: place), depth: 0, &state).flat
  }

  package func line(of value: StoredValue) throws(ContainerError) -> String {
    var state = State(partsLeft: options.parts)
    return try printed(value, depth: 0, &state).flat
  }

  // MARK: What to print

  private struct State {
    var partsLeft: Int
    var shown: Set<ArenaAddress> = []
    var nesting = 0
  }

  private indirect enum Printed {
    case word(String)
    case group(open: String, parts: [(label: String, Printed)], close: String)

    var flat: String {
      switch self {
      case .word(let text): return text
      case .group(let open, let parts, let close):
        return open + parts.map { $0.label + $0.1.flat }.joined(separator: ", ") + close
      }
    }

    /// Whether it takes at most so many characters on one line.
    func fits(_ width: Int) -> Bool {
      var left = width
      return take(&left)
    }

    private func take(_ left: inout Int) -> Bool {
      switch self {
      case .word(let text): left -= text.count
      case .group(let open, let parts, let close):
        left -= open.count + close.count
        for part in parts {
          left -= part.label.count + 2
          guard left >= -2, part.1.take(&left) else { return false }
        }
      }
      return left >= 0
    }
  }

  private func printed(
    _ value: StoredValue, depth: Int, _ state: inout State
  ) throws(ContainerError) -> Printed {
    state.partsLeft -= 1
    guard state.partsLeft > 0, state.nesting < Limits.typeNestingDepth else { return .word("…") }
    state.nesting += 1
    defer { state.nesting -= 1 }
    switch value {
    case .leaf(let leaf): return .word(leaf.text)
    case .none: return .word("nil")
    case .hidden: return .word("…")
    case .opaque(let type): return .word("\(reader.types.shortName(type))(…)")
    case .record(let type, let parts):
      if let range = try range(type, parts, depth: depth, &state) { return range }
      let name = reader.types.shortName(type)
      let isTuple = name.hasPrefix("(")
      return try fields(parts, open: isTuple ? "(" : "\(name)(", depth, &state, isTuple: isTuple)
    case .payload(_, let name, let place):
      let payload = try printed(reader.value(at: place), depth: depth, &state)
      if case .group("(", let parts, ")") = payload {
        return .group(open: ".\(name)(", parts: parts, close: ")")
      }
      return .group(open: ".\(name)(", parts: [("", payload)], close: ")")
    case .object(let object): return try self.object(object, depth: depth, &state)
    case .array(let array): return try self.array(array, depth: depth, &state)
    case .table(let table): return try self.table(table, depth: depth, &state)
    }
  }

  /// `0..<5`, `1...3`, `...3`, as Swift has them; nil for what is no range.
  private func range(
    _ type: UInt32, _ parts: [StoredPart], depth: Int, _ state: inout State
  ) throws(ContainerError) -> Printed? {
    let name = reader.types.record(type).name
    guard let start = name.firstIndex(of: "<"), parts.count <= 2,
      let sign = Self.rangeSigns[String(name[..<start])]
    else { return nil }
    func bound(
      _ name: String, _ state: inout State
    ) throws(ContainerError) -> String {
      guard let part = parts.first(where: { $0.name == name }) else { return "" }
      return try printed(reader.value(at: part.place), depth: depth, &state).flat
    }
    return .word(try bound("lowerBound", &state) + sign + bound("upperBound", &state))
  }

  private static let rangeSigns = [
    "Swift.Range": "..<", "Swift.ClosedRange": "...", "Swift.PartialRangeFrom": "...",
    "Swift.PartialRangeThrough": "...", "Swift.PartialRangeUpTo": "..<",
  ]

  private func fields(
    _ parts: [StoredPart], open: String, _ depth: Int, _ state: inout State, isTuple: Bool = false
  ) throws(ContainerError) -> Printed {
    var printedParts: [(label: String, Printed)] = []
    for part in parts {
      let value = try reader.value(at: part.place)
      if case .hidden = value { continue }
      let isNumbered = isTuple && part.name.allSatisfy(\.isNumber)
      printedParts.append(
        (isNumbered ? "" : "\(part.name): ", try printed(value, depth: depth, &state)))
    }
    return .group(open: open, parts: printedParts, close: ")")
  }

  /// `Person#12`, the number being the object's place in its container.
  package func name(of object: StoredObject) -> String {
    let name = reader.types.shortName(object.type)
    return options.showsNumbers ? "\(name)#\(reader.number(of: object.home))" : name
  }

  private func object(
    _ object: StoredObject, depth: Int, _ state: inout State
  ) throws(ContainerError) -> Printed {
    let name = name(of: object)
    let isStrong = object.ownership == .strong
    guard isStrong, depth < options.depth, state.shown.insert(object.home).inserted else {
      return .word(name)
    }
    return try fields(reader.parts(of: object), open: "\(name)(", depth + 1, &state)
  }

  private func array(
    _ array: StoredArray, depth: Int, _ state: inout State
  ) throws(ContainerError) -> Printed {
    var parts: [(label: String, Printed)] = []
    for index in 0..<min(array.count, options.elements) {
      if state.partsLeft <= 0 { break }
      parts.append(("", try printed(reader.value(at: array[index]), depth: depth, &state)))
    }
    if parts.count < array.count {
      parts.append(("", .word("… \(array.count - parts.count) more")))
    }
    return .group(open: "[", parts: parts, close: "]")
  }

  private func table(
    _ table: StoredTable, depth: Int, _ state: inout State
  ) throws(ContainerError) -> Printed {
    guard !table.entries.isEmpty else { return .word(table.isDictionary ? "[:]" : "[]") }
    var parts: [(label: String, Printed)] = []
    for entry in try reader.sorted(table).prefix(options.elements) {
      if state.partsLeft <= 0 { break }
      if let value = entry.value {
        parts.append(
          ("\(entry.key): ", try printed(reader.value(at: value), depth: depth, &state)))
      } else {
        parts.append(("", .word(entry.key)))
      }
    }
    let left = table.entries.count - parts.count
    if left > 0 { parts.append(("", .word("… \(left) more"))) }
    return .group(open: "[", parts: parts, close: "]")
  }

  // MARK: Lines

  private func layOut(
    _ printed: Printed, label: String, indent: Int, trailing: String, into lines: inout [String]
  ) {
    let margin = String(repeating: " ", count: indent)
    let room = options.width - indent - label.count - trailing.count
    guard case .group(let open, let parts, let close) = printed, !printed.fits(room),
      !parts.isEmpty
    else {
      lines.append(margin + label + printed.flat + trailing)
      return
    }
    lines.append(margin + label + open)
    for (index, part) in parts.enumerated() {
      layOut(
        part.1, label: part.label, indent: indent + 2,
        trailing: index + 1 < parts.count ? "," : "", into: &lines)
    }
    lines.append(margin + close + trailing)
  }
}

extension StoredReader {
  /// A number for an object, which it keeps for life: its place in the arena, in units of cells.
  package func number(of home: ArenaAddress) -> UInt64 {
    (home.rawValue &- memory.home.rawValue) / 16
  }

  /// A key or member as it stands in a path: a literal where there is one.
  package func keyText(_ place: StoredPlace) throws(ContainerError) -> String {
    var options = StoredPrinter.Options()
    options.depth = 1
    options.showsNumbers = false
    return try StoredPrinter(self, options).line(of: place)
  }

  /// A table's entries by the text of their keys, numbers by value.
  package func sorted(
    _ table: StoredTable
  ) throws(ContainerError) -> [(key: String, keyPlace: StoredPlace, value: StoredPlace?)] {
    var entries: [(key: String, keyPlace: StoredPlace, value: StoredPlace?)] = []
    for entry in table.entries {
      entries.append((try keyText(entry.key), entry.key, entry.value))
    }
    return entries.sorted { left, right in
      if let first = Double(left.key), let second = Double(right.key) { return first < second }
      return left.key < right.key
    }
  }
}

extension StoredLeaf {
  /// As a Swift literal, where there is one.
  package var text: String {
    switch self {
    case .integer(let text), .float(let text, _): text
    case .flag(let flag): "\(flag)"
    case .string(let text): text.swiftLiteral
    case .scalar(let scalar): String(Character(scalar)).swiftLiteral
    case .simpleCase(let name): ".\(name)"
    case .data(let bytes):
      "Data(\(bytes.count) bytes\(bytes.isEmpty ? "" : ": ")\(Self.hex(bytes)))"
    case .date(let seconds): "Date(\(CalendarTime(secondsSince1970: seconds)))"
    case .uuid(let text): "UUID(\(text))"
    case .url(let text): "URL(\(text.swiftLiteral))"
    case .type(let name): "\(name).self"
    case .dead: "(gone)"
    }
  }

  private static func hex(_ bytes: [UInt8]) -> String {
    let digits = Array("0123456789abcdef")
    let shown = bytes.prefix(16).map { "\(digits[Int($0 >> 4)])\(digits[Int($0 & 15)])" }
    return shown.joined() + (bytes.count > 16 ? "…" : "")
  }
}

extension String {
  /// As Swift source has it: quotes, backslashes and what cannot be seen are escaped.
  var swiftLiteral: String {
    var text = "\""
    for scalar in unicodeScalars {
      switch scalar {
      case "\"": text += "\\\""
      case "\\": text += "\\\\"
      case "\n": text += "\\n"
      case "\r": text += "\\r"
      case "\t": text += "\\t"
      case "\0": text += "\\0"
      case _ where scalar.value < 0x20 || (0x7f..<0xa0).contains(scalar.value):
        text += "\\u{\(String(scalar.value, radix: 16))}"
      default: text.unicodeScalars.append(scalar)
      }
    }
    return text + "\""
  }
}

/// A moment in UTC, `2026-11-21T14:05:09.25Z`, without a calendar library.
package struct CalendarTime: CustomStringConvertible {
  package let secondsSince1970: Double

  package init(secondsSince1970: Double) {
    self.secondsSince1970 = secondsSince1970
  }

  package var description: String {
    guard secondsSince1970.isFinite, abs(secondsSince1970) < 1e14 else {
      return "\(secondsSince1970) s"
    }
    let milliseconds = Int((secondsSince1970 * 1000).rounded())
    let seconds = Int((Double(milliseconds) / 1000).rounded(.down))
    let fraction = milliseconds - seconds * 1000
    let day = seconds >= 0 ? seconds / 86_400 : (seconds - 86_399) / 86_400
    let time = seconds - day * 86_400
    let (year, month, date) = Self.civil(day)
    func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
    var text = "\(year)-\(two(month))-\(two(date))T"
    text += "\(two(time / 3600)):\(two(time / 60 % 60)):\(two(time % 60))"
    if fraction > 0 {
      text += "." + String(String(1000 + fraction).dropFirst())
    }
    return text + "Z"
  }

  /// The Gregorian date of a day counted from 1970-01-01, by eras of 400 years from 0000-03-01.
  private static func civil(_ day: Int) -> (Int, Int, Int) {
    let shifted = day + 719_468
    let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
    let dayOfEra = shifted - era * 146_097
    let yearOfEra =
      (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shiftedMonth = (5 * dayOfYear + 2) / 153
    let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
    return (
      yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month,
      dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
    )
  }
}
