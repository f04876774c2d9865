// The vocabulary of SoftPM.

import Containers

/// SoftPM's own example, as the contract has it, over the default store.
func useExample() throws {
  for run in 1...2 {
    var list = List()
    let id = try pCRestore("list", &list) ?? pCAlloc("list", list)
    let e = Entry(42)
    e.next = list.head
    list.head = e
    try pPointSync(id)
    use("Store.default") {
      // One instance, named by SOFTPM_STORE.
      let store: Store = try Store.default
      return try store === Store.default && list.values == Array(repeating: 42, count: run)
    }
    try pCFree(id)
  }
}

func useFreeFunctions() throws {
  let store = try Store.inMemory()
  var list = List()
  use("pCRestore(_:_:version:in:)") {
    let none: ContainerID? = try pCRestore("list", &list, version: nil, in: store)
    return none == nil
  }
  let id: ContainerID = try pCAlloc("list", list, in: store)
  use("pCAlloc(_:_:in:attributes:)") {
    let other: ContainerID = try pCAlloc("other", List(), in: store, attributes: .init())
    return other != id && throwsError(.exists) { try pCAlloc("other", List(), in: store) }
  }
  use("ContainerID") { isHashable(id) && isSendable(id) }
  use("ContainerID.description") { isText(id) && id.description != "" }
  list.push(1)
  use("pPoint(_:)") {
    try pPoint(id)  // The result may be left.
    let point: PersistencePoint = try pPoint(id)
    try point.wait()
    return point.isDurable
  }
  list.push(2)
  use("pPointSync(_:)") {
    let version: VersionID = try pPointSync(id)
    list.push(3)
    try pPointSync(id)
    return try version == store.versions(of: "list")[1].id
  }
  use("pExclude(_:_:)") {
    try pExclude(id, \List.scratch)
    list.scratch = [1, 2, 3]
    try pPointSync(id)
    return throwsError(.notExcludable) { try pExclude(id, \List.values) }
  }
  useAttributeFunctions(id)
  use("pCSwitch(_:to:_:)") {
    let versions = try store.versions(of: "list").map(\.id)
    try pCSwitch(id, to: versions[1], &list)
    return list.values == [2, 1]
  }
  use("pCClone(_:as:at:)") {
    let first = try store.versions(of: "list")[0].id
    let clone: ContainerID = try pCClone(id, as: "clone", at: first)
    _ = try pCClone(id, as: "clone of the newest")
    var root = List()
    return try pCRestore("clone", &root, in: store) == clone && root.values == [1]
  }
  use("withoutScope(_:)") {
    let numbers: [Int] = withoutScope { [1, 2, 3] }
    return throwsError(.closed) { try withoutScope { throw ContainerError.closedForUse } }
      && numbers.count == 3
  }
  use("prepareForSystemCall(_:)") {
    let bytes = [UInt8](repeating: 1, count: 100)
    bytes.withUnsafeBytes { prepareForSystemCall($0) }
    return bytes.allSatisfy { $0 == 1 }
  }
  use("pCFree(_:)") {
    try pCFree(id)
    return throwsError(.closed) { try pCFree(id) }
  }
  use("pCDelete(_:)") {
    let again = try pCRestore("list", &list, in: store)
    guard let again else { return false }
    try pCDelete(again)
    return try pCRestore("list", &list, in: store) == nil
  }
  try store.close()
}

private func useAttributeFunctions(_ id: ContainerID) {
  use("ContainerAttribute") {
    isSendable(ContainerAttribute.autoPersist(.manual))
      && isHashable(ContainerAttribute.autoPersist(.manual))
  }
  use("ContainerAttribute.autoPersist") {
    try pCSetAttr(id, .autoPersist(.everyUpdate))
    defer { try? pCSetAttr(id, .autoPersist(.manual)) }
    return try pCGetAttr(id).autoPersist == .everyUpdate
  }
  use("ContainerAttribute.retention") {
    try pCSetAttr(id, .retention(.latest(9)))
    return try pCGetAttr(id).retention == .latest(9)
  }
  use("ContainerAttribute.tracking") {
    try pCSetAttr(id, .tracking(.automatic))
    return try pCGetAttr(id).tracking == .automatic
  }
  // Fixed at creation.
  use("ContainerAttribute.chunkSize") {
    throwsError(.invalidArgument) { try pCSetAttr(id, .chunkSize(64 << 10)) }
  }
  use("ContainerAttribute.addressSpace") {
    throwsError(.invalidArgument) { try pCSetAttr(id, .addressSpace(1 << 30)) }
  }
  use("pCSetAttr(_:_:)") {
    try pCSetAttr(id, .retention(.all))
    return throwsError(.invalidArgument) { try pCSetAttr(id, .retention(.latest(0))) }
  }
  use("pCGetAttr(_:)") {
    let attributes: ContainerAttributes = try pCGetAttr(id)
    return attributes.retention == .all
  }
}

extension ContainerError {
  static var closedForUse: ContainerError { ContainerError(code: .closed, message: "On purpose.") }
}
