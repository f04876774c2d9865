// What the fuzzers do with an input, so that tests can do the same with a kept one.
//
// Facts:
// 1. Each returns what was wrong, or nil. A trap, a hang or a large allocation is wrong, too, and
//    shows by itself.
// 2. An input of `open` is a list of edits to a small whole store. After them every checksum and
//    every digest that names an edited block is made right again, from the leaves to the
//    superblocks: otherwise nothing would get past the first check.
// 3. An input of `record` is a record whose checksum is made right. Whatever can be decoded must
//    encode to the same bytes: every record has one form only.
// 4. An input of `workload` is a list of operations with one failing operation of the device.

import SoftPMBase
import SoftPMStore

package enum StoreFuzz: String, CaseIterable, Sendable {
  case open = "FuzzOpen"
  case record = "FuzzRecord"
  case workload = "FuzzWorkload"

  package func problem(_ input: [UInt8]) -> String? {
    switch self {
    case .open: StoreFuzz.open(input)
    case .record: StoreFuzz.record(input)
    case .workload: StoreFuzz.workload(input)
    }
  }

  // MARK: Opening

  /// A store with trees, a branch, labels, hidden versions and a tail.
  private static let golden: [UInt8] = {
    guard let workload = try? StoreWorkload(seed: 5) else { return [] }
    workload.run([
      .create, .smallWrite, .label, .fold, .branch, .deleteVersion, .twoContainers, .smallWrite,
    ])
    return workload.device.content
  }()

  /// Bytes of an edit: block 1, offset 2, how 1, value 4.
  private static let editBytes = 8

  private static func open(_ input: [UInt8]) -> String? {
    guard let flags = input.first else { return nil }
    var image = ResealedImage(golden)
    var place = 1
    while place + editBytes <= input.count, place < 64 * editBytes {
      image.edit(Array(input[place..<place + editBytes]))
      place += editBytes
    }
    if flags & 1 == 0 { image.reseal() }
    var options = StoreFileOptions()
    options.createIfMissing = false
    options.readOnly = flags & 2 != 0
    options.clock = { 1 }
    let device = StoreCrashImage(base: image.bytes)
    do throws(ContainerError) {
      let store = try ChunkStore.open(on: device, options)
      try readEverything(store)
      if !options.readOnly {
        _ = try store.verify()
        try goOn(store)
      }
    } catch {
      // Refused with a code: that is what is asked for.
    }
    return nil
  }

  private static func readEverything(_ store: ChunkStore) throws(ContainerError) {
    for container in try store.containers {
      for version in try store.versions(of: container.number) {
        let buffer = PageBuffer(byteCount: container.chunkSize.rawValue)
        do throws(ContainerError) {
          _ = try store.metadata(of: version.id)
          for chunk in try store.chunks(of: version.id) {
            try store.read(chunk.index, of: version.id, into: buffer.bytes)
          }
        } catch  where error.code == .corrupt {
          continue
        }
      }
    }
  }

  private static func goOn(_ store: ChunkStore) throws(ContainerError) {
    let made = try store.createContainer(named: "fuzz", chunkSize: .kibibytes(4))
    let images = PageBuffer(byteCount: 4096)
    let commit = try store.commit(
      CommitRequest(
        container: made.number, parent: nil, chunks: [ChunkIndex(0)],
        images: ChunkImages(images, count: 1, chunkBytes: 4096),
        digests: [Checksum.digest(images.readOnly)]))
    try commit.wait()
    try store.checkpointNow()
    try store.close()
  }

  // MARK: Records

  private static func record(_ input: [UInt8]) -> String? {
    guard let kind = input.first else { return nil }
    return RecordCheck.problem(kind: Int(kind), Array(input.dropFirst()))
  }

  // MARK: Workloads

  private static func workload(_ input: [UInt8]) -> String? {
    guard input.count > 3 else { return nil }
    let all = StoreOperation.allCases
    let operations = input[3...].prefix(16).map { all[Int($0) % all.count] }
    let kinds = StoreFaultPlan.Kind.allCases
    let kind = kinds[Int(input[1] >> 1) % kinds.count]
    let plan = StoreFaultPlan(kind, at: Int(input[2]), forEver: input[1] & 1 == 1)
    do {
      let workload = try StoreWorkload(seed: UInt64(input[0]), faults: nil)
      workload.device.setFaults(plan)
      workload.toleratesRefusal = true
      workload.run([.create] + operations)
      workload.settle()
      return workload.problems.first.map { "\($0) in \(operations.map(\.rawValue)), \(plan)" }
    } catch {
      return "\(error) in \(operations.map(\.rawValue)), \(plan)"
    }
  }
}

