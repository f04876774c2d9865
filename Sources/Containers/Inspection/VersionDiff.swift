// What changed between two versions, leaf by leaf.
//
// 1. Two graphs are walked together from the root, breadth first. Values are compared by what
//    they are, objects by who they are: an object is the same one where the same slot of the same
//    object leads to its home in both versions, or where its home holds equal bytes, or mostly
//    equal leaves. Homes alone would not do: cells are used again.
// 2. The walk reads changed chunks, and of the others those on the way. It ends when every member
//    that differs has been found; so what is not reachable costs a walk of everything, and what
//    lies deep costs the objects above it.
// 3. A table's order, seed and size, an array's storage, a moved value: none is a change.
// 4. An object that came or went is one change for each of its leaves. A reference is a leaf where
//    it leads to an object that is described elsewhere.

import SoftPMBase
import SoftPMTypes

struct VersionDiff {
  let old: VersionReader
  let new: VersionReader
  private(set) var changes: [ContainerChange] = []

  let left: StoredReader
  let right: StoredReader
  let changed: ChangedMembers
  /// How many types both versions number alike, with the same description.
  private let commonTypes: Int
  /// Members that differ and have not been met yet.
  private var wanted: Set<ArenaAddress>
  private var urgent: [Work] = []
  private var unequal: [(old: StoredObject, new: StoredObject, path: StoredPath)] = []
  private var later: [Later] = []
  private var nextLater = 0
  private var weak: [(old: StoredObject, new: StoredObject, path: StoredPath)] = []
  /// Objects of the old version that are compared, with who they are in the new one.
  private var pairs: [ArenaAddress: ArenaAddress] = [:]
  private var pairedNew: Set<ArenaAddress> = []
  private var described: (old: Set<ArenaAddress>, new: Set<ArenaAddress>) = ([], [])
  private var noticed: Set<ArenaAddress> = []
  private var isSame: [ArenaAddress: Bool] = [:]
  private var stepsLeft: Int

  private enum Work {
    case compare(StoredObject, StoredObject, StoredPath)
    case added(StoredObject, StoredPath)
    case removed(StoredObject, StoredPath)
  }

  /// Something equal in both versions, behind which something may have changed.
  private struct Later {
    var target: ArenaAddress
    var old: StoredPlace
    var new: StoredPlace
    var path: StoredPath
  }

  init(from old: VersionReader, to new: VersionReader) throws(ContainerError) {
    self.old = old
    self.new = new
    left = old.reader
    right = new.reader
    new.twin = old
    changed = try ChangedMembers(old, new)
    commonTypes = old.types.commonCount(with: new.types)
    wanted = changed.inBoth
    // Each value is compared about once. Arrays that share their storage in many places are
    // compared in each; a forged graph of such arrays would take for ever.
    let bytes = (old.digests.count + new.digests.count) * old.chunkSize
    stepsLeft = 1_000_000 + bytes * 8
  }

  mutating func run() throws(ContainerError) -> [ContainerChange] {
    guard changed.hasChangedChunks || !changed.isComplete else { return [] }
    try compare(old.root(), new.root(), .root)
    while true {
      if let work = urgent.popLast() {
        try perform(work)
      } else if let slot = unequal.popLast() {
        try settle(slot.old, slot.new, slot.path)
      } else if nextLater < later.count, !wanted.isEmpty || !changed.isComplete {
        let item = later[nextLater]
        nextLater += 1
        try compareValues(item.old, item.new, item.path)
      } else {
        break
      }
    }
    for slot in weak where pairs[slot.old.home] != slot.new.home {
      change(slot.path, before: left.name(of: slot.old), after: right.name(of: slot.new))
    }
    return changes.sorted { NaturalOrder.isBefore($0.path, $1.path) }
  }

