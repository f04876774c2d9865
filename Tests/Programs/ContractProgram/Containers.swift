// Containers while they live.

import Containers

func useContainers() throws {
  let (store, list) = try makeList()
  use("Container") { isSendable(list) }
  use("Container.name") { list.name == "list" }
  use("Container.id") {
    let id: ContainerID = list.id
    return try id == store.container("list", initial: List()).id
  }
  use("Container.update(_:)") {
    // No `try` where the body does not throw; the body does not escape, and its result may be
    // anything.
    func push(_ count: inout Int) -> Entry? {
      list.update { root in
        count += 1
        root.push(count)
        return root.head
      }
    }
    var count = 0
    let entry: Entry? = push(&count)
    return entry?.value == 1 && count == 1
      && throwsError(.closed) { try list.update { _ in throw ContainerError.closedForUse } }
  }
  use("Container.read(_:)") {
    let head: Entry? = list.read { $0.head }
    return list.read { $0.values } == [1] && head?.value == 1
      && throwsError(.closed) { try list.read { _ in throw ContainerError.closedForUse } }
  }
  use("Container.root") {
    list.root.head?.value += 1
    let root: List = list.root
    list.root = root
    return root.values == [2]
  }
  use("Container.persist(label:)") {
    try list.persist()  // The result may be left.
    let point: PersistencePoint = try list.persist(label: "a label")
    try point.wait()
    return try list.versions.last?.label == "a label"
  }
  use("Container.persistAndWait(label:)") {
    try list.persistAndWait()
    let version: VersionID = try list.persistAndWait(label: nil)
    return version == list.version
  }
  use("Container.version") {
    let version: VersionID? = list.version
    return try version == list.versions.last?.id
  }
  use("Container.exclude(_:)") {
    try list.exclude(\List.scratch)
    try list.exclude(\List.note)
    return throwsError(.notExcludable) { try list.exclude(\List.head?.value) }
  }
  use("Container.attributes") {
    var attributes: ContainerAttributes = list.attributes
    attributes.retention = .latest(5)
    list.attributes = attributes
    list.attributes.retention = .latest(6)
    return list.attributes.retention == .latest(6)
  }
  useContainerStatistics(of: list)
  useGarbage(of: list)
  use("Container.close()") {
    try list.close()
    return throwsError(.closed) { _ = try list.versions }
  }
  try store.close()
}

private func useGarbage(of list: Container<List>) {
  use("Container.collectGarbage()") {
    try list.collectGarbage()  // The result may be left.
    let report: GarbageReport = try list.collectGarbage()
    return report.version == list.version
  }
  use("GarbageReport") { isSendable(try list.collectGarbage()) }
  use("GarbageReport.version") { try list.collectGarbage().version == list.version }
  use("GarbageReport.objectsBefore") { try list.collectGarbage().objectsBefore > 0 }
  use("GarbageReport.objects") { try list.collectGarbage().objects == list.statistics.objectCount }
}

private func useContainerStatistics(of list: Container<List>) {
  use("Container.statistics") {
    let statistics: ContainerStatistics = list.statistics
    return isSendable(statistics)
  }
  use("ContainerStatistics.objectCount") { list.statistics.objectCount > 0 }
  use("ContainerStatistics.pointsMade") { list.statistics.pointsMade > 0 }
  use("ContainerStatistics.pointsUnchanged") { list.statistics.pointsUnchanged > 0 }
  use("ContainerStatistics.pointsLookingAtAll") { list.statistics.pointsLookingAtAll > 0 }
  use("ContainerStatistics.pointsInFlight") { list.statistics.pointsInFlight == 0 }
  use("ContainerStatistics.bytesWritten") { list.statistics.bytesWritten > 0 }
  use("ContainerStatistics.isAtHome") { list.statistics.isAtHome }
  use("ContainerStatistics.copyPoolBytes") { list.statistics.copyPoolBytes >= 0 }
  use("ContainerStatistics.tracking") { !list.statistics.tracking.isEmpty }
  use("ContainerStatistics.lastError") { list.statistics.lastError == nil }
}

func useVersions() throws {
  let (store, list) = try makeList()
  var made: [VersionID] = []
  for value in 1...3 {
    list.update { $0.push(value) }
    made.append(try list.persistAndWait(label: value == 1 ? "first" : nil))
  }
  useInfos(of: list, made)
  use("Container.snapshot(_:)") {
    let past: Snapshot<List> = try list.snapshot(made[0])
    return past.root.values == [1] && throwsError(.noSuchVersion) { _ = try list.snapshot(9999) }
  }
  let past = try list.snapshot(made[1])
  use("Snapshot") { isSendable(past) }
  use("Snapshot.read(_:)") {
    past.read { $0.values } == [2, 1]
      && throwsError(.closed) { try past.read { _ in throw ContainerError.closedForUse } }
  }
  use("Snapshot.root") {
    let root: List = past.root
    return root.values == [2, 1]
  }
  use("Snapshot.close()") {
    let kept = past.root
    past.close()
    return kept.values == [2, 1]
  }
  use("Container.branch(_:from:)") {
    let branch: Container<List> = try list.branch("branch", from: made[0])
    return try branch.root.values == [1] && list.branch("newest").root.values == [3, 2, 1]
  }
  use("Container.diff(_:_:)") {
    let changes: [ContainerChange] = try list.diff(made[0], made[1])
    return !changes.isEmpty && changes.allSatisfy { $0.path.hasPrefix("root.head") }
  }
  use("Container.setLabel(_:on:)") {
    try list.setLabel("second", on: made[1])
    try list.setLabel(nil, on: made[0])
    return try list.versions.map(\.label) == [nil, "second", nil]
  }
  use("Container.switchTo(_:)") {
    try list.switchTo(made[1])
    return list.root.values == [2, 1] && list.version == made[1]
  }
  use("Container.deleteVersion(_:)") {
    list.update { $0.push(4) }
    made.append(try list.persistAndWait())
    try list.deleteVersion(made[2])
    return try list.versions.map(\.id) == [made[0], made[1], made[3]]
  }
  try store.close()
}

private func useInfos(of list: Container<List>, _ made: [VersionID]) {
  use("Container.versions") {
    let versions: [VersionInfo] = try list.versions
    return versions.count == 3
  }
  use("VersionInfo") { try list.versions.allSatisfy { isSendable($0) && isHashable($0) } }
  use("VersionInfo.id") { try list.versions.map(\.id) == made }
  use("VersionInfo.parent") { try list.versions.map(\.parent) == [nil, made[0], made[1]] }
  use("VersionInfo.container") { try list.versions.map(\.container) == ["list", "list", "list"] }
  use("VersionInfo.label") { try list.versions.map(\.label) == ["first", nil, nil] }
  use("VersionInfo.secondsSince1970") {
    let seconds: [Double] = try list.versions.map(\.secondsSince1970)
    return seconds == seconds.sorted() && seconds[0] > 1_700_000_000
  }
  use("VersionInfo.bytesWritten") { try list.versions.allSatisfy { $0.bytesWritten > 0 } }
  use("VersionInfo.objectCount") {
    let counts: [Int] = try list.versions.map(\.objectCount)
    return counts[1] == counts[0] + 1 && counts[2] == counts[0] + 2
  }
}
