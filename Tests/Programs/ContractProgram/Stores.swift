// Stores, and what they report.

import Containers

func useStores(_ folder: String) throws {
  let path = folder + "/contract.softpm"
  let store = try Store.open(path)
  use("Store") { isSendable(store) }
  use("Store.open(_:_:)") {
    var options = StoreOptions()
    options.createIfMissing = false
    return throwsError(.notFound) { _ = try Store.open(folder + "/none.softpm", options) }
      && throwsError(.storeInUse) { _ = try Store.open(path) }
  }
  use("Store.inMemory()") {
    let memory: Store = try Store.inMemory()
    try memory.close()
    return memory !== store
  }
  use("Store.container(_:initial:attributes:)") {
    let list: Container<List> = try store.container("list", initial: List())
    let numbers: Container<[Int]> = try store.container(
      "numbers", initial: [1, 2, 3], attributes: .init())
    list.update { $0.push(1) }
    try list.persistAndWait(label: "first")
    try numbers.persistAndWait()
    return try store.container("list", initial: List()) === list
  }
  use("Store.versions(of:)") {
    let versions: [VersionInfo] = try store.versions(of: "list")
    return versions.map(\.label) == ["first"]
  }
  useSummaries(of: store)
  useReports(of: store, folder)
  use("Store.formatVersion") { Store.formatVersion > 0 }
  use("Store.driver") { !store.driver.isEmpty }
  use("Store.medium") { !store.medium.isEmpty }
  use("Store.driverReason") {
    let reason: String = store.driverReason
    return reason.utf8.count >= 0
  }
  use("Store.delete(_:)") {
    try store.delete("numbers")
    return throwsError(.noSuchContainer) { try store.delete("numbers") }
  }
  use("Store.close()") {
    try store.close()
    return throwsError(.closed) { _ = try store.containers }
  }
}

private func useSummaries(of store: Store) {
  use("Store.containers") {
    let summaries: [ContainerSummary] = try store.containers
    return summaries.count == 2
  }
  use("ContainerSummary") { try isSendable(store.containers[0]) && isHashable(store.containers[0]) }
  use("ContainerSummary.name") { try store.containers.map(\.name) == ["list", "numbers"] }
  use("ContainerSummary.versionCount") { try store.containers.map(\.versionCount) == [1, 1] }
  use("ContainerSummary.newest") {
    let newest: VersionID? = try store.containers[0].newest
    return try newest == store.versions(of: "list").last?.id
  }
  use("ContainerSummary.chunkSize") {
    try store.containers[0].chunkSize == ContainerAttributes().chunkSize
  }
}

private func useReports(of store: Store, _ folder: String) {
  var told: [StoreProgress] = []
  use("Store.verify(_:)") {
    let report: VerifyReport = try store.verify { told.append($0) }
    return try store.verify().isIntact == report.isIntact
  }
  use("VerifyReport") { try isSendable(store.verify()) }
  use("VerifyReport.versions") { try store.verify().versions == 2 }
  use("VerifyReport.bytesRead") { try store.verify().bytesRead > 0 }
  use("VerifyReport.problems") {
    let problems: [ContainerError] = try store.verify().problems
    return problems.isEmpty
  }
  use("VerifyReport.isIntact") { try store.verify().isIntact }
  use("StoreProgress") { told.allSatisfy { isSendable($0) && isHashable($0) } && !told.isEmpty }
  use("StoreProgress.bytesDone") { told.last?.bytesDone == told.last?.bytesTotal }
  use("StoreProgress.bytesTotal") { told.allSatisfy { $0.bytesDone <= $0.bytesTotal } }
  use("Store.compact(_:)") {
    let report: CompactReport = try store.compact { told.append($0) }
    return try store.compact().bytesAfter <= report.bytesBefore
  }
  use("CompactReport") { try isSendable(store.compact()) && isHashable(store.compact()) }
  use("CompactReport.bytesBefore") { try store.compact().bytesBefore > 0 }
  use("CompactReport.bytesAfter") { try store.compact().bytesAfter > 0 }
  use("CompactReport.allocatedBefore") { try store.compact().allocatedBefore > 0 }
  use("CompactReport.allocatedAfter") { try store.compact().allocatedAfter > 0 }
  use("CompactReport.movedBytes") { try store.compact().movedBytes >= 0 }
  use("CompactReport.waitingBytes") { try store.compact().waitingBytes == 0 }
  use("Store.backup(to:)") {
    try store.backup(to: folder + "/copy.softpm")
    return throwsError(.exists) { try store.backup(to: folder + "/copy.softpm") }
  }
  use("Store.backup(to:progress:)") {
    told = []
    try store.backup(to: folder + "/other copy.softpm") { told.append($0) }
    return !told.isEmpty
  }
  useSpace(of: store)
}

private func useSpace(of store: Store) {
  use("Store.space") {
    let space: SpaceReport = try store.space
    return space.versions.count == 2
  }
  use("SpaceReport") { try isSendable(store.space) }
  use("SpaceReport.byteCount") { try store.space.byteCount > 0 }
  use("SpaceReport.allocatedBytes") { try store.space.allocatedBytes > 0 }
  use("SpaceReport.usedBytes") { try store.space.usedBytes > 0 }
  use("SpaceReport.freeBytes") { try store.space.freeBytes >= 0 }
  use("SpaceReport.waitingBytes") { try store.space.waitingBytes == 0 }
  use("SpaceReport.hasReaders") { try !store.space.hasReaders }
  use("SpaceReport.versions") {
    let versions: [VersionSpace] = try store.space.versions
    return versions.count == 2
  }
  use("VersionSpace") {
    try store.space.versions.allSatisfy { isSendable($0) && isHashable($0) }
  }
  use("VersionSpace.id") {
    try store.space.versions.map(\.id) == store.versions(of: "list").map(\.id)
      + store.versions(of: "numbers").map(\.id)
  }
  use("VersionSpace.container") {
    try store.space.versions.map(\.container) == ["list", "numbers"]
  }
  use("VersionSpace.ownBytes") { try store.space.versions.allSatisfy { $0.ownBytes > 0 } }
  use("VersionSpace.reasons") {
    let reasons: [VersionSpace.Reason] = try store.space.versions[0].reasons
    return reasons.contains(.label)
  }
  use("VersionSpace.Reason") { isSendable(VersionSpace.Reason.label) }
  for reason in VersionSpace.Reason.allCases {
    use("VersionSpace.Reason.\(reason.rawValue)") {
      switch reason {
      case .newest, .label, .branch, .snapshot, .reader, .retention, .shared, .dropped: true
      }
    }
  }
}
