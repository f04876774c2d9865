import Foundation
import SoftPMBase
import SoftPMHeap
import Synchronization
import Testing

private final class Node {
  var next: Node?
  var value: Int
  init(_ value: Int, _ next: Node? = nil) {
    self.value = value
    self.next = next
  }
}

/// Hands an object to another thread; a semaphore says whose turn it is.
private final class Mailbox: @unchecked Sendable {
  var node: Node?
  init(_ node: Node?) { self.node = node }
}

@Suite struct FreeingTests {
  @Test("freed cells are used again, and an emptied arena uses no chunk")
  func reuse() throws {
    try warmUp {
      var nodes = (0..<10).map { Node($0) }
      nodes.removeAll()
    }
    let arena = try makeArena()
    var touched = 0
    for round in 0..<20 {
      arena.inScope {
        var nodes = (0..<5_000).map { Node($0) }
        nodes.removeAll()
      }
      if round == 0 { touched = arena.chunkCount }
    }
    #expect(arena.chunkCount <= touched + 8)
    #expect(arena.statistics.liveCells == 0)
    #expect(arena.statistics.heldCells == 0 || arena.statistics.usedChunks > 0)
  }

  @Test("the usable size is the cell's, and realloc keeps contents and the arena")
  func usableSizeAndRealloc() throws {
    let arena = try makeArena()
    let raw = arena.inScope {
      UnsafeMutableRawPointer.allocate(byteCount: 40, alignment: 16)
    }
    let start = UInt(bitPattern: raw)
    let cell = try #require(arena.cell(containing: start))
    #expect(usableSize(of: raw) == cell.byteCount - (Heap.isChecking ? 16 : 0))
    for index in 0..<40 { raw.storeBytes(of: UInt8(index), toByteOffset: index, as: UInt8.self) }
    var current = raw
    for byteCount in [41, 200, 3_000, 40_000, 1_000_000, 100, 40] {
      current = realloc(current, byteCount)!
      #expect(arena.contains(UInt(bitPattern: current)))
      #expect(usableSize(of: current) >= byteCount)
      for index in 0..<40 {
        #expect(current.load(fromByteOffset: index, as: UInt8.self) == UInt8(index))
      }
    }
    free(current)
    #expect(arena.cell(containing: UInt(bitPattern: current)) == nil)
    #expect(arena.statistics.liveCells == 0)
  }

  @Test("any thread frees, grows and measures what another allocated in a scope")
  func threads() throws {
    try warmUp { (0..<10).map { Array(0..<($0 + 1)) } }
    let arena = try makeArena(addressSpace: .mebibytes(256))
    let rounds = 200
    let done = DispatchSemaphore(value: 0)
    nonisolated(unsafe) var mailbox: [[[Int]]] = []
    let lock = NSLock()
    for worker in 0..<2 {
      Thread.detachNewThread {
        for round in 0..<rounds {
          let mine = arena.inScope { (0..<100).map { Array(0..<($0 + worker)) } }
          lock.withLock { mailbox.append(mine) }
          if round % 2 == worker { continue }
          var other = lock.withLock { mailbox.isEmpty ? [] : mailbox.removeFirst() }
          for index in other.indices { other[index].append(round) }
        }
        done.signal()
      }
    }
    done.wait()
    done.wait()
    #expect(mailbox.allSatisfy { $0.allSatisfy { $0 == Array(0..<$0.count) } })
    mailbox = []
    #expect(arena.statistics.liveCells == 0)
  }

