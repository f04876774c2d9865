// Long random lives of a store against a model: drops, branches, retention, readers, compaction,
// crashes. After each recovery nothing is lost, and nothing leaked.

import Foundation
import SoftPMBase
import SoftPMStore
import SoftPMTesting
import Testing

@Suite struct HistoryTests {
  /// What a version is to hold: which image each chunk has.
  private struct Version {
    var container: String
    var chunks: [UInt32: UInt64]
  }

  /// One life: a device, what must be on it, and what readers saw.
  private struct Life {
    var random: StoreRandom
    var device: StoreRecordingDevice
    var store: ChunkStore
    var versions: [VersionID: Version] = [:]
    var newest: [String: VersionID] = [:]
    var views: [(view: ChunkStore.HeldView, versions: [VersionID: Version])] = []
    var nextImage: UInt64 = 1
    var images = StoreImageCache()
    let options: StoreFileOptions
    /// In every third life containers have several hundred chunks, and a fold gives back one leaf
    /// of their tables at a time.
    let chunkCount: UInt32
    var partlyReclaimed = 0

    init(seed: UInt64) throws {
      chunkCount = seed % 3 == 1 ? 400 : 60
      random = StoreRandom(seed: seed)
      device = StoreRecordingDevice(NewStore.image(), seed: seed)
      var options = StoreFileOptions()
      options.foldAfter = .max
      options.watermarkDelay = nil
      if chunkCount > 60 {
        options.reclaimReads = 1
        options.reclaimReadsPerNode = 0
      }
      self.options = options
      store = try ChunkStore.open(on: device, options)
    }

    mutating func pick<Element>(_ elements: [Element]) -> Element? {
      elements.randomElement(using: &random)
    }
  }

  private func step(_ life: inout Life) throws {
    let name = life.pick(life.newest.keys.sorted())
    switch Int.random(in: 0..<100, using: &life.random) {
    case 0..<6 where life.newest.count < 5, 0..<100 where name == nil:
      try point(&life, "c\(life.nextImage)", parent: nil)
    case 0..<55:
      try point(&life, name!, parent: life.newest[name!])
    case 55..<62:
      // Back to an older version of the same container, or a branch from any.
      let base = life.pick(life.versions.keys.sorted())!
      let isBranch = life.newest.count < 6 && Bool.random(using: &life.random)
      let target = isBranch ? "c\(life.nextImage)" : life.versions[base]!.container
      if life.newest[target] != nil || isBranch { try point(&life, target, parent: base) }
    case 62..<74:
      let old = life.versions.keys.filter { !life.newest.values.contains($0) }.sorted()
      guard let version = life.pick(old) else { return }
      try life.store.deleteVersion(version)
      life.versions[version] = nil
    case 74..<76 where life.newest.count > 2:
      let number = try #require(try life.store.container(named: name!)).number
      try life.store.deleteContainer(number)
      life.newest[name!] = nil
      life.versions = life.versions.filter { $0.value.container != name! }
    case 76..<83:
      life.views.append((life.store.holdViewForTesting(), life.versions))
    case 83..<86 where !life.views.isEmpty:
      let index = Int.random(in: 0..<life.views.count, using: &life.random)
      life.store.letGoForTesting(life.views.remove(at: index).view)
    case 86..<96:
      try life.store.checkpointNow()
      if life.store.isGivingBack { life.partlyReclaimed += 1 }
    case 96..<98: _ = try life.store.compact()
    default: try reopen(&life, closing: Bool.random(using: &life.random))
    }
  }

  private func point(_ life: inout Life, _ name: String, parent: VersionID?) throws {
    let known = try life.store.container(named: name)
    let number =
      try known?.number ?? life.store.createContainer(named: name, chunkSize: .kibibytes(4)).number
    var chunks = parent.flatMap { life.versions[$0]?.chunks } ?? [:]
    var content: [UInt32: [UInt8]] = [:]
    let most = life.chunkCount > 60 && Int.random(in: 0..<8, using: &life.random) == 0 ? 300 : 12
    let count = Int.random(in: 1...most, using: &life.random)
    for _ in 0..<count {
      let chunk = UInt32.random(in: 0..<life.chunkCount, using: &life.random)
      life.nextImage += 1
      chunks[chunk] = life.nextImage
      content[chunk] = life.images.image(life.nextImage, 4096)
    }
    let removed = chunks.keys.sorted().filter {
      content[$0] == nil && parent != nil && Int.random(in: 0..<20, using: &life.random) == 0
    }
    for chunk in removed { chunks[chunk] = nil }
    let blob = [UInt8](repeating: 5, count: Int.random(in: 0...1, using: &life.random) * 6000)
    var request = StoreFixture.request(
      number, parent: parent, content, removed: removed, metadata: blob)
    request.waitsAtOnce = true
    let commit = try life.store.commit(request)
    try commit.wait()
    life.versions[commit.version] = Version(container: name, chunks: chunks)
    life.newest[name] = commit.version
    life.nextImage += 1
  }

  /// The process ends and another one begins: readers of the old one are gone with it.
  private func reopen(_ life: inout Life, closing: Bool) throws {
    if closing { try life.store.close() }
    life.device.reopened()
    life.views = []
    life.store = try ChunkStore.open(on: life.device, life.options)
    try check(&life)
  }

  private func check(_ life: inout Life) throws {
    #expect(try Set(life.store.containers.map(\.name)) == Set(life.newest.keys))
    for (id, version) in life.versions {
      let stored = try life.store.content(of: id)
      #expect(stored.count == version.chunks.count)
      for (chunk, image) in version.chunks {
        #expect(stored[chunk] == life.images.image(image, 4096), "chunk \(chunk) of \(id)")
      }
    }
    // Free and used blocks are all there are.
    #expect(try life.store.spaceProblem() == nil)
    #expect(life.device.violations.isEmpty)
  }

  @Test("random lives with drops, branches, readers and crashes lose nothing and leak nothing")
  func lives() throws {
    let isDeep = ProcessInfo.processInfo.environment["SOFTPM_TEST_DEEP"] == "1"
    for seed in 0..<UInt64(isDeep ? 100 : 3) {
      var life = try Life(seed: seed)
      for number in 0..<(isDeep ? 1_000 : 150) {
        do {
          try step(&life)
          // What somebody looks at is never written over, whatever has become of it since.
          var looked: Set<UInt64> = []
          for view in life.views { looked.formUnion(view.view.blocks) }
          life.device.protect(looked)
        } catch {
          Issue.record("seed \(seed) step \(number): \(error)")
          return
        }
        if !life.device.violations.isEmpty {
          Issue.record("seed \(seed) step \(number): \(life.device.violations)")
          return
        }
      }
      try reopen(&life, closing: false)
      if life.chunkCount > 60 { #expect(life.partlyReclaimed > 0, "seed \(seed)") }
      // When all is dropped, next to nothing is used.
      for name in life.newest.keys {
        try life.store.deleteContainer(try #require(try life.store.container(named: name)).number)
      }
      _ = try life.store.compact()
      #expect(try life.store.usage().usedBytes < 20 * 4096, "seed \(seed)")
      #expect(try life.store.spaceProblem() == nil)
    }
  }
}
