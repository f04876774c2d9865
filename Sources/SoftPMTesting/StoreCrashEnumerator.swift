// Every state, within stated bounds, in which a crash could leave a device.
//
// Facts:
// 1. An *atom* is one sector of 512 bytes of one write. Between two flushes any subset of the
//    atoms may be on the medium; atoms of one sector apply in the order of their writes.
// 2. Few atoms: all subsets. Many: prefixes and suffixes in the order of completion, at most two
//    kept, at most two dropped, seeded random subsets.
// 3. Besides, with all others present and with all others absent: each atom torn at every 8 bytes
//    and each atom replaced by garbage; and the device grown without content.
// 4. On persistent memory an atom is a cache line of 64 bytes. Lines reach the medium in any
//    order, before they are flushed too (they may be evicted), each with a prefix of what was
//    stored into it, by 8 bytes; and since copies past the caches are weakly ordered, with any
//    of its words. Garbage there is none.
// 5. What a failed flush was to cover stays as the device left it: all, nothing, or some.

import SoftPMBase
import SoftPMStore

/// How far the enumeration goes.
package struct StoreCrashBounds: Sendable {
  package var exhaustiveAtomsMost = 10
  package var tearStep = 8
  package var randomSubsets = 50
  /// Atoms of which all pairs are kept or dropped; of more, as many are picked.
  package var pairsMost = 64
  /// Prefixes and suffixes; of more, as many are picked.
  package var prefixesMost = 256
  /// Atoms that are torn; of more, as many are picked.
  package var tornAtomsMost = Int.max
  /// 512: sectors of a disk. 64: lines of persistent memory.
  package var atomBytes = 512

  package init() {}

  /// For a run within a minute that still looks at hundreds of thousands of states.
  package static var quick: StoreCrashBounds {
    var bounds = StoreCrashBounds()
    bounds.exhaustiveAtomsMost = 8
    bounds.tearStep = 120
    bounds.randomSubsets = 20
    return bounds
  }

  /// For code built without optimisation.
  package static var smoke: StoreCrashBounds {
    var bounds = StoreCrashBounds()
    bounds.exhaustiveAtomsMost = 4
    bounds.tearStep = 504
    bounds.randomSubsets = 2
    bounds.pairsMost = 4
    return bounds
  }
}

/// A crash state on its way to being looked at.
package struct StoreCrashState {
  /// How to find the state again.
  package var name: String
  package var allowed: [Int]
  package var image: StoreCrashImage
}

