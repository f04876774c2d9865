import Foundation
import SoftPMBase
import SoftPMHeap
import Testing

private final class Node {
  var value: Int
  init(_ value: Int) { self.value = value }
}

@Suite struct MarkTests {
  @Test("a mark belongs to one cell, and is gone when the cell is freed, whoever frees it")
  func marks() throws {
    let arena = try makeArena()
    var nodes = arena.inScope { (0..<2_000).map { Node($0) } }
    let starts = nodes.map { address(of: $0) }
    for (index, start) in starts.enumerated() where index % 3 == 0 {
      #expect(Heap.mark(cellAt: start) == false)
      #expect(Heap.mark(cellAt: start) == true)
    }
    for (index, start) in starts.enumerated() {
      #expect(Heap.isMarked(cellAt: start) == (index % 3 == 0))
    }
    Heap.unmark(cellAt: starts[0])
    #expect(!Heap.isMarked(cellAt: starts[0]) && Heap.isMarked(cellAt: starts[3]))
    let done = DispatchSemaphore(value: 0)
    nonisolated(unsafe) var theirs = Array(nodes[..<1_000])
    nodes = []
    Thread.detachNewThread {
      theirs.removeAll()
      done.signal()
    }
    done.wait()
    #expect(starts.allSatisfy { !Heap.isMarked(cellAt: $0) })
    let again = arena.inScope { (0..<2_000).map { Node($0) } }
    #expect(again.allSatisfy { !Heap.isMarked(cellAt: address(of: $0)) })
    #expect(Heap.mark(cellAt: 16) == nil && !Heap.isMarked(cellAt: 16))
  }

  @Test("objects of the nursery can be marked")
  func nursery() {
    let node = Node(1)
    #expect(Heap.mark(cellAt: address(of: node)) == false)
    #expect(Heap.isMarked(cellAt: address(of: node)))
  }

  @Test("unmarking a chunk leaves the marks of its neighbours")
  func chunks() throws {
    let arena = try makeArena()
    let nodes = arena.inScope { (0..<2_000).map { Node($0) } }
    for node in nodes { #expect(Heap.mark(cellAt: address(of: node)) == false) }
    let size = UInt(arena.chunkSize.rawValue)
    func chunk(_ node: Node) -> UInt32 { UInt32((address(of: node) - arena.base) / size) }
    let middle = chunk(nodes[1_000])
    arena.unmarkCells(of: ChunkIndex(middle))
    for node in nodes {
      #expect(Heap.isMarked(cellAt: address(of: node)) == (chunk(node) != middle))
    }
    arena.unmarkCells(of: ChunkIndex(UInt32.max))
  }

  @Test("marks of neighbouring cells do not disturb each other under two threads")
  func threads() throws {
    let arena = try makeArena()
    let nodes = arena.inScope { (0..<4_000).map { Node($0) } }
    let starts = nodes.map { address(of: $0) }
    let group = DispatchGroup()
    for lane in 0..<2 {
      group.enter()
      Thread.detachNewThread {
        for round in 0..<20 {
          for index in stride(from: lane, to: starts.count, by: 2) {
            if Heap.mark(cellAt: starts[index]) != false { exit(1) }
            if round < 19 { Heap.unmark(cellAt: starts[index]) }
          }
        }
        group.leave()
      }
    }
    group.wait()
    #expect(starts.allSatisfy { Heap.isMarked(cellAt: $0) })
    withExtendedLifetime(nodes) {}
  }

  @Test("a copy of a chunk's cells agrees with its shape, and has what lives throughout")
  func cellMaps() throws {
    let arena = try makeArena()
    let kept = arena.inScope { (0..<1_000).map { Node($0) } }
    let stop = DispatchSemaphore(value: 0)
    let group = DispatchGroup()
    for lane in 0..<2 {
      group.enter()
      Thread.detachNewThread {
        var round = lane
        while stop.wait(timeout: .now()) == .timedOut {
          arena.inScope {
            let nodes = (0..<200).map { Node($0) }
            let arrays = (0..<20).map { [Int](repeating: $0, count: opaque(($0 + round) % 90)) }
            withExtendedLifetime((nodes, arrays)) {}
          }
          round += 1
        }
        group.leave()
      }
    }
    let map = CellMap(chunkSize: arena.chunkSize)
    let size = UInt(arena.chunkSize.rawValue)
    for _ in 0..<(isDeep ? 2_000 : 100) {
      for (index, node) in kept.enumerated() where index % 50 == 0 {
        let offset = address(of: node) - arena.base
        map.copy(ChunkIndex(UInt32(offset / size)), of: arena)
        #expect(map.startsCell(at: Int(offset % size)))
      }
      for chunk in 0..<arena.chunkCount {
        map.copy(ChunkIndex(UInt32(chunk)), of: arena)
        var starts: [Int] = []
        map.forEachStart { starts.append($0) }
        #expect(starts.count == map.count && starts.allSatisfy { map.startsCell(at: $0) })
        switch map.shape {
        case .slab(let cellBytes, _):
          let lead = arena.chunkSize.rawValue / 64
          #expect(starts.allSatisfy { $0 >= lead && ($0 - lead) % cellBytes == 0 })
        case .large: #expect(starts.count <= 1)
        case .empty, .continuation: #expect(starts.isEmpty)
        }
      }
    }
    for _ in 0..<2 { stop.signal() }
    group.wait()
    withExtendedLifetime(kept) {}
  }
}
