// Free space that readers may still be looking at.
//
// Facts:
// 1. A view is known by the number of the superblock that it began with. Blocks taken while
//    superblock `from` was the newest and freed by the checkpoint that superblock `before` was
//    the first to name are seen by views from `from` up to and without `before`, and no others.
// 2. Blocks wait here until no such view is pinned. New views are never of the past, so what is
//    once unwatched stays so.
// 3. So a reader keeps from the writer what its own view holds, however long it stays; what came
//    and went since then is used again. (Were all that is freed kept from the writer, a reader
//    that stays would make the store grow for ever.)

import SoftPMBase

struct Limbo {
  private struct Entry {
    var from: UInt64
    var before: UInt64
    var blocks: RangeSet<Int>
  }

  /// Blocks taken since a superblock was the newest; kept only while there are readers.
  private struct Generation {
    var from: UInt64
    var blocks: RangeSet<Int>
  }

  private var entries: [Entry] = []
  private var generations: [Generation] = []

  /// Everything that waits.
  var extents: [Extent] { entries.flatMap { $0.blocks.extents } }
  var isEmpty: Bool { entries.isEmpty }

  /// Takes in what a checkpoint has freed.
  mutating func add(_ freed: [Extent], before: UInt64) {
    var rest = RangeSet(freed)
    for index in generations.indices {
      let mine = generations[index].blocks.intersection(rest)
      if mine.isEmpty { continue }
      entries.append(Entry(from: generations[index].from, before: before, blocks: mine))
      generations[index].blocks.subtract(mine)
      rest.subtract(mine)
    }
    if !rest.isEmpty { entries.append(Entry(from: 0, before: before, blocks: rest)) }
  }

  /// What no view sees any more.
  mutating func release(_ isWatched: (_ from: UInt64, _ before: UInt64) -> Bool) -> [Extent] {
    var released: [Extent] = []
    entries.removeAll { entry in
      if isWatched(entry.from, entry.before) { return false }
      released += entry.blocks.extents
      return true
    }
    // Two that the same views see, now and for ever, are one.
    var merged: [Entry] = []
    for entry in entries.sorted(by: { ($0.from, $0.before) < ($1.from, $1.before) }) {
      if let last = merged.last, last.from == entry.from, !isWatched(last.before, entry.before) {
        merged[merged.count - 1].blocks.formUnion(entry.blocks)
        merged[merged.count - 1].before = entry.before
      } else {
        merged.append(entry)
      }
    }
    entries = merged
    return released
  }

  /// Notes what was taken while superblock `from` was the newest, if anybody is looking.
  mutating func took(
    _ taken: [Extent], since from: UInt64, isWatched: (_ from: UInt64, _ before: UInt64) -> Bool
  ) {
    guard isWatched(0, .max) else {
      generations = []
      return
    }
    generations.append(Generation(from: from, blocks: RangeSet(taken)))
    // Two between which nobody began to look are one.
    var merged: [Generation] = []
    for generation in generations {
      if let last = merged.last, !isWatched(last.from, generation.from) {
        merged[merged.count - 1].blocks.formUnion(generation.blocks)
      } else {
        merged.append(generation)
      }
    }
    generations = merged
  }
}

extension RangeSet<Int> {
  init(_ extents: [Extent]) {
    self.init(
      extents.sorted { $0.start < $1.start }
        .map { Int($0.start.rawValue)..<Int($0.end.rawValue) })
  }

  var extents: [Extent] {
    ranges.map { Extent(start: Block(UInt64($0.lowerBound)), count: $0.count) }
  }
}

extension ChunkStore {
  /// Whether a reader, here or in another process, has a view from `from` up to and without
  /// `before`.
  func isWatched(from: UInt64, before: UInt64) -> Bool {
    if monitor.locked({ ownViews.contains { $0 >= from && $0 < before } }) { return true }
    return medium.device.pins?.isTaken(from: .view(from), to: .view(before)) ?? false
  }

  /// Has everything that can be reached now stay readable, until `letGo`.
  func holdView() -> UInt64 {
    monitor.locked {
      ownViews.append(currentView)
      return currentView
    }
  }

  func letGo(_ view: UInt64) {
    monitor.locked {
      if let index = ownViews.firstIndex(of: view) { ownViews.remove(at: index) }
    }
  }

  /// What was freed and can be seen by nobody any more may be given out. Leader only.
  func releaseLimbo() {
    let released = limbo.release(isWatched)
    for extent in released { space.give(extent) }
  }

  /// The view of a reader: recovered, and pinned while it was (ReaderPins, fact 4).
  static func view(
    _ medium: Medium, _ canary: StoreCanary?
  ) throws(ContainerError) -> (found: Recovery.Found, view: UInt64?) {
    let recovery = Recovery(medium, readOnly: true, canary: canary)
    guard let pins = medium.device.pins else { return (try recovery.runAgain(), nil) }
    while true {
      let sequence = try recovery.oldestSuperblock()
      try pins.take(.view(sequence))
      do throws(ContainerError) {
        if try recovery.oldestSuperblock() == sequence {
          if pins.settleWithoutWriter() {
            // (A writer that comes now finds the same, and its epoch begins elsewhere.)
            let left = Recovery(medium, readOnly: true, hasWriter: false, canary: canary)
            return (try left.run(), sequence)
          }
          return (try recovery.runAgain(), sequence)
        }
      } catch {
        pins.letGo(.view(sequence))
        throw error
      }
      pins.letGo(.view(sequence))
    }
  }
}

extension Recovery {
  /// As `run`; what looks damaged is read again past the page cache before that is believed.
  func runAgain() throws(ContainerError) -> Found {
    do throws(ContainerError) {
      return try run()
    } catch  where error.code == .corrupt {
      var again = self
      again.source = .medium
      return try again.run()
    }
  }

  func oldestSuperblock() throws(ContainerError) -> UInt64 {
    try superblocks().last?.sequence ?? 0
  }
}