package struct StoreCrashEnumerator {
  struct Atom {
    var offset: Int
    var bytes: [UInt8]
  }

  private let bounds: StoreCrashBounds
  private var random: StoreRandom
  private var durable: [UInt8]
  private var atoms: [Atom] = []
  private var allowed: [Int]
  private var epoch = 0
  private var submitted: [Int: (offset: Int, bytes: [UInt8])] = [:]
  /// States looked at whose content differed from all others of their epoch and allowed set.
  package private(set) var distinctStates = 0
  private var seen: Set<UInt64> = []

  /// `allowed` holds until the trace's first mark.
  package init(
    _ content: [UInt8], bounds: StoreCrashBounds, seed: UInt64, allowed: [Int] = [0]
  ) {
    durable = content
    self.allowed = allowed
    self.bounds = bounds
    random = StoreRandom(seed: seed)
  }

  /// Walks a trace and hands every state of epochs from `firstEpoch` on to `body`.
  package mutating func run(
    _ trace: [StoreEvent], fromEpoch firstEpoch: Int = 0,
    _ body: (StoreCrashState) throws -> Void
  ) rethrows {
    var isFresh = true
    for event in trace {
      switch event {
      case .writeSubmitted(let id, let offset, let bytes):
        submitted[id] = (offset, bytes)
      case .writeCompleted(let id):
        guard let write = submitted.removeValue(forKey: id) else { continue }
        for start in stride(from: 0, to: write.bytes.count, by: bounds.atomBytes) {
          let end = min(start + bounds.atomBytes, write.bytes.count)
          atoms.append(
            Atom(offset: write.offset + start, bytes: Array(write.bytes[start..<end])))
        }
        isFresh = true
      case .mark(let states):
        // What was allowed before also covers a crash just before the mark.
        if isFresh, epoch >= firstEpoch { try crash(body) }
        allowed = states
        isFresh = true
      case .flushSubmitted:
        if epoch >= firstEpoch { try crash(body) }
        isFresh = false
      case .flushCompleted:
        settle(keeping: { _ in true })
        isFresh = true
      case .flushFailed(let dropped):
        let kept = atoms.map { !dropped.contains($0.offset / 512 * 512) }
        settle { kept[$0] }
        isFresh = true
      }
    }
    if epoch >= firstEpoch { try crash(body) }
  }

  private mutating func settle(keeping: (Int) -> Bool) {
    for (index, atom) in atoms.enumerated() where keeping(index) {
      let end = atom.offset + atom.bytes.count
      if end > durable.count {
        durable.append(contentsOf: repeatElement(0, count: end - durable.count))
      }
      durable.replaceSubrange(atom.offset..<end, with: atom.bytes)
    }
    atoms = []
    epoch += 1
    seen = []
  }

  private mutating func crash(_ body: (StoreCrashState) throws -> Void) rethrows {
    let count = atoms.count
    try emit([], "none", body)
    guard count > 0 else { return }
    if count <= bounds.exhaustiveAtomsMost {
      for mask in 1..<(1 << count) {
        try emit(
          atoms.indices.filter { mask >> $0 & 1 == 1 }.map { ($0, .whole) },
          "mask=\(String(mask, radix: 16))", body)
      }
    } else {
      try crashBounded(body)
    }
    for index in stride(from: 0, to: count, by: max(1, count / bounds.tornAtomsMost)) {
      for others in [false, true] {
        let rest = others ? atoms.indices.filter { $0 != index }.map { ($0, Part.whole) } : []
        for cut in stride(from: 8, to: atoms[index].bytes.count, by: bounds.tearStep) {
          try emit(rest + [(index, .torn(cut))], "atom \(index) torn=\(cut) others=\(others)", body)
        }
        if bounds.atomBytes == 512 {
          try emit(rest + [(index, .garbage)], "atom \(index) garbage others=\(others)", body)
        } else {
          let words = UInt64.random(in: 1..<255, using: &random)
          try emit(
            rest + [(index, .words(words))], "atom \(index) words=\(words) others=\(others)", body)
        }
      }
    }
    if bounds.atomBytes < 512 {
      for number in 0..<bounds.randomSubsets {
        let parts = atoms.indices.map { index in
          (index, Part.torn(Int.random(in: 0...atoms[index].bytes.count / 8, using: &random) * 8))
        }
        try emit(parts, "prefixes=\(number)", body)
      }
    }
    try emitGrown(body)
  }

  private mutating func crashBounded(_ body: (StoreCrashState) throws -> Void) rethrows {
    let all = Array(atoms.indices)
    for length in stride(from: 1, through: all.count, by: max(1, all.count / bounds.prefixesMost)) {
      try emit(all.prefix(length).map { ($0, .whole) }, "prefix=\(length)", body)
      try emit(all.suffix(length).map { ($0, .whole) }, "suffix=\(length)", body)
    }
    // Beyond 64 atoms pairs are sampled: all of them would be thousands per point.
    let step = max(1, all.count / bounds.pairsMost)
    for first in stride(from: 0, to: all.count, by: step) {
      for second in stride(from: first, to: all.count, by: step) {
        let pair = Set([first, second])
        try emit(pair.sorted().map { ($0, .whole) }, "keep=\(first),\(second)", body)
        try emit(
          all.filter { !pair.contains($0) }.map { ($0, .whole) }, "drop=\(first),\(second)", body)
      }
    }
    for number in 0..<bounds.randomSubsets {
      let some = all.filter { _ in Bool.random(using: &random) }
      try emit(some.map { ($0, .whole) }, "random=\(number)", body)
    }
  }

  enum Part {
    case whole
    case torn(Int)
    case garbage
    /// Those 8-byte words whose bit is set.
    case words(UInt64)
  }

  private mutating func emit(
    _ parts: [(Int, Part)], _ name: String, _ body: (StoreCrashState) throws -> Void
  ) rethrows {
    let image = StoreCrashImage(base: durable)
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for (index, part) in parts {
      let atom = atoms[index]
      var bytes = atom.bytes
      switch part {
      case .whole: break
      case .torn(let cut): bytes = Array(bytes[..<cut])
      case .garbage:
        for place in bytes.indices { bytes[place] = UInt8(truncatingIfNeeded: place &* 37 + index) }
      case .words: break
      }
      if case .words(let mask) = part {
        for word in 0..<bytes.count / 8 where mask >> UInt64(word) & 1 == 1 {
          bytes[word * 8..<word * 8 + 8].withUnsafeBytes {
            image.put($0, at: atom.offset + word * 8)
            hash = Checksum.xxh3($0, seed: hash &+ UInt64(atom.offset + word * 8))
          }
        }
        continue
      }
      bytes.withUnsafeBytes {
        image.put($0, at: atom.offset)
        hash = Checksum.xxh3($0, seed: hash &+ UInt64(atom.offset))
      }
    }
    hash = allowed.reduce(hash) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
    if seen.insert(hash).inserted {
      distinctStates += 1
      try body(
        StoreCrashState(name: "epoch=\(epoch) \(name)", allowed: allowed, image: image))
    }
  }

  /// The device is as long as it was to be, and what it grew by is zero.
  private mutating func emitGrown(_ body: (StoreCrashState) throws -> Void) rethrows {
    let end = atoms.map { $0.offset + $0.bytes.count }.max() ?? 0
    guard end > durable.count else { return }
    let image = StoreCrashImage(base: durable)
    let zeros = [UInt8](repeating: 0, count: end - durable.count)
    zeros.withUnsafeBytes { image.put($0, at: durable.count) }
    distinctStates += 1
    try body(StoreCrashState(name: "epoch=\(epoch) grown", allowed: allowed, image: image))
  }
}
