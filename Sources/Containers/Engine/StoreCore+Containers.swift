import SoftPMBase
import SoftPMHeap
import SoftPMStore
import SoftPMTypes

extension StoreCore {
  /// The open container of that name, else the stored one restored, else a new one whose root is
  /// `initial()`.
  func container<Root>(
    _ name: String, initial: () throws -> Root, attributes: ContainerAttributes
  ) throws -> ContainerCore {
    try withoutScopes {
      try Self.check(name: name)
      return try whileOpening(name) {
        if let core = try existing(name, as: Root.self) { return core }
        guard !isReadOnly else { throw noSuchContainer(name) }
        return try make(name, initial: initial, attributes: attributes)
      }
    }
  }

  /// The open container of that name, else the stored one restored, else nil.
  private func existing<Root>(
    _ name: String, as root: Root.Type, version: VersionID? = nil
  ) throws -> ContainerCore? {
    if let core = openContainer(name) {
      try core.requireRoot(Root.self)
      if let version { try core.switchTo(version, as: Root.self) }
      return core
    }
    guard let stored = try chunks.container(named: name), let newest = stored.newest else {
      return nil
    }
    if let version { try require(version, of: stored) }
    return try restore(stored, version: version ?? newest, as: Root.self, isNewest: version == nil)
  }

  private func require(
    _ version: VersionID, of stored: StoredContainer
  ) throws(ContainerError) {
    guard try chunks.versions(of: stored.number).contains(where: { $0.id == version }) else {
      throw ContainerError.noSuchVersion(version, of: stored.name)
    }
  }

  /// The container of that name, open or stored; nil where there is none.
  func find<Root>(
    _ name: String, as root: Root.Type, version: VersionID? = nil
  ) throws -> ContainerCore? {
    try Self.check(name: name)
    return try whileOpening(name) { try existing(name, as: Root.self, version: version) }
  }

  /// A new container with this root; `.exists` where the name is taken.
  func make<Root>(
    _ name: String, root: Root, attributes: ContainerAttributes
  ) throws -> ContainerCore {
    try Self.check(name: name)
    return try whileOpening(name) {
      try requireWritable()
      try requireFree(name)
      return try make(name, initial: { root }, attributes: attributes)
    }
  }

  /// Removes a container and all its versions.
  func delete(_ name: String) throws {
    try requireOpen()
    try requireWritable()
    try whileOpening(name) {
      let open = openContainer(name)
      let stored = try chunks.container(named: name)
      guard let number = open?.number ?? stored?.number else { throw noSuchContainer(name) }
      try open?.close()
      try chunks.deleteContainer(number)
    }
  }

  func noSuchContainer(_ name: String) -> ContainerError {
    ContainerError(
      code: .noSuchContainer, message: "The store has no container named \"\(name)\".", path: path)
  }

  // MARK: Making

  private func make<Root>(
    _ name: String, initial: () throws -> Root, attributes: ContainerAttributes
  ) throws -> ContainerCore {
    try HeapSupport.require()
    try attributes.validate()
    ShapeIndex.noteRoot(Root.self)
    let arena = try Arena.reserve(
      home: nil, addressSpace: ByteCount(attributes.addressSpace),
      chunkSize: ByteCount(attributes.chunkSize))
    do {
      let box = try arena.inScope { RootBox(try initial()) }
      try chunks.startWriting()
      let stored = try chunks.createContainer(
        named: name, chunkSize: ByteCount(attributes.chunkSize))
      let core = ContainerCore(
        name: name, number: stored.number, store: self, rootType: Root.self,
        attributes: attributes, arena: arena, rootBox: box,
        line: ContainerCore.Line())
      try follow(attributes.retention, of: stored.number)
      register(core)
      core.clock.follow(attributes.autoPersist, of: core)
      return core
    } catch {
      arena.close()
      throw error
    }
  }

  // MARK: Restoring

  private func restore<Root>(
    _ stored: StoredContainer, version: VersionID, as root: Root.Type, isNewest: Bool
  ) throws -> ContainerCore {
    try HeapSupport.require()
    let restored = try Restored(
      version, as: Root.self, from: self, chunkSize: stored.chunkSize, name: stored.name)
    let core = ContainerCore(
      name: stored.name, number: stored.number, store: self, rootType: Root.self,
      attributes: restored.attributes, arena: restored.arena, rootBox: restored.rootBox,
      line: restored.line)
    core.line.mustCommit = !isNewest || restored.migration != nil
    core.migration = restored.migration
    core.state.withLock { state in
      state.statistics.objectCount = restored.line.memberCount
      state.statistics.isAtHome = restored.arena.isAtHome
    }
    if restored.wasRehashed { try core.rememberRebuiltImages() }
    if !isReadOnly { try chunks.startWriting() }
    try follow(restored.attributes.retention, of: stored.number)
    register(core)
    if !isReadOnly { core.clock.follow(restored.attributes.autoPersist, of: core) }
    return core
  }
}

extension Restoration {
  /// The type of the restored root, without the box around it.
  func rootName(of box: AnyObject) -> String {
    let name = shownName(type(of: box))
    guard let start = name.firstRange(of: "RootBox<"), name.hasSuffix(">") else { return name }
    return String(name[start.upperBound...].dropLast())
  }
}

extension ContainerError {
  static func noSuchVersion(_ version: VersionID, of name: String) -> ContainerError {
    ContainerError(
      code: .noSuchVersion,
      message: "The container \"\(name)\" has no version \(version). It may have been dropped; "
        + "`versions` lists those that are kept.")
  }
}

extension ContainerCore {
  func requireRoot<Root>(_ type: Root.Type) throws(ContainerError) {
    guard rootType == Root.self else {
      throw Self.rootDiffers(name, stored: shownName(rootType), asked: Root.self)
    }
  }

  static func rootDiffers(
    _ name: String, stored: String, asked: any Any.Type
  ) -> ContainerError {
    ContainerError(
      code: .typeChanged,
      message: "The root of the container \"\(name)\" is of type \(stored), not "
        + "\(shownName(asked)). Open it with that type, or use another name.", path: "root")
  }

  /// After hash tables were rebuilt under this process's seeds: remembers what unchanged chunks
  /// look like now, so that the rebuilding alone makes no version.
  func rememberRebuiltImages() throws(ContainerError) {
    guard looksAtChanges else {
      let taken = try takeEverything(comparingWith: [:])
      line.rebuilt = Dictionary(uniqueKeysWithValues: taken.changed.map { ($0.chunk, $0.digest) })
      return
    }
    var fixed = try fix(makesVersion: false, isAwaited: true)
    fixed = try imageAll(fixed.membership, comparingWith: [:])
    line.rebuilt = Dictionary(
      uniqueKeysWithValues: fixed.imager.changed.map { ($0.chunk, $0.digest) })
  }
}
