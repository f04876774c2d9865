import Containers
import Testing

/// The promises of the contract that one process can show, through `import Containers` alone.
@Suite("The public contract")
struct ContractTests {
  final class Node {
    var value: Int
    var next: Node?
    init(_ value: Int) { self.value = value }
  }
  final class Chain {
    var head: Node?
    var name = "a chain whose name is too long to be inline"
    func push(_ value: Int) {
      let node = Node(value)
      node.next = head
      head = node
    }
    var values: [Int] {
      var found: [Int] = []
      var node = head
      while let current = node {
        found.append(current.value)
        node = current.next
      }
      return found
    }
  }

  @Test("opening an open name gives the same handle; with another root, .typeChanged")
  func sameHandle() throws {
    let store = try Store.inMemory()
    let first = try store.container("chain", initial: Chain())
    let second = try store.container("chain", initial: Chain())
    #expect(first === second)
    #expect(first.id == second.id)
    expect(.typeChanged) { _ = try store.container("chain", initial: [Int]()) }
    try store.close()
  }

  @Test("initial is evaluated at most once, and only while the name has no version")
  func initialOnce() throws {
    let store = try Store.inMemory()
    var evaluated = 0
    func make() -> Chain {
      evaluated += 1
      return Chain()
    }
    let chain = try store.container("chain", initial: make())
    _ = try store.container("chain", initial: make())
    #expect(evaluated == 1)
    try chain.persistAndWait()
    try chain.close()
    _ = try store.container("chain", initial: make())
    #expect(evaluated == 1)
    try store.close()
  }

  @Test("a point of an unchanged container is the version there is, and writes nothing")
  func unchanged() throws {
    let store = try Store.inMemory()
    let chain = try store.container("chain", initial: Chain())
    chain.update { $0.push(1) }
    let first = try chain.persist()
    try first.wait()
    #expect(first.isDurable)
    #expect(first.statistics.writtenBytes > 0)
    _ = chain.read { $0.values }
    let second = try chain.persist()
    #expect(second.version == first.version)
    #expect(second.statistics.writtenBytes == 0)
    #expect(try chain.versions.map(\.id) == [first.version])
    let third = try chain.persistAndWait(label: "labelled")
    #expect(third > first.version)
    #expect(try chain.versions.last?.label == "labelled")
    try store.close()
  }

  @Test("what was closed comes back with its values, its identities and its cycles")
  func reopen() throws {
    let store = try Store.inMemory()
    let chain = try store.container("chain", initial: Chain())
    chain.update { root in
      for value in 1...1000 { root.push(value) }
      var last = root.head
      while let next = last?.next { last = next }
      last?.next = root.head
    }
    let version = try chain.persistAndWait()
    try chain.close()
    let again = try store.container("chain", initial: Chain())
    #expect(again !== chain)
    #expect(again.version == version)
    again.update { root in
      var node = root.head
      for value in stride(from: 1000, through: 1, by: -1) {
        #expect(node?.value == value)
        node = node?.next
      }
      #expect(node === root.head)
      node?.next = nil
    }
    try store.close()
  }

