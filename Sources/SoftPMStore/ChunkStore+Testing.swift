// White-box questions for the store's own tests.

import SoftPMBase

extension ChunkStore {
  /// The blocks that listed versions need: images and metadata. None may be overwritten.
  package func occupiedByListedVersions() throws(ContainerError) -> Set<UInt64> {
    let nodes = try monitor.locked { () throws(ContainerError) in
      try graph.loadAll()
      return graph.versions.values.filter(\.isDurable)
    }
    var blocks: Set<UInt64> = []
    for node in nodes {
      let size = node.chunkBytes / Block.byteCount
      for entry in try table(of: node.facts.id) {
        for place in 0..<size { blocks.insert((entry.block + place).rawValue) }
      }
      if case .blocks(let place, let byteCount) = node.facts.metadata {
        for index in 0..<Block.count(holding: byteCount) {
          blocks.insert((place.block + index).rawValue)
        }
      }
    }
    return blocks
  }
}

extension ChunkStore {
  /// Where the image of each chunk of a version begins.
  package func places(of version: VersionID) throws(ContainerError) -> [ChunkIndex: Int] {
    var places: [ChunkIndex: Int] = [:]
    for entry in try table(of: version) { places[entry.chunk] = entry.block.offset }
    return places
  }

  /// Whether the last fold left a dropped version partly given back.
  package var isGivingBack: Bool { monitor.locked { graph.unfinished != nil } }

  /// The number that the next version gets, if nobody else commits before.
  package var nextVersionNumber: UInt64 { monitor.locked { nextVersion } }

  /// Waits until no zeros are being written and nothing that was queued in the background is left.
  package func waitForBackground() {
    waitForZeros()
    queueThread.sync {}
  }
}

extension ChunkStore {
  /// A view that this process holds, as a reader would, and the blocks that it leads to.
  package struct HeldView {
    fileprivate let sequence: UInt64
    package let blocks: Set<UInt64>
  }

  package func holdViewForTesting() -> HeldView {
    let view = holdView()
    return HeldView(sequence: view, blocks: (try? occupiedByListedVersions()) ?? [])
  }

  package func letGoForTesting(_ view: HeldView) { letGo(view.sequence) }
}
