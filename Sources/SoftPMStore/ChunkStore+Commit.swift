import SoftPMBase

extension ChunkStore {
  /// Makes a container that exists in memory only until its first version is durable.
  package func createContainer(
    named name: String, chunkSize: ByteCount
  ) throws(ContainerError) -> StoredContainer {
    let size = chunkSize.rawValue
    guard size >= Limits.chunkBytesLeast, size <= Limits.chunkBytesMost, size & (size - 1) == 0
    else {
      throw ContainerError(
        code: .invalidArgument,
        message: "A chunk is a power of two of bytes, from 4 KiB to 1 MiB; not \(chunkSize).")
    }
    guard !name.isEmpty, name.utf8.count <= Limits.containerNameBytes else {
      throw ContainerError(
        code: .invalidArgument,
        message: "A container's name has 1 to \(Limits.containerNameBytes) bytes of UTF-8.")
    }
    return try monitor.locked { () throws(ContainerError) in
      try usable(changing: true)
      guard graph.container(named: name) == nil else {
        throw ContainerError(
          code: .exists,
          message: "The store already has a container \"\(name)\". Open that one, "
            + "delete it, or choose another name.")
      }
      let number = ContainerNumber(graph.nextContainer)
      graph.nextContainer += 1
      let entry = ContainerEntry(number: number, name: name, chunkBytes: size)
      graph.containers[number] = entry
      return StoredContainer(entry)
    }
  }

  /// Takes a version on its way; returns before anything of it is durable.
  ///
  /// Any thread may call. Waits only while too many versions are in flight. When a fold in the
  /// background has failed, the next commit throws why, once, and takes nothing.
  package func commit(_ request: CommitRequest) throws(ContainerError) -> Commit {
    let commit = try monitor.locked { () throws(ContainerError) in
      try usable(changing: true)
      if owesBackgroundError, let error = backgroundError {
        owesBackgroundError = false
        throw error
      }
      try waitForNumber()
      return try enqueue(request)
    }
    if !request.waitsAtOnce { wake() }
    return commit
  }

  /// Monitor held. Numbers are bounded by what a successor would skip.
  func waitForNumber(asLeader leads: Bool = false) throws(ContainerError) {
    while nextVersion >= numberLimit {
      if hasLeader, !leads {
        monitor.wait()
      } else {
        // Failed points have used the numbers up: a new epoch gives new ones.
        hasLeader = true
        monitor.unlock()
        lead(keepingLead: true)
        var failure: ContainerError?
        do throws(ContainerError) {
          if chain.isBroken || monitor.locked({ nextVersion >= numberLimit }) { try beginEpoch() }
        } catch {
          failure = error
        }
        monitor.lock()
        hasLeader = leads
        monitor.signalAll()
        if let failure { throw failure }
      }
      try usable(changing: true)
    }
  }

  /// Monitor held. What was `streamed` is written already.
  func enqueue(
    _ request: CommitRequest, streamed: [ChunkEntry]? = nil
  ) throws(ContainerError) -> Commit {
    guard let container = graph.containers[request.container], !container.isBeingDeleted else {
      throw .noSuchContainer("with number \(request.container.rawValue)")
    }
    let parent = try parent(of: request, in: container)
    check(request, chunkBytes: container.chunkBytes)
    let version = VersionID(nextVersion)
    nextVersion += 1
    let metadata = request.metadata
    var blob: PageBuffer?
    var place = MetadataPlace.inline(metadata)
    if metadata.count > MetadataPlace.inlineBytesMost {
      blob = PageBuffer(blocksHolding: metadata)
      place = .blocks(
        BlockReference(
          block: Block(0), digest: metadata.withUnsafeBytes { Checksum.digest($0) }),
        byteCount: metadata.count)
    }
    let chunks =
      streamed
      ?? zip(request.chunks, request.digests).map {
        ChunkEntry(chunk: $0, block: Block(0), digest: $1)
      }
    let written =
      chunks.count * container.chunkBytes + (blob?.byteCount ?? 0) + Block.byteCount
    let facts = VersionFacts(
      id: version, container: request.container, parent: request.parent,
      secondsSince1970: clock(), bytesWritten: written, objectCount: request.objectCount,
      label: request.label, metadata: place)
    graph.add(
      VersionNode(
        facts: facts, chunkBytes: container.chunkBytes, chunks: chunks, removed: request.removed,
        parent: parent))
    let commit = Commit(version: version, writtenBytes: written, store: self)
    var changes: [Change] = []
    if !container.isStored, !container.isBeingMade {
      changes.append(
        .containerMade(
          number: container.number, name: container.name, chunkBytes: container.chunkBytes))
      graph.containers[container.number]?.isBeingMade = true
    }
    changes.append(.versionMade(facts, removed: request.removed, chunks: chunks))
    let victims = try superseded(by: version, in: container)
    changes += victims.map { .versionDropped($0.facts.id) }
    queue.append(
      Transaction(
        changes: changes, commit: commit, images: request.images,
        isStreamed: streamed != nil, chunkBytes: container.chunkBytes, metadata: blob
      ) { failure in
        for victim in victims {
          victim.isBeingDropped = false
          if failure == nil { self.graph.drop(victim) }
        }
        if failure == nil {
          self.graph.publish(version)
          self.lastAnnounced = max(self.lastAnnounced, version.rawValue)
        } else {
          self.graph.forget(version)
          self.graph.containers[request.container]?.isBeingMade = false
        }
      })
    return commit
  }