  @Test("a root may be any copyable type, and is changed in place through `root`")
  func valueRoots() throws {
    let store = try Store.inMemory()
    let words = try store.container("words", initial: [String: [Int]]())
    words.root["one", default: []].append(1)
    words.root["a key that is too long to be inline"] = [1, 2, 3]
    let number = try store.container("number", initial: 41)
    number.root += 1
    try words.persistAndWait()
    try number.persistAndWait()
    try words.close()
    try number.close()
    #expect(
      try store.container("words", initial: [String: [Int]]()).root
        == ["one": [1], "a key that is too long to be inline": [1, 2, 3]])
    #expect(try store.container("number", initial: 0).root == 42)
    try store.close()
  }

  @Test("the free functions find, make, restore, free and delete containers")
  func freeFunctions() throws {
    let store = try Store.inMemory()
    var chain = Chain()
    #expect(try pCRestore("chain", &chain, in: store) == nil)
    let id = try pCAlloc("chain", chain, in: store)
    chain.push(7)
    try pPointSync(id)
    expect(.exists) { try pCAlloc("chain", Chain(), in: store) }
    let point = try pPoint(id)
    try point.wait()
    try pCFree(id)
    expect(.closed) { try pPointSync(id) }

    var restored = Chain()
    let again = try #require(try pCRestore("chain", &restored, in: store))
    #expect(restored.values == [7])
    var other = Chain()
    #expect(try pCRestore("chain", &other, in: store) == again)
    #expect(other === restored)
    try pCDelete(again)
    #expect(try store.containers.isEmpty)
    var gone = Chain()
    #expect(try pCRestore("chain", &gone, in: store) == nil)
    try store.close()
  }

  @Test("attributes are stored by the next point; the fixed ones cannot be set")
  func attributes() throws {
    let store = try Store.inMemory()
    var chain = Chain()
    let id = try pCAlloc("chain", chain, in: store)
    try pCSetAttr(id, .retention(.latest(3)))
    expect(.invalidArgument) { try pCSetAttr(id, .chunkSize(32 << 10)) }
    try pPointSync(id)
    try pCFree(id)
    let again = try #require(try pCRestore("chain", &chain, in: store))
    #expect(try pCGetAttr(again).retention == .latest(3))
    try pCFree(again)
    try store.close()
  }

  @Test("throwing members of a closed container or store throw .closed")
  func closed() throws {
    let store = try Store.inMemory()
    let chain = try store.container("chain", initial: Chain())
    try chain.close()
    expect(.closed) { try chain.persist() }
    expect(.closed) { _ = try chain.versions }
    try store.close()
    expect(.closed) { _ = try store.container("chain", initial: Chain()) }
    expect(.closed) { _ = try store.containers }
  }

  @Test("what a body of update did before it threw stays, and the error comes through")
  func throwingBody() throws {
    struct Refusal: Error {}
    let store = try Store.inMemory()
    let chain = try store.container("chain", initial: Chain())
    #expect(throws: Refusal.self) {
      try chain.update { root in
        root.push(1)
        throw Refusal()
      }
    }
    #expect(chain.read { $0.values } == [1])
    try store.close()
  }

  @Test("a past version can be read beside the present, switched to, and branched")
  func versions() throws {
    let store = try Store.inMemory()
    let chain = try store.container("chain", initial: Chain())
    var made: [VersionID] = []
    for value in 1...3 {
      chain.update { $0.push(value) }
      made.append(try chain.persistAndWait())
    }
    let past = try chain.snapshot(made[0])
    #expect(past.read { $0.values } == [1])
    #expect(chain.read { $0.values } == [3, 2, 1])
    past.close()

    let branch = try chain.branch("branch", from: made[1])
    #expect(branch.read { $0.values } == [2, 1])
    expect(.exists) { _ = try chain.branch("branch") }
    branch.update { $0.push(20) }
    try branch.persistAndWait()

    try chain.switchTo(made[0])
    #expect(chain.root.values == [1])
    let next = try chain.persistAndWait()
    #expect(try chain.versions.last?.parent == made[0])
    #expect(next > made[2])
    expect(.noSuchVersion) { try chain.switchTo(9_999) }
    #expect(branch.root.values == [20, 2, 1])
    try store.close()
  }

  @Test(
    "the free functions take the id of any open container, whoever opened it and kept its handle")
  func idsOfHandles() throws {
    let store = try Store.inMemory()
    let id = try store.container("chain", initial: Chain()).id
    try pCSetAttr(id, .retention(.all))
    let first = try pPointSync(id)
    try store.container("chain", initial: Chain()).update { $0.push(1) }
    try pPoint(id).wait()
    var root = Chain()
    try pCSwitch(id, to: first, &root)
    #expect(try root === store.container("chain", initial: Chain()).root)
    #expect(root.values == [])
    let clone = try pCClone(id, as: "clone", at: first)
    try pCFree(clone)
    expect(.noSuchVersion) { _ = try pCClone(id, as: "another", at: 9_999) }
    try pCFree(id)
    expect(.closed) { try pPoint(id) }
    let again = try store.container("chain", initial: Chain())
    #expect(again.id == id && again.root.values == [1])
    try pCDelete(again.id)
    #expect(try store.containers.map(\.name) == ["clone"])
    try store.close()
    expect(.closed) { try pPoint(again.id) }
  }

  @Test("retention keeps the latest versions, and besides them what is labelled or looked at")
  func retention() throws {
    let store = try Store.inMemory()
    var attributes = ContainerAttributes()
    attributes.retention = .latest(3)
    let chain = try store.container("chain", initial: Chain(), attributes: attributes)
    var made: [VersionID] = []
    var past: Snapshot<Chain>?
    for value in 1...12 {
      chain.update { $0.push(value) }
      made.append(try chain.persistAndWait(label: value == 2 ? "kept" : nil))
      if value == 5 { past = try chain.snapshot(made[4]) }
    }
    #expect(try chain.versions.map(\.id) == [made[1], made[4]] + made.suffix(3))
    #expect(past?.read { $0.values } == [5, 4, 3, 2, 1])
    past?.close()
    try chain.setLabel(nil, on: made[1])
    chain.update { $0.push(13) }
    made.append(try chain.persistAndWait())
    #expect(try chain.versions.map(\.id) == made.suffix(3))
    expect(.noSuchVersion) { _ = try chain.snapshot(made[0]) }
    try chain.deleteVersion(made[11])
    #expect(try chain.versions.map(\.id) == [made[10], made[12]])
    expect(.invalidArgument) { try chain.deleteVersion(made[12]) }
    expect(.noSuchVersion) { try chain.setLabel("gone", on: made[3]) }
    let report = try store.verify()
    #expect(report.isIntact && report.bytesRead > 0)
    try store.close()
  }

  private func expect(
    _ code: ContainerError.Code, sourceLocation: SourceLocation = #_sourceLocation,
    _ body: () throws -> Void
  ) {
    do {
      try body()
      Issue.record("nothing was thrown, expected \(code)", sourceLocation: sourceLocation)
    } catch let error as ContainerError {
      #expect(error.code == code, "\(error)", sourceLocation: sourceLocation)
    } catch {
      Issue.record("\(error) was thrown, expected \(code)", sourceLocation: sourceLocation)
    }
  }
}