  private mutating func perform(_ work: Work) throws(ContainerError) {
    switch work {
    case .compare(let before, let after, let path):
      try compareParts(left.parts(of: before), right.parts(of: after), path)
    case .added(let object, let path):
      try right.eachPart(of: object) { step, place throws(ContainerError) in
        try self.describe(place, path.appending(step), self.right, isNew: true, isPart: true)
      }
    case .removed(let object, let path):
      try left.eachPart(of: object) { step, place throws(ContainerError) in
        try self.describe(
          place, path.appending(step, ofOld: true), self.left, isNew: false, isPart: true)
      }
    }
  }

  // MARK: Values

  private mutating func compare(
    _ before: StoredPlace, _ after: StoredPlace, _ path: StoredPath
  ) throws(ContainerError) {
    if let first = try left.slot(at: before), let second = try right.slot(at: after),
      first.target == second.target, !changed.mayDiffer(first.target)
    {
      if !first.isText, noticed.insert(first.target).inserted {
        later.append(Later(target: first.target, old: before, new: after, path: path))
      }
      return
    }
    try compareValues(before, after, path)
  }

  private mutating func compareValues(
    _ before: StoredPlace, _ after: StoredPlace, _ path: StoredPath
  ) throws(ContainerError) {
    stepsLeft -= 1
    guard stepsLeft > 0 else {
      throw .corrupt(at: nil, expected: "a graph that can be compared in reasonable time")
    }
    for place in [(left, before), (right, after)] {
      if let slot = try place.0.slot(at: place.1) { wanted.remove(slot.target) }
    }
    let first = try left.value(at: before)
    let second = try right.value(at: after)
    switch (first, second) {
    case (.leaf(let one), .leaf(let other)):
      if one != other { change(path, before: one.text, after: other.text) }
    case (.none, .none), (.hidden, .hidden): return
    case (.none, _): try add(after, path)
    case (_, .none): try remove(before, path)
    case (.record(let type, let parts), .record(let otherType, let others))
    where left.types.isSame(type, in: right.types, otherType):
      try compareParts(parts, others, path)
    case (.payload(let type, let name, let place), .payload(let otherType, let other, let place2))
    where name == other && left.types.isSame(type, in: right.types, otherType):
      try compare(place, place2, path.appending(.field(name)))
    case (.array(let array), .array(let other)):
      wanted.subtract([array.storage, other.storage].compactMap { $0 })
      try compare(array, other, path)
    case (.table(let table), .table(let other)) where table.isDictionary == other.isDictionary:
      wanted.subtract([table.storage, other.storage].compactMap { $0 })
      try compare(table, other, path)
    case (.object(let object), .object(let other)): try compare(object, other, path)
    case (.opaque, .opaque):
      if try !left.bytes(at: before).elementsEqual(try right.bytes(at: after)) {
        change(path, before: try left.line(at: before), after: try right.line(at: after))
      }
    default: try replace(before, first, after, second, path)
    }
  }

  /// Another case of an enum, another type in an existential.
  private mutating func replace(
    _ before: StoredPlace, _ first: StoredValue, _ after: StoredPlace, _ second: StoredValue,
    _ path: StoredPath
  ) throws(ContainerError) {
    if case .object = first { return try removeAndAdd(before, after, path) }
    if case .object = second { return try removeAndAdd(before, after, path) }
    change(path, before: try left.line(at: before), after: try right.line(at: after))
  }

  private mutating func removeAndAdd(
    _ before: StoredPlace, _ after: StoredPlace, _ path: StoredPath
  ) throws(ContainerError) {
    try remove(before, path)
    try add(after, path)
  }

  private mutating func compareParts(
    _ parts: [StoredPart], _ others: [StoredPart], _ path: StoredPath
  ) throws(ContainerError) {
    if parts.map(\.name) == others.map(\.name) {
      for (part, other) in zip(parts, others) {
        try compare(part.place, other.place, path.appending(part.step))
      }
      return
    }
    // Between programs whose types differ, fields go by name.
    for part in parts {
      if let other = others.first(where: { $0.name == part.name }) {
        try compare(part.place, other.place, path.appending(part.step))
      } else {
        try remove(part.place, path.appending(part.step))
      }
    }
    for other in others where !parts.contains(where: { $0.name == other.name }) {
      try add(other.place, path.appending(other.step))
    }
  }

