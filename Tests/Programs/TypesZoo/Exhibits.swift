// One exhibit or more for each row of `docs/types.md` that says "stored": a value, and what must
// hold of it after it was restored.
//
// This file and those beside it named Exhibits+… import nothing of this package: tests compile
// them again, in other modules, with other neighbours and other options, and exchange graphs
// between the results.

/// A value as an object of its own.
final class Exhibit<Value> {
  var value: Value
  init(_ value: Value) { self.value = value }
}

/// The graph of all exhibits, by name.
final class ExhibitionRoot {
  var exhibits: [String: AnyObject] = [:]
}

/// What is shown, in the order of the table.
struct Exhibition {
  /// A row of the table, by its first cell.
  private(set) var rows: [String: Int] = [:]
  private var row = ""
  private var number = 0
  private var made: [String: AnyObject] = [:]
  /// The restored root, when there is something to check.
  private let restored: ExhibitionRoot?
  private(set) var problems: [String] = []

  init(checking restored: ExhibitionRoot?) {
    self.restored = restored
    showValues()
    showReferences()
    showCollections()
    showExistentials()
    showSystemTypes()
  }

  mutating func begin(row: String) {
    self.row = row
    number = 0
    rows[row] = 0
  }

  /// Shows a value; `holds` says whether what became of it is right.
  mutating func show<Value>(_ value: Value, _ holds: (Value) -> Bool) {
    number += 1
    rows[row] = number
    let name = "\(row) #\(number)"
    made[name] = Exhibit(value)
    guard let restored else {
      if !holds(value) { problems.append("\(name): not even before it is stored") }
      return
    }
    guard let exhibit = restored.exhibits[name] as? Exhibit<Value> else {
      problems.append("\(name): missing, or of another type")
      return
    }
    if !holds(exhibit.value) { problems.append("\(name): \(exhibit.value)") }
  }

  mutating func show<Value: Equatable>(_ values: Value...) {
    for value in values { show(value) { $0 == value } }
  }

  /// A graph to store.
  static func make() -> AnyObject {
    let root = ExhibitionRoot()
    root.exhibits = Exhibition(checking: nil).made
    return root
  }

  static func problems(of root: AnyObject) -> [String] {
    guard let root = root as? ExhibitionRoot else { return ["\(type(of: root)) is no exhibition"] }
    let exhibition = Exhibition(checking: root)
    let extra = root.exhibits.count - exhibition.made.count
    return exhibition.problems + (extra == 0 ? [] : ["\(extra) exhibits more than expected"])
  }
}

/// A string that is not in the binary.
func longText(_ text: String) -> String { text + ", made at run time, \(text.count)" }

// For programs that load this as a library.

/// Every row shown, with the number of its exhibits.
public func exhibitedRows() -> [String: Int] { Exhibition(checking: nil).rows }

@_cdecl("exhibition_make")
public func exhibitionMake() -> UnsafeMutableRawPointer {
  Unmanaged.passRetained(Exhibition.make()).toOpaque()
}

/// The number of problems, each of which is printed.
@_cdecl("exhibition_check")
public func exhibitionCheck(_ root: UnsafeMutableRawPointer) -> Int {
  let problems = Exhibition.problems(
    of: Unmanaged<AnyObject>.fromOpaque(root).takeUnretainedValue())
  for problem in problems { print("wrong: \(problem)") }
  return problems.count
}
