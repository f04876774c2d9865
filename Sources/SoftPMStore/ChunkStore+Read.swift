import SoftPMBase

extension StoredContainer {
  init(_ entry: ContainerEntry) {
    self.init(
      number: entry.number, name: entry.name, chunkSize: ByteCount(entry.chunkBytes),
      newest: entry.newest, versionCount: entry.versionCount)
  }
}

/// The chunk tables last asked for, whole. Guarded by the store's monitor.
struct TableCache {
  /// Enough for a restore beside a diff of two versions.
  private static let most = 4
  private var tables: [(version: VersionID, entries: [ChunkEntry])] = []

  mutating func find(_ version: VersionID) -> [ChunkEntry]? {
    guard let index = tables.firstIndex(where: { $0.version == version }) else { return nil }
    let found = tables.remove(at: index)
    tables.append(found)
    return found.entries
  }

  mutating func keep(_ entries: [ChunkEntry], of version: VersionID) {
    if tables.count == TableCache.most { tables.removeFirst() }
    tables.append((version, entries))
  }
}

extension ChunkStore {
  /// The containers that have a durable version, by number.
  package var containers: [StoredContainer] {
    get throws(ContainerError) {
      try monitor.locked { () throws(ContainerError) in
        try usable(changing: false)
        return graph.containers.values.filter { $0.isStored && !$0.isBeingDeleted }
          .map(StoredContainer.init).sorted { $0.number < $1.number }
      }
    }
  }

  package func container(named name: String) throws(ContainerError) -> StoredContainer? {
    try containers.first { $0.name == name }
  }

  /// The durable versions of a container, oldest first.
  package func versions(of container: ContainerNumber) throws(ContainerError) -> [StoredVersion] {
    try monitor.locked { () throws(ContainerError) in
      try usable(changing: false)
      guard graph.containers[container] != nil else {
        throw .noSuchContainer("with number \(container.rawValue)")
      }
      return try graph.listed(container).map { node in
        StoredVersion(
          id: node.facts.id, container: container, parent: node.facts.parent,
          label: node.facts.label, secondsSince1970: node.facts.secondsSince1970,
          bytesWritten: node.facts.bytesWritten, objectCount: node.facts.objectCount)
      }
    }
  }

  /// The blob that was committed with a version.
  package func metadata(of version: VersionID) throws(ContainerError) -> [UInt8] {
    try whileMoving { () throws(ContainerError) in
      let place = try self.monitor.locked { () throws(ContainerError) in
        try self.durable(version).facts.metadata
      }
      switch place {
      case .inline(let bytes): return bytes
      case .blocks(let reference, let byteCount):
        let buffer = PageBuffer(
          byteCount: Block.count(holding: byteCount) * Block.byteCount, zeroed: false)
        try self.readChecked(
          buffer.bytes, count: byteCount, at: reference.block, reference.digest, "metadata")
        return [UInt8](buffer.readOnly[..<byteCount])
      }
    }
  }

  /// The chunks of a version, ascending.
  package func chunks(of version: VersionID) throws(ContainerError) -> [StoredChunk] {
    try table(of: version).map { StoredChunk(index: $0.chunk, digest: $0.digest) }
  }

  /// Reads a chunk's image, which is checked against its digest. Page-aligned targets of the
  /// chunk's size are read into directly.
  package func read(
    _ chunk: ChunkIndex, of version: VersionID, into target: UnsafeMutableRawBufferPointer
  ) throws(ContainerError) {
    let size = try monitor.locked { () throws(ContainerError) in
      try durable(version).chunkBytes
    }
    precondition(target.count == size, "a chunk is read whole")
    try whileMoving { () throws(ContainerError) in
      guard let entry = try self.table(of: version).entry(of: chunk) else {
        throw ContainerError(
          code: .invalidArgument, message: "Version \(version) has no \(chunk).")
      }
      try self.readChecked(
        target, count: size, at: entry.block, entry.digest, "the image of \(chunk)")
    }
  }

  /// Does it again when something was moved meanwhile: its places may have been stale.
  private func whileMoving<Result>(
    _ body: () throws(ContainerError) -> Result
  ) throws(ContainerError) -> Result {
    while true {
      let before = monitor.locked { moves }
      do throws(ContainerError) {
        return try body()
      } catch  where error.code == .corrupt {
        if monitor.locked({ moves }) == before { throw error }
      }
    }
  }

  /// Reads from the cache, and past it before calling anything damaged.
  func readChecked(
    _ target: UnsafeMutableRawBufferPointer, count: Int, at block: Block, _ digest: Digest,
    _ what: String
  ) throws(ContainerError) {
    for source in [ReadSource.cache, .medium] {
      try medium.read(into: target, at: block.offset, from: source)
      let bytes = UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(target)[..<count])
      if Checksum.digest(bytes) == digest { return }
    }
    throw .corrupt(at: UInt64(block.offset), expected: "\(what) with digest \(digest)")
  }

  /// Monitor held.
  func durable(_ version: VersionID) throws(ContainerError) -> VersionNode {
    try usable(changing: false)
    guard let node = try graph.find(version), node.isDurable else {
      throw .noSuchVersion(version)
    }
    return node
  }

  func table(of version: VersionID) throws(ContainerError) -> [ChunkEntry] {
    try monitor.locked { () throws(ContainerError) in
      let node = try durable(version)
      if let known = tables.find(version) { return known }
      let reader = TreeReader(medium: medium, identity: identity)
      let entries = try node.table(reader)
      tables.keep(entries, of: version)
      return entries
    }
  }
}

extension VersionNode {
  /// The whole chunk table, ascending.
  func table(_ reader: TreeReader) throws(ContainerError) -> [ChunkEntry] {
    var line: [VersionNode] = []
    var next: VersionNode? = self
    var base: TreeReference?
    while let node = next {
      if node.isFolded {
        base = node.tree
        break
      }
      line.append(node)
      next = node.parent
    }
    var folded: [ChunkEntry] = []
    try reader.walk(base, from: isFolded ? reclaimedBelow : 0) {
      (key, value) throws(ContainerError) in
      guard let chunk = UInt32(exactly: key) else {
        throw .corrupt(at: nil, expected: "a chunk's index")
      }
      let place = try ChunkPlace(decoding: value)
      folded.append(
        ChunkEntry(chunk: ChunkIndex(chunk), block: place.block, digest: place.digest))
    }
    if line.isEmpty { return folded }
    var entries: [ChunkIndex: ChunkEntry] = [:]
    for entry in folded { entries[entry.chunk] = entry }
    for node in line.reversed() {
      for chunk in node.removed { entries[chunk] = nil }
      for entry in node.chunks { entries[entry.chunk] = entry }
    }
    return entries.values.sorted { $0.chunk < $1.chunk }
  }
}

extension [ChunkEntry] {
  /// The entry of a chunk in a table, which is sorted.
  func entry(of chunk: ChunkIndex) -> ChunkEntry? {
    var low = 0
    var high = count
    while low < high {
      let middle = (low + high) / 2
      if self[middle].chunk < chunk { low = middle + 1 } else { high = middle }
    }
    return low < count && self[low].chunk == chunk ? self[low] : nil
  }
}
