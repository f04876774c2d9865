// Random histories against a model of plain copies.
//
// The model holds, for each version ever made and not dropped since, a description of its objects
// made while they were live; what was said then is what every way to the version must show ever
// after. WorldMutator changes the objects, so that versions differ in all that objects can be.

import Containers
import Foundation
import SoftPMTesting
import Testing
import Worlds

@Suite("Random histories")
struct HistoryPropertyTests {
  private static let isDeep = ProcessInfo.processInfo.environment["SOFTPM_TEST_DEEP"] != nil
  static let seeds = Array(1...(isDeep ? 60 : 4))
  private static let steps = isDeep ? 1200 : 90

  @Test(
    "each version shows what it was, through branches, switches, drops and openings",
    arguments: seeds)
  func histories(seed: Int) throws {
    let folder = try ScratchFolder()
    var history = try RandomHistory(seed: seed, path: folder.path("history.softpm"))
    for step in 0..<Self.steps {
      let action = try history.step()
      let faults = try history.faults()
      #expect(
        faults.isEmpty,
        "seed \(seed), step \(step), after \(action): \(faults)")
      if !faults.isEmpty { return }
    }
    let faults = try history.checkEverything()
    #expect(faults.isEmpty, "seed \(seed), at the end: \(faults)")
    // A history without any of these would prove nothing about it.
    let rare = RandomHistory.actions.filter { history.done[$0, default: 0] == 0 }
    if Self.steps > 500 { #expect(rare.isEmpty, "seed \(seed) never did \(rare)") }
    try history.store.close()
  }
}

/// A store whose containers are branched, switched, labelled and dropped at random, and the model.
private struct RandomHistory {
  struct Version {
    let parent: VersionID?
    let content: [String]
    var label: String?
  }
  struct Line {
    let name: String
    /// Another line's version that this one began with.
    let base: VersionID?
    var container: Container<World>
    var mutator: WorldMutator
    var versions: [VersionID: Version] = [:]
    /// What the live graph descends from, and what it looks like.
    var current: VersionID
    var content: [String]
    /// What was persisted last: what opening gives.
    var newest: VersionID
    /// Whether the next point makes a version though nothing changed.
    var isSwitched = false
  }
  struct Past {
    let line: String
    let version: VersionID
    let content: [String]
    let snapshot: Snapshot<World>
  }

  static let actions = [
    "point", "unchanged", "switch", "branch", "label", "drop", "snapshot", "let go", "reopen",
    "reopen store", "delete",
  ]

  let path: String
  let attributes: ContainerAttributes
  /// Versions that retention keeps of each line; nil: all.
  let kept: Int?
  private(set) var store: Store
  private(set) var lines: [String: Line] = [:]
  private(set) var past: [Past] = []
  private(set) var done: [String: Int] = [:]
  private var random: SeededGenerator
  private var lastVersion: VersionID = 0
  private var lastName = 0

  init(seed: Int, path: String) throws {
    self.path = path
    random = SeededGenerator(seed: UInt64(seed) &+ 77_000)
    kept = seed % 2 == 0 ? 6 : nil
    var attributes = ContainerAttributes()
    attributes.retention = kept.map { .latest($0) } ?? .all
    attributes.chunkSize = seed % 3 == 0 ? 16 << 10 : 4 << 10
    self.attributes = attributes
    store = try Store.open(path)
    let container = try store.container("line 0", initial: World(), attributes: attributes)
    var mutator = WorldMutator(seed: random.next())
    container.update { world in for _ in 0..<100 { mutator.step(world) } }
    let content = container.read { $0.description() }
    let version = try container.persistAndWait()
    lastVersion = version
    lines["line 0"] = Line(
      name: "line 0", base: nil, container: container, mutator: mutator,
      versions: [version: Version(parent: nil, content: content, label: nil)],
      current: version, content: content, newest: version)
  }

  private mutating func pick<C: Collection>(_ elements: C) -> C.Element? {
    elements.randomElement(using: &random)
  }

  // MARK: What is done

  /// Does something at random, and says what.
  mutating func step() throws -> String {
    guard let name = pick(lines.keys.sorted()), var line = lines[name],
      let version = pick(line.versions.keys.sorted())
    else { return "nothing" }
    var action = "point"
    switch Int.random(in: 0..<100, using: &random) {
    case 0..<5: action = "unchanged"
    case 5..<20: action = "switch"
    case 20..<26 where lines.count < 6: action = "branch"
    case 26..<34: action = "label"
    case 34..<44: action = "drop"
    case 44..<54 where past.count < 4: action = "snapshot"
    case 54..<60 where !past.isEmpty: action = "let go"
    case 60..<65: action = "reopen"
    case 65..<68: action = "reopen store"
    case 68..<70 where lines.count > 3: action = "delete"
    default: break
    }
    done[action, default: 0] += 1
    switch action {
    case "unchanged": try point(&line)
    case "switch":
      try line.container.switchTo(version)
      restored(&line, version)
      line.isSwitched = true
      // The next point makes a version even if nothing else happens before it.
      if Int.random(in: 0..<3, using: &random) == 0 { try point(&line) }
    case "branch": try branch(line, version)
    case "label":
      let number = Int.random(in: 0..<10, using: &random)
      let label = number < 5 ? nil : "label \(number)"
      try line.container.setLabel(label, on: version)
      line.versions[version]?.label = label
    case "drop" where version != line.newest && version != line.current:
      try line.container.deleteVersion(version)
      line.versions[version] = nil
    case "snapshot":
      if let model = line.versions[version] {
        past.append(
          Past(
            line: name, version: version, content: model.content,
            snapshot: try line.container.snapshot(version)))
      }
    case "let go":
      past.remove(at: Int.random(in: 0..<past.count, using: &random)).snapshot.close()
    case "reopen":
      try line.container.close()
      line.container = try store.container(name, initial: World())
      restored(&line, line.newest)
    case "reopen store": return try reopen()
    case "delete":
      guard !past.contains(where: { $0.line == name }) else { return "nothing" }
      try store.delete(name)
      lines[name] = nil
      return "delete \(name)"
    default:
      line.container.update { world in for _ in 0..<15 { line.mutator.step(world) } }
      line.content = line.container.read { $0.description() }
      try point(&line)
    }
    lines[name] = line
    return "\(action) \(name), version \(version)"
  }