  private mutating func compare(
    _ array: StoredArray, _ other: StoredArray, _ path: StoredPath
  ) throws(ContainerError) {
    let common = min(array.count, other.count)
    if array.hasContent, other.hasContent {
      for index in 0..<common {
        try compare(array[index], other[index], path.appending(.index(index)))
      }
    }
    for index in common..<array.count { try remove(array[index], path.appending(.index(index))) }
    for index in common..<other.count { try add(other[index], path.appending(.index(index))) }
  }

  private mutating func compare(
    _ table: StoredTable, _ other: StoredTable, _ path: StoredPath
  ) throws(ContainerError) {
    let match = try TableMatch(
      table, left, other, right, commonTypes: commonTypes
    ) { changed.mayDiffer($0) }
    for (entry, counterpart) in match.pairs {
      if let value = entry.value, let otherValue = counterpart.value {
        try compare(entry.key, counterpart.key, path.appending(.keyItself(entry.key), ofOld: true))
        try compare(value, otherValue, path.appending(.key(counterpart.key)))
      } else {
        try compare(entry.key, counterpart.key, path.appending(.member(counterpart.key)))
      }
    }
    for entry in match.removed {
      let step = entry.value == nil ? StoredStep.member(entry.key) : .key(entry.key)
      try remove(entry.value ?? entry.key, path.appending(step, ofOld: true))
    }
    for entry in match.added {
      let step = entry.value == nil ? StoredStep.member(entry.key) : .key(entry.key)
      try add(entry.value ?? entry.key, path.appending(step))
    }
  }

  // MARK: Objects

  private mutating func compare(
    _ object: StoredObject, _ other: StoredObject, _ path: StoredPath
  ) throws(ContainerError) {
    if object.ownership != .strong {
      if object.home != other.home { weak.append((object, other, path)) }
      return
    }
    let areOfOneType = left.types.isSame(object.type, in: right.types, other.type)
    if object.home == other.home, areOfOneType {
      pair(object, other, path)
    } else {
      unequal.append((object, other, path))
    }
  }

  private mutating func pair(
    _ object: StoredObject, _ other: StoredObject, _ path: StoredPath
  ) {
    wanted.remove(object.home)
    wanted.remove(other.home)
    guard pairs[object.home] == nil, pairedNew.insert(other.home).inserted else { return }
    pairs[object.home] = other.home
    urgent.append(.compare(object, other, path))
  }

  /// A slot that leads to different homes: to another object, or to a new one.
  private mutating func settle(
    _ object: StoredObject, _ other: StoredObject, _ path: StoredPath
  ) throws(ContainerError) {
    if pairs[object.home] == other.home { return }
    let survives = try isTheSame(object.home)
    let existed = try isTheSame(other.home)
    switch (survives, existed) {
    case (true, true):
      change(path, before: left.name(of: object), after: right.name(of: other))
      try follow(other.home, path)
    case (true, false): try add(object: other, path)
    case (false, true):
      try remove(object: object, path)
      try follow(other.home, path)
    case (false, false):
      if left.types.isSame(object.type, in: right.types, other.type),
        pairs[object.home] == nil, !pairedNew.contains(other.home)
      {
        pair(object, other, path)
      } else {
        try remove(object: object, path)
        try add(object: other, path)
      }
    }
  }

  /// Looks into an object that both versions have, now that a way to it is known.
  private mutating func follow(_ home: ArenaAddress, _ path: StoredPath) throws(ContainerError) {
    guard pairs[home] == nil, wanted.contains(home) || !wanted.isEmpty || !changed.isComplete
    else { return }
    pair(try left.object(at: home), try right.object(at: home), path)
  }