  /// ThreadSanitizer does not see reference counting. So what it knows of a cell must end with
  /// the cell's use, or it reports the last reader of the old object and the maker of the next.
  @Test("who drops the last reference may use the memory again, whoever read the object before")
  func readElsewhere() throws {
    try warmUp { Node(0) }
    let arena = try makeArena()
    var node: Node? = arena.inScope { Node(1) }
    let first = address(of: node!)
    let sum = Mutex(0)
    let mailbox = Mailbox(node)
    let isTaken = DispatchSemaphore(value: 0)
    Thread.detachNewThread {
      let other = mailbox.node
      mailbox.node = nil
      isTaken.signal()
      for _ in 0..<1_000 { sum.withLock { $0 += other!.value } }
    }
    isTaken.wait()
    while !isKnownUniquelyReferenced(&node) { usleep(100) }
    node = nil
    let next = arena.inScope { Node(2) }
    #expect(address(of: next) == first)
    #expect(sum.withLock { $0 } == 1_000)
  }

  @Test("cells freed in a quarantine keep their place until it ends")
  func quarantine() throws {
    let arena = try makeArena()
    arena.inScope {
      var nodes = (0..<1_000).map { Node($0) }
      let freed = Set(nodes.map { address(of: $0) })
      arena.beginQuarantine()
      arena.beginQuarantine()
      nodes = []
      #expect(freed.allSatisfy { arena.cell(containing: $0) == nil })
      arena.endQuarantine()
      let later = (0..<1_000).map { Node($0) }
      #expect(freed.isDisjoint(with: later.map { address(of: $0) }))
      arena.endQuarantine()
      let last = (0..<1_000).map { Node($0) }
      #expect(!freed.isDisjoint(with: last.map { address(of: $0) }))
    }
  }

  @Test("a cell is found from any address in it, and only there")
  func interior() throws {
    let arena = try makeArena()
    let objects = arena.inScope { (1..<60).map { [UInt8](repeating: 1, count: $0 * $0 * 40) } }
    for object in objects {
      let start = word(0, of: object)
      let cell = try #require(arena.cell(containing: start))
      #expect(cell.start == start)
      for offset in [1, cell.byteCount / 2, cell.byteCount - 1] {
        #expect(arena.cell(containing: start + UInt(offset)) == cell)
      }
      #expect(arena.cell(containing: start + UInt(cell.byteCount)) != cell)
      #expect(arena.cell(containing: start - 1) != cell)
    }
    #expect(arena.cell(containing: arena.base) == nil)
    #expect(arena.cell(containing: arena.base + UInt(arena.chunkSize.rawValue)) == nil)
    withExtendedLifetime(objects) {}
    #expect(Heap.cell(containing: 0) == nil)
    #expect(Heap.cell(containing: UInt.max) == nil)
  }

  @Test("shapes and cells of chunks agree with what lies where")
  func shapes() throws {
    let arena = try makeArena(chunkSize: .kibibytes(4))
    let nodes = arena.inScope { (0..<500).map { Node($0) } }
    let large = arena.inScope { [UInt8](repeating: 0, count: opaque(10_000)) }
    var found: Set<UInt> = []
    for index in 0..<arena.chunkCount {
      let chunk = ChunkIndex(UInt32(index))
      let start = arena.base + UInt(index * arena.chunkSize.rawValue)
      let cells = arena.allocatedCells(of: chunk)
      found.formUnion(cells.map { start + UInt($0) })
      switch arena.shape(of: chunk) {
      case .slab(let cellBytes, _):
        let usable = arena.chunkSize.rawValue - arena.chunkSize.rawValue / 64
        #expect(cells.count <= usable / cellBytes)
      case .large(let chunkCount, _):
        #expect(cells == [64])
        for next in index + 1..<index + chunkCount {
          #expect(arena.shape(of: ChunkIndex(UInt32(next))) == .continuation(of: chunk))
        }
      case .empty, .continuation:
        #expect(cells.isEmpty)
      }
    }
    #expect(found.isSuperset(of: nodes.map { address(of: $0) }))
    #expect(found.contains(word(0, of: large)))
    #expect(found.count == arena.statistics.liveCells)
    withExtendedLifetime((nodes, large)) {}
    #expect(arena.shape(of: ChunkIndex(0)) == .empty)
  }
}