  private func parent(
    of request: CommitRequest, in container: ContainerEntry
  ) throws(ContainerError) -> VersionNode? {
    guard let id = request.parent else { return nil }
    guard let parent = try graph.find(id), !parent.isBeingDropped else { throw .noSuchVersion(id) }
    guard parent.chunkBytes == container.chunkBytes else {
      throw ContainerError(
        code: .invalidArgument,
        message: "A branch has chunks of its origin's size, \(ByteCount(parent.chunkBytes)).")
    }
    return parent
  }

  /// Mistakes of the caller, not of a file.
  private func check(_ request: CommitRequest, chunkBytes: Int) {
    precondition(request.digests.count == request.chunks.count)
    precondition(request.images.starts.count == request.chunks.count)
    precondition(zip(request.chunks, request.chunks.dropFirst()).allSatisfy { $0 < $1 })
    precondition(request.metadata.count <= Limits.metadataBytes)
    precondition((request.label?.utf8.count ?? 0) <= Limits.labelBytes)
  }

  // MARK: Other changes

  /// Removes a container and its versions; durable when it returns. Versions that branches
  /// descend from stay for those, unlisted.
  package func deleteContainer(_ number: ContainerNumber) throws(ContainerError) {
    try perform { () throws(ContainerError) in
      guard let container = self.graph.containers[number], !container.isBeingDeleted else {
        throw .noSuchContainer("with number \(number.rawValue)")
      }
      guard container.isStored || container.isBeingMade else {
        self.graph.containers[number] = nil
        return nil
      }
      try self.graph.loadAll()
      self.graph.containers[number]?.isBeingDeleted = true
      return Transaction(changes: [.containerDeleted(number)]) { failure in
        if failure == nil {
          // Everything was read before the barrier was queued, so this cannot fail.
          try? self.graph.remove(number)
        } else {
          self.graph.containers[number]?.isBeingDeleted = false
        }
      }
    }
  }

  /// Removes one version from the list; durable when it returns.
  package func deleteVersion(_ version: VersionID) throws(ContainerError) {
    try perform { () throws(ContainerError) in
      guard let node = try self.graph.find(version), node.isDurable, !node.isBeingDropped else {
        throw .noSuchVersion(version)
      }
      guard self.graph.containers[node.facts.container]?.newest != version else {
        throw ContainerError(
          code: .invalidArgument,
          message: "Version \(version) is the container's newest: delete the container instead.")
      }
      node.isBeingDropped = true
      return Transaction(changes: [.versionDropped(version)]) { failure in
        node.isBeingDropped = false
        if failure == nil { self.graph.drop(node) }
      }
    }
  }

  /// Gives a version a label, or takes it away; durable when it returns.
  package func setLabel(_ label: String?, on version: VersionID) throws(ContainerError) {
    guard (label?.utf8.count ?? 0) <= Limits.labelBytes else {
      throw ContainerError(
        code: .invalidArgument, message: "A label has at most \(Limits.labelBytes) bytes.")
    }
    try perform { () throws(ContainerError) in
      guard let node = try self.graph.find(version), node.isDurable, !node.isBeingDropped else {
        throw .noSuchVersion(version)
      }
      return Transaction(changes: [.labelSet(version, label)]) { failure in
        guard failure == nil else { return }
        self.graph.setLabel(label, on: node)
      }
    }
  }

  /// Queues what `make` (called with the monitor held) returns, and waits for it.
  private func perform(
    _ make: () throws(ContainerError) -> Transaction?
  ) throws(ContainerError) {
    let transaction = try monitor.locked { () throws(ContainerError) in
      try usable(changing: true)
      let transaction = try make()
      if let transaction { queue.append(transaction) }
      return transaction
    }
    guard let transaction else { return }
    try drive { transaction.outcome }
  }
}
