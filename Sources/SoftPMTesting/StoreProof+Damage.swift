import SoftPMBase
import SoftPMStore

/// Which image lies at each block, so that what was damaged is read first: when that is refused,
/// nothing else needs to be read. (A damaged MiB is looked at six million times.)
private struct ImagePlaces {
  typealias Image = (version: VersionID, chunk: ChunkIndex, byteCount: Int)
  private var images: [Int: Image] = [:]

  init(_ content: [UInt8]) throws {
    let store = try ChunkStore.open(on: StoreCrashImage(base: content))
    for container in try store.containers {
      let size = container.chunkSize.rawValue
      for version in try store.versions(of: container.number) {
        for (chunk, offset) in try store.places(of: version.id) {
          for start in stride(from: offset, to: offset + size, by: 4096) {
            images[start / 4096] = (version.id, chunk, size)
          }
        }
      }
    }
  }

  func image(at offset: Int) -> Image? { images[offset / 4096] }
}

// Rot, misdirected and lost writes, truncation.
extension StoreProof {
  /// Damages a store everywhere, and sees that nothing wrong is ever read from it. The store has
  /// 64 KiB, or, where `large`, a MiB. With `bytes`, only those bytes of it are damaged, and
  /// nothing else is done to it.
  package mutating func damage(large: Bool = false, bytes: Range<Int>? = nil) {
    guard let (content, models) = goldenStore(large: large),
      let places = try? ImagePlaces(content)
    else {
      failures.append("the store to be damaged could not be made")
      return
    }
    var opens = 0
    var wrong: [String] = []
    var cache = StoreImageCache()
    func look(_ image: StoreCrashImage, at offset: Int, _ name: @autoclosure () -> String) {
      opens += 1
      let suspect = opens % 32 == 0 ? nil : places.image(at: offset)
      if let problem = StoreProof.look(at: image, models, first: suspect, &cache) {
        wrong.append("damage \(name()): \(problem)")
      }
    }
    let step = isThorough ? 1 : 4001
    let mutations: [(String, (UInt8) -> UInt8)] = [
      ("^01", { $0 ^ 0x01 }), ("^80", { $0 ^ 0x80 }), ("=00", { _ in 0 }), ("=FF", { _ in 0xFF }),
    ]
    let range = (bytes ?? 0..<content.count).clamped(to: 0..<content.count)
    for offset in stride(from: range.lowerBound, to: range.upperBound, by: step) {
      for (name, change) in mutations {
        let changed = change(content[offset])
        if changed == content[offset] { continue }
        let image = StoreCrashImage(base: content)
        withUnsafeBytes(of: changed) { image.put($0, at: offset) }
        look(image, at: offset, "byte \(offset) \(name)")
      }
    }
    if bytes == nil {
      damageSectors(content, step: isThorough ? 1 : 67) { look($0, at: $1, $2()) }
      loseWrites(large: large, step: isThorough ? 1 : 43) { image, models, name in
        opens += 1
        if let problem = StoreProof.look(at: image, models, first: nil, &cache) {
          wrong.append("\(name): \(problem)")
        }
      }
      let step = isThorough ? (large ? 16 : isDeep ? 1 : 128) : 9000
      for length in stride(from: 0, to: content.count, by: step) {
        look(
          StoreCrashImage(base: Array(content[..<length])), at: content.count - 1,
          "truncated to \(length)")
      }
    }
    failures += wrong.prefix(10)
    say(
      "damaged stores opened: \(opens) (\(content.count >> 10) KiB), wrong data: \(wrong.count)")
  }

  private func damageSectors(
    _ content: [UInt8], step: Int, _ look: (StoreCrashImage, Int, @autoclosure () -> String) -> Void
  ) {
    let count = content.count / 512
    for one in stride(from: 0, to: count, by: step) {
      let image = StoreCrashImage(base: content)
      [UInt8](repeating: 0, count: 512).withUnsafeBytes { image.put($0, at: one * 512) }
      look(image, one * 512, "sector \(one) zeroed")
      for two in stride(from: one + 1, to: count, by: step) {
        let a = content[one * 512..<one * 512 + 512]
        let b = content[two * 512..<two * 512 + 512]
        if a == b { continue }
        let image = StoreCrashImage(base: content)
        a.withUnsafeBytes { image.put($0, at: two * 512) }
        b.withUnsafeBytes { image.put($0, at: one * 512) }
        look(image, one * 512, "sectors \(one) and \(two) swapped")
      }
    }
  }