/// A store's bytes with edits, and the means to make all checksums fit again.
private struct ResealedImage {
  private(set) var bytes: [UInt8]
  private var edited: Set<Int> = []
  private static let magics = ["SPMcheck", "SPMbarri", "SPMtreen"].map { Array($0.utf8) }

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  /// Sets, adds to, or flips up to four bytes.
  mutating func edit(_ edit: [UInt8]) {
    let block = Int(edit[0]) % (bytes.count / Block.byteCount)
    let offset = Int(edit[1]) | Int(edit[2] & 0x0F) << 8
    if !edited.contains(block) { noteDigest(of: block) }
    edited.insert(block)
    let count = 1 + Int(edit[3] >> 2) % 4
    for index in 0..<count where offset + index < Block.byteCount {
      let place = block * Block.byteCount + offset + index
      switch edit[3] & 3 {
      case 0: bytes[place] = edit[4 + index]
      case 1: bytes[place] &+= edit[4 + index]
      case 2: bytes[place] ^= edit[4 + index]
      default: bytes[place] = index == 0 ? edit[4] : 0
      }
    }
  }

  /// By block: the digest that references to it had before the edits.
  private var digests: [Int: [UInt8]] = [:]

  private func digest(of block: Int) -> [UInt8] {
    bytes.withUnsafeBytes {
      let part = UnsafeRawBufferPointer(
        rebasing: $0[block * Block.byteCount..<(block + 1) * Block.byteCount])
      let digest = Checksum.digest(part)
      return withUnsafeBytes(of: (digest.low, digest.high)) { [UInt8]($0) }
    }
  }

  private mutating func noteDigest(of block: Int) {
    if digests[block] == nil { digests[block] = digest(of: block) }
  }

  /// Whoever names an edited block is told its new digest, and counts as edited itself.
  mutating func reseal() {
    for _ in 0..<8 where !edited.isEmpty {
      let now = edited
      edited = []
      for block in now.sorted() {
        seal(block)
        guard let old = digests.removeValue(forKey: block) else { continue }
        let new = digest(of: block)
        if new != old { replace(old, by: new) }
      }
    }
  }

  private mutating func replace(_ old: [UInt8], by new: [UInt8]) {
    let first = old.withUnsafeBytes { $0.loadUnaligned(as: UInt64.self) }
    // Entries of leaves are prefixed by a length of two bytes, so references lie at even places.
    let places = bytes.withUnsafeBytes { raw in
      stride(from: 0, through: raw.count - 16, by: 2).filter {
        raw.loadUnaligned(fromByteOffset: $0, as: UInt64.self) == first
      }
    }
    for place in places where bytes[place..<place + 16].elementsEqual(old) {
      let block = place / Block.byteCount
      noteDigest(of: block)
      edited.insert(block)
      bytes.replaceSubrange(place..<place + 16, with: new)
    }
  }

  private mutating func seal(_ block: Int) {
    let start = block * Block.byteCount
    let isSuperblock = block < 2
    let magic = bytes[start..<start + 8]
    guard isSuperblock || ResealedImage.magics.contains(where: { magic.elementsEqual($0) })
    else { return }
    let (place, from) = isSuperblock ? (16, 24) : (8, 16)
    let checksum = bytes.withUnsafeBytes {
      Checksum.xxh3(
        UnsafeRawBufferPointer(rebasing: $0[start + from..<start + Block.byteCount]),
        seed: UInt64(block))
    }
    withUnsafeBytes(of: checksum) {
      bytes.replaceSubrange(start + place..<start + place + 8, with: $0)
    }
  }
}
