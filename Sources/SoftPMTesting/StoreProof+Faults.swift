import SoftPMBase
import SoftPMStore

extension StoreProof {
  /// Fails every operation of a workload in every way, once and for ever, and sees that the
  /// store tells, keeps what was durable, and goes on when the fault is gone.
  package mutating func faults() {
    let workloads: [[StoreOperation]] = [
      [.create, .smallWrite, .twoPoints, .fold, .largeWrite, .deleteVersion, .smallWrite],
      [.create, .branch, .twoContainers, .deleteContainer, .fold, .switchBack, .label, .fold],
      [.create, .fold, .deleteVersion, .smallWrite, .crash, .fold, .smallWrite, .twoContainers],
      [.create, .largeWrite, .largeWrite, .deleteVersion, .fold, .largeWrite, .reopen, .branch],
      [.create, .twoPoints, .twoPoints, .fold, .switchBack, .fold, .removeChunk, .reopen, .fold],
      [.twoContainers, .fold, .failedFlush, .fold, .label, .deleteContainer, .fold, .create],
      [.create, .smallWrite, .reopen, .removeChunk, .fold, .twoPoints, .crash, .smallWrite],
      [
        .create, .largeWrite, .smallWrite, .deleteVersion, .compact, .smallWrite, .compact, .branch,
      ],
    ]
    var runs = 0
    var problems = 0
    for (number, operations) in workloads.enumerated() {
      for kind in StoreFaultPlan.Kind.allCases {
        for forEver in [false, true] {
          let step = isThorough ? 1 : 151
          for place in stride(from: 0, to: 400, by: step) {
            let seed = UInt64(number)
            let plan = StoreFaultPlan(kind, at: place, forEver: forEver)
            let name = "faults workload=\(number) \(kind.rawValue) at=\(place) forEver=\(forEver)"
            runs += 1
            let (found, wasReached) = run(operations, plan, seed: seed)
            problems += found.count
            for line in found.prefix(3) { fail("\(name): \(line)") }
            if !wasReached { break }
          }
        }
      }
    }
    say("runs with a failing operation: \(runs), problems: \(problems)")
  }

  /// What went wrong, and whether the operation that was to fail was reached.
  private func run(
    _ operations: [StoreOperation], _ plan: StoreFaultPlan, seed: UInt64
  ) -> ([String], Bool) {
    do {
      let workload = try StoreWorkload(seed: seed, faults: nil)
      workload.device.setFaults(plan)
      workload.toleratesRefusal = true
      workload.run(operations)
      let reached = workload.device.operations > plan.at
      workload.settle()
      return (workload.problems, reached)
    } catch {
      return (["\(error)"], true)
    }
  }

  /// Damages a small store everywhere, and sees that nothing wrong is ever read from it.
  package mutating func damage() {
    guard let (content, models) = goldenStore() else {
      failures.append("the store to be damaged could not be made")
      return
    }
    var opens = 0
    var wrong: [String] = []
    var cache = StoreImageCache()
    func look(_ image: StoreCrashImage, _ name: @autoclosure () -> String) {
      opens += 1
      if let problem = StoreProof.look(at: image, models, &cache) {
        wrong.append("damage \(name()): \(problem)")
      }
    }
    let step = isThorough ? 1 : 4001
    let mutations: [(String, (UInt8) -> UInt8)] = [
      ("^01", { $0 ^ 0x01 }), ("^80", { $0 ^ 0x80 }), ("=00", { _ in 0 }), ("=FF", { _ in 0xFF }),
    ]
    for offset in stride(from: 0, to: content.count, by: step) {
      for (name, change) in mutations {
        let changed = change(content[offset])
        if changed == content[offset] { continue }
        let image = StoreCrashImage(base: content)
        withUnsafeBytes(of: changed) { image.put($0, at: offset) }
        look(image, "byte \(offset) \(name)")
      }
    }
    damageSectors(content, step: isThorough ? 1 : 67, look)
    loseWrites(step: isThorough ? 1 : 43) { image, models, name in
      opens += 1
      if let problem = StoreProof.look(at: image, models, &cache) {
        wrong.append("\(name): \(problem)")
      }
    }
    for length in stride(from: 0, to: content.count, by: isThorough ? 128 : 9000) {
      look(StoreCrashImage(base: Array(content[..<length])), "truncated to \(length)")
    }
    failures += wrong.prefix(10)
    say(
      "damaged stores opened: \(opens) (\(content.count >> 10) KiB), wrong data: \(wrong.count)")
  }

  private func damageSectors(
    _ content: [UInt8], step: Int, _ look: (StoreCrashImage, @autoclosure () -> String) -> Void
  ) {
    let count = content.count / 512
    for one in stride(from: 0, to: count, by: step) {
      let image = StoreCrashImage(base: content)
      [UInt8](repeating: 0, count: 512).withUnsafeBytes { image.put($0, at: one * 512) }
      look(image, "sector \(one) zeroed")
      for two in stride(from: one + 1, to: count, by: step) {
        let a = content[one * 512..<one * 512 + 512]
        let b = content[two * 512..<two * 512 + 512]
        if a == b { continue }
        let image = StoreCrashImage(base: content)
        a.withUnsafeBytes { image.put($0, at: two * 512) }
        b.withUnsafeBytes { image.put($0, at: one * 512) }
        look(image, "sectors \(one) and \(two) swapped")
      }
    }
  }

  /// A store of about 64 KiB with trees and a tail, and every state that it went through.
  private func goldenStore() -> ([UInt8], [StoreModel])? {
    guard let workload = try? StoreWorkload(seed: 5) else { return nil }
    workload.run([.create, .smallWrite, .label, .fold, .branch, .smallWrite])
    return workload.problems.isEmpty ? (workload.device.content, workload.states) : nil
  }

  /// Puts older content back in its place: what a disk does that says "written" and is not.
  /// Each sector, and each write, by each content that was there before.
  private mutating func loseWrites(
    step: Int, _ look: (StoreCrashImage, [StoreModel], String) -> Void
  ) {
    guard let workload = try? StoreWorkload(seed: 5) else { return fail("no store to damage") }
    // Space is used again and again, so that old records of every kind lie below newer ones.
    let round: [StoreOperation] = [
      .smallWrite, .fold, .deleteVersion, .fold, .twoPoints, .largeWrite, .label, .fold,
    ]
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
    at image: StoreCrashImage, _ models: [StoreModel], _ cache: inout StoreImageCache
  ) -> String? {
    var options = StoreFileOptions()
    options.createIfMissing = false
    do {
      let store = try ChunkStore.open(on: image, options)
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