  /// A store with trees and a tail, and every state that it went through.
  private func goldenStore(large: Bool) -> ([UInt8], [StoreModel])? {
    guard let workload = try? StoreWorkload(seed: 5) else { return nil }
    workload.run([.create, .smallWrite] + (large ? [.largeContainer] : []))
    workload.run([.label, .fold, .branch, .smallWrite])
    return workload.problems.isEmpty ? (workload.device.content, workload.states) : nil
  }

  /// Puts older content back in its place: what a disk does that says "written" and is not.
  /// Each sector, and each write, by each content that was there before.
  private mutating func loseWrites(
    large: Bool, step: Int, _ look: (StoreCrashImage, [StoreModel], String) -> Void
  ) {
    guard let workload = try? StoreWorkload(seed: 5) else { return fail("no store to damage") }
    // Space is used again and again, so that old records of every kind lie below newer ones.
    var round: [StoreOperation] = [
      .smallWrite, .fold, .deleteVersion, .fold, .twoPoints, .largeWrite, .label, .fold,
    ]
    if large { round += [.largeContainer, .largeUpdate, .largeUpdate] }
    workload.run([.create, .twoContainers] + round + round + [.reopen] + round + [.smallWrite])
    failures += workload.problems.map { "lost writes: \($0)" }
    let content = workload.device.content
    var medium = NewStore.image(identity: Digest(low: 1, high: 5), byteCount: 64 << 10)
    var older: [(offset: Int, bytes: [UInt8])] = []
    for case .writeSubmitted(_, let offset, let bytes) in workload.device.trace {
      let end = offset + bytes.count
      if end > medium.count {
        medium.append(contentsOf: repeatElement(0, count: end - medium.count))
      }
      older.append((offset, Array(medium[offset..<end])))
      for start in stride(from: offset, to: end, by: 512) {
        older.append((start, Array(medium[start..<start + 512])))
      }
      medium.replaceSubrange(offset..<end, with: bytes)
    }
    precondition(medium == content)
    for (number, old) in older.enumerated() where number % step == 0 {
      if content[old.offset..<old.offset + old.bytes.count].elementsEqual(old.bytes) { continue }
      let image = StoreCrashImage(base: content)
      old.bytes.withUnsafeBytes { image.put($0, at: old.offset) }
      look(
        image, workload.states,
        "lost write: \(old.bytes.count) bytes at \(old.offset), number \(number)")
    }
  }

  /// Fine are: a refusal with a code, the content, or a state that the store once had.
  private static func look(
    at image: StoreCrashImage, _ models: [StoreModel], first suspect: ImagePlaces.Image?,
    _ cache: inout StoreImageCache
  ) -> String? {
    var options = StoreFileOptions()
    options.createIfMissing = false
    do {
      let store = try ChunkStore.open(on: image, options)
      if let suspect {
        let buffer = cache.buffer(suspect.byteCount)
        do {
          try store.read(suspect.chunk, of: suspect.version, into: buffer.bytes)
        } catch {
          if error.code == .corrupt { return nil }
          // The version is not there: which state it is, is to be found out.
        }
      }
      var differences: [String] = []
      for model in models.reversed() {
        do {
          guard let difference = try model.difference(from: store, images: &cache) else {
            return nil
          }
          differences.append(difference)
        } catch let error as ContainerError where error.code == .corrupt {
          // Told, and told rightly: what can be read is still what was written.
          return nil
        }
      }
      return "none of the store's states: \(differences.last ?? "")"
    } catch let error as ContainerError {
      return [.corrupt, .notAStore, .newerFormat].contains(error.code) ? nil : "\(error)"
    } catch {
      return "\(error)"
    }
  }
}