  private mutating func point(_ line: inout Line) throws {
    let isChanged = line.isSwitched || line.content != line.versions[line.current]?.content
    let label = isChanged && Int.random(in: 0..<8, using: &random) == 0 ? "made" : nil
    let version = try line.container.persistAndWait(label: label)
    guard version != line.current else {
      #expect(!isChanged, "what had changed made no version after \(version)")
      return
    }
    line.versions[version] = Version(parent: line.current, content: line.content, label: label)
    #expect(isChanged, "version \(version) was made of what had not changed")
    #expect(version > lastVersion, "version \(version) was made after \(lastVersion)")
    lastVersion = version
    (line.current, line.newest, line.isSwitched) = (version, version, false)
    age(&line)
  }

  /// What a new version drops with it: all but the newest few, the new one among them. Kept are
  /// labelled versions, those under a snapshot, and those that another line began with for as long
  /// as that line is there. What the new one descends from goes like any other.
  private func age(_ line: inout Line) {
    guard let kept, let oldest = line.versions.keys.sorted().suffix(kept).first else { return }
    let bases = Set(lines.values.compactMap(\.base))
    for (version, model) in line.versions where version < oldest && model.label == nil {
      let isPinned = past.contains { $0.version == version }
      if isPinned || bases.contains(version) { continue }
      line.versions[version] = nil
    }
  }

  private mutating func branch(_ line: Line, _ version: VersionID) throws {
    lastName += 1
    let name = "line \(lastName)"
    let container = try line.container.branch(name, from: version)
    guard let base = line.versions[version], let own = container.version else { return }
    lastVersion = max(lastVersion, own)
    lines[name] = Line(
      name: name, base: version, container: container,
      mutator: WorldMutator(seed: random.next()),
      versions: [own: Version(parent: version, content: base.content, label: nil)],
      current: own, content: base.content, newest: own)
  }

  /// The live graph is that of a version now; what is held from before is no part of it.
  private func restored(_ line: inout Line, _ version: VersionID) {
    line.mutator.forgetHeld()
    line.current = version
    line.content = line.versions[version]?.content ?? []
    line.isSwitched = false
  }

  private mutating func reopen() throws -> String {
    for past in past { past.snapshot.close() }
    past = []
    try store.close()
    store = try Store.open(path)
    for name in lines.keys.sorted() {
      guard var line = lines[name] else { continue }
      line.container = try store.container(name, initial: World())
      restored(&line, line.newest)
      lines[name] = line
    }
    return "reopen store"
  }

  // MARK: What must hold

  /// What the store shows otherwise than the model, of everything that is cheap to look at.
  mutating func faults() throws -> [String] {
    var faults: [String] = []
    if try Set(store.containers.map(\.name)) != Set(lines.keys) { faults.append("other names") }
    for (name, line) in lines {
      if line.container.version != line.current { faults.append("\(name) descends from another") }
      if line.container.read({ $0.description() }) != line.content {
        faults.append("\(name) has other objects")
      }
      let listed = try line.container.versions
      let expected = line.versions.keys.sorted()
      if listed.map(\.id) != expected {
        faults.append("\(name) has \(listed.map(\.id.description)), not \(expected)")
      }
      for info in listed {
        guard let model = line.versions[info.id] else { continue }
        if info.label != model.label { faults.append("\(info.id) has another label") }
        // A parent that is no more is not told.
        if info.parent != model.parent, info.parent != nil {
          faults.append("\(info.id) has another parent")
        }
      }
    }
    for past in past where past.snapshot.read({ $0.description() }) != past.content {
      faults.append("the snapshot of \(past.version) changed")
    }
    return faults
  }

  /// Every version through a snapshot of its own, every byte of the store, and the same again
  /// after everything was opened anew.
  mutating func checkEverything() throws -> [String] {
    var faults: [String] = []
    for round in 0..<2 {
      for line in lines.values {
        for (version, model) in line.versions {
          let snapshot = try line.container.snapshot(version)
          if snapshot.read({ $0.description() }) != model.content {
            faults.append("version \(version) shows something else, round \(round)")
          }
          snapshot.close()
        }
      }
      if try !store.verify().isIntact { faults.append("the store is damaged") }
      _ = try reopen()
      faults += try self.faults()
    }
    return faults
  }
}
