// Plain values: versions, attributes, options, statistics.

import Containers

func useValues() {
  use("VersionID") {
    let version: VersionID = 7
    return isSendable(version) && isHashable(version) && isText(version)
  }
  use("VersionID.init(_:)") { VersionID(7).rawValue == 7 }
  use("VersionID.init(integerLiteral:)") { VersionID(integerLiteral: 7) == 7 }
  use("VersionID.rawValue") {
    let number: UInt64 = (7 as VersionID).rawValue
    return number == 7
  }
  use("VersionID.<(_:_:)") { (6 as VersionID) < 7 && max(6, 7 as VersionID) == 7 }
  use("VersionID.description") { (7 as VersionID).description == "7" }
  use("ContainerChange") {
    isSendable(ContainerChange(path: "root.a", before: nil, after: "1"))
  }
  let change = ContainerChange(path: "root.a", before: "1", after: nil)
  use("ContainerChange.init(path:before:after:)") {
    isHashable(ContainerChange(path: "", before: nil, after: nil))
  }
  use("ContainerChange.path") { change.path == "root.a" }
  use("ContainerChange.before") { change.before == "1" }
  use("ContainerChange.after") { change.after == nil }
  use("ContainerChange.description") { change.description == "root.a: 1 → nil" }
  useAttributes()
  useOptions()
  useStatistics()
}

private func useAttributes() {
  use("ContainerAttributes") {
    isSendable(ContainerAttributes()) && isHashable(ContainerAttributes())
  }
  use("ContainerAttributes.init()") {
    let attributes: ContainerAttributes = .init()
    return attributes.retention == .latest(64)
  }
  var attributes = ContainerAttributes()
  use("ContainerAttributes.autoPersist") {
    defer { attributes.autoPersist = .everyUpdate }
    return attributes.autoPersist == .manual
  }
  use("ContainerAttributes.AutoPersist") {
    let value: ContainerAttributes.AutoPersist = attributes.autoPersist
    return isSendable(value)
  }
  use("ContainerAttributes.AutoPersist.manual") { attributes.autoPersist != .manual }
  use("ContainerAttributes.AutoPersist.everyUpdate") { attributes.autoPersist == .everyUpdate }
  use("ContainerAttributes.AutoPersist.every") {
    attributes.autoPersist = .every(.milliseconds(5))
    guard case .every(let pace) = attributes.autoPersist else { return false }
    return pace == .milliseconds(5)
  }
  use("ContainerAttributes.retention") {
    defer { attributes.retention = .all }
    return attributes.retention == .latest(64)
  }
  use("ContainerAttributes.Retention") {
    let value: ContainerAttributes.Retention = attributes.retention
    return isSendable(value)
  }
  use("ContainerAttributes.Retention.all") { attributes.retention == .all }
  use("ContainerAttributes.Retention.latest") {
    ContainerAttributes.Retention.latest(3) != .latest(4)
  }
  use("ContainerAttributes.Retention.since") {
    ContainerAttributes.Retention.since(.seconds(60)) == .since(.seconds(60))
  }
  use("ContainerAttributes.tracking") {
    defer { attributes.tracking = .signal }
    return attributes.tracking == .automatic
  }
  use("ContainerAttributes.WriteTracking") {
    let value: ContainerAttributes.WriteTracking = attributes.tracking
    return isSendable(value)
  }
  use("ContainerAttributes.WriteTracking.automatic") { attributes.tracking != .automatic }
  use("ContainerAttributes.WriteTracking.kernel") { attributes.tracking != .kernel }
  use("ContainerAttributes.WriteTracking.signal") { attributes.tracking == .signal }
  use("ContainerAttributes.chunkSize") {
    let size: Int = attributes.chunkSize
    attributes.chunkSize = 64 << 10
    return size > 0 && attributes.chunkSize == 64 << 10
  }
  use("ContainerAttributes.addressSpace") {
    let size: Int = attributes.addressSpace
    attributes.addressSpace = 1 << 30
    return size > 0 && attributes.addressSpace == 1 << 30
  }
}

private func useOptions() {
  use("StoreOptions") { isSendable(StoreOptions()) }
  use("StoreOptions.init()") {
    let options: StoreOptions = .init()
    return options.createIfMissing
  }
  var options = StoreOptions()
  use("StoreOptions.driver") {
    defer { options.driver = .posix }
    return options.driver == .automatic
  }
  use("StoreOptions.Driver") {
    let driver: StoreOptions.Driver = options.driver
    return isSendable(driver)
  }
  use("StoreOptions.Driver.automatic") { options.driver != .automatic }
  use("StoreOptions.Driver.uring") { options.driver != .uring }
  use("StoreOptions.Driver.pmem") { options.driver != .pmem }
  use("StoreOptions.Driver.posix") { options.driver == .posix }
  use("StoreOptions.createIfMissing") {
    defer { options.createIfMissing = false }
    return options.createIfMissing == true
  }
  use("StoreOptions.readOnly") {
    defer { options.readOnly = true }
    return options.readOnly == false
  }
  use("StoreOptions.trust") {
    defer { options.trust = .untrusted }
    return options.trust == .sameUser
  }
  use("StoreOptions.Trust") {
    let trust: StoreOptions.Trust = options.trust
    return isSendable(trust)
  }
  use("StoreOptions.Trust.sameUser") { options.trust != .sameUser }
  use("StoreOptions.Trust.untrusted") { options.trust == .untrusted }
  use("StoreOptions.lockTimeout") {
    let timeout: Duration = options.lockTimeout
    options.lockTimeout = .seconds(1)
    return timeout == .zero && options.lockTimeout == .seconds(1)
  }
}

private func useStatistics() {
  use("PointStatistics") { isSendable(PointStatistics()) && isHashable(PointStatistics()) }
  use("PointStatistics.init()") { PointStatistics().stall == .zero }
  use("ContainerStatistics") { isSendable(ContainerStatistics()) }
  use("ContainerStatistics.init()") { ContainerStatistics().lastError == nil }
}