  /// Whether both versions have one and the same object at a home.
  private mutating func isTheSame(_ home: ArenaAddress) throws(ContainerError) -> Bool {
    if pairs[home] == home { return true }
    if pairs[home] != nil || pairedNew.contains(home) { return false }
    if let known = isSame[home] { return known }
    let answer: Bool
    if changed.isComplete, !changed.homes.contains(home) {
      answer = true
    } else if let before = try? left.object(at: home), let after = try? right.object(at: home),
      left.types.isSame(before.type, in: right.types, after.type)
    {
      answer = try Likeness(left, right).areAlike(before, after)
    } else {
      answer = false
    }
    isSame[home] = answer
    return answer
  }

  // MARK: What came and went

  private mutating func add(_ place: StoredPlace, _ path: StoredPath) throws(ContainerError) {
    try describe(place, path, right, isNew: true, isPart: false)
  }

  private mutating func remove(_ place: StoredPlace, _ path: StoredPath) throws(ContainerError) {
    try describe(place, path, left, isNew: false, isPart: false)
  }

  private mutating func describe(
    _ place: StoredPlace, _ path: StoredPath, _ reader: StoredReader, isNew: Bool, isPart: Bool
  ) throws(ContainerError) {
    stepsLeft -= 1
    guard stepsLeft > 0 else {
      throw .corrupt(at: nil, expected: "a graph that can be compared in reasonable time")
    }
    if let slot = try reader.slot(at: place) { wanted.remove(slot.target) }
    let value = try reader.value(at: place)
    switch value {
    case .none, .hidden: return
    case .leaf(let leaf): return note(path, leaf.text, isNew)
    case .opaque: return note(path, try reader.line(at: place), isNew)
    case .object(let object):
      if isNew { try add(object: object, path) } else { try remove(object: object, path) }
      return
    case .array(let array): wanted.subtract([array.storage].compactMap { $0 })
    case .table(let table): wanted.subtract([table.storage].compactMap { $0 })
    case .record, .payload: break
    }
    var isEmpty = true
    try reader.eachPart(of: value) { step, part throws(ContainerError) in
      if case .keyItself = step { return }
      isEmpty = false
      try self.describe(
        part, path.appending(step, ofOld: !isNew), reader, isNew: isNew, isPart: true)
    }
    // What holds no leaf is one itself, unless it belongs to something larger.
    if isEmpty, !isPart { note(path, try reader.line(at: place), isNew) }
  }

  private mutating func note(_ path: StoredPath, _ text: String, _ isNew: Bool) {
    change(path, before: isNew ? nil : text, after: isNew ? text : nil)
  }

  private mutating func add(
    object: StoredObject, _ path: StoredPath
  ) throws(ContainerError) {
    let exists = try isTheSame(object.home)
    guard object.ownership == .strong, !exists, !pairedNew.contains(object.home),
      described.new.insert(object.home).inserted
    else {
      change(path, before: nil, after: right.name(of: object))
      if exists { try follow(object.home, path) }
      return
    }
    wanted.remove(object.home)
    if try right.parts(of: object).isEmpty {
      change(path, before: nil, after: right.name(of: object))
    }
    urgent.append(.added(object, path))
  }

  private mutating func remove(
    object: StoredObject, _ path: StoredPath
  ) throws(ContainerError) {
    guard object.ownership == .strong, try !isTheSame(object.home), pairs[object.home] == nil,
      described.old.insert(object.home).inserted
    else { return change(path, before: left.name(of: object), after: nil) }
    wanted.remove(object.home)
    if try left.parts(of: object).isEmpty {
      change(path, before: left.name(of: object), after: nil)
    }
    urgent.append(.removed(object, path))
  }

  private mutating func change(_ path: StoredPath, before: String?, after: String?) {
    let text = (try? path.text(right, old: left)) ?? "root"
    changes.append(ContainerChange(path: text, before: before, after: after))
  }
}

extension StoredReader {
  func name(of object: StoredObject) -> String { StoredPrinter(self).name(of: object) }

  /// A value on one line, its objects by name.
  func line(at place: StoredPlace) throws(ContainerError) -> String {
    var options = StoredPrinter.Options()
    options.depth = 0
    return try StoredPrinter(self, options).line(of: place)
  }
}
