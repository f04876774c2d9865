import Foundation
import SoftPMBase
import SoftPMHeap
import Testing

private final class Node {
  var value: Int
  init(_ value: Int) { self.value = value }
}

@Suite struct ClosingTests {
  @Test("objects outlive their arena, and its addresses return with the last of them")
  func liveObjects() throws {
    try warmUp { (0..<10).map { Node($0) } }
    let arena = try makeArena()
    let home = arena.home
    var nodes = arena.inScope { (0..<1_000).map { Node($0) } }
    arena.close()
    #expect(nodes.enumerated().allSatisfy { $0 == $1.value })
    #expect(arena.statistics.isClosed && !arena.statistics.isReturned)
    #expect(arena.statistics.liveCells == 1_001)
    let entry = Heap.closedArenas.first { $0.base == arena.base }
    #expect(entry?.statistics.liveCells == 1_001)
    nodes.append(arena.inScope { Node(1_000) })
    #expect(!arena.contains(address(of: nodes[1_000])))
    #expect(throws: ContainerError.self) { try arena.reserveCell(byteCount: 16, isRaw: true) }
    let second = try Arena.reserve(
      home: home, addressSpace: .mebibytes(64), chunkSize: .kibibytes(16))
    #expect(!second.isAtHome)
    nodes = []
    #expect(arena.statistics.isReturned)
    #expect(!Heap.closedArenas.contains { $0.base == arena.base })
    let third = try Arena.reserve(
      home: home, addressSpace: .mebibytes(64), chunkSize: .kibibytes(16))
    #expect(third.isAtHome)
  }

  @Test("an ambient arena that was closed serves nobody")
  func closedAmbient() throws {
    let arena = try makeArena()
    let done = DispatchSemaphore(value: 0)
    Thread.detachNewThread {
      arena.makeAmbient()
      arena.close()
      let node = Node(1)
      #expect(!arena.contains(address(of: node)))
      Arena.clearAmbient()
      done.signal()
    }
    done.wait()
  }

  @Test("a thousand arenas open and close, with objects held from some of them")
  func manyArenas() throws {
    var held: [Node] = []
    for index in 0..<1_000 {
      let arena = try makeArena(addressSpace: .mebibytes(1024))
      let node = arena.inScope { Node(index) }
      #expect(arena.contains(address(of: node)))
      if index % 10 == 0 { held.append(node) }
    }
    #expect(held.enumerated().allSatisfy { $1.value == $0 * 10 })
  }

  @Test("an arena that is full lets objects be ordinary ones")
  func full() throws {
    let arena = try makeArena(addressSpace: .mebibytes(4), chunkSize: .kibibytes(4))
    let buffers = arena.inScope { (0..<20).map { _ in [UInt8](repeating: 1, count: 500_000) } }
    #expect(arena.contains(word(0, of: buffers[0])))
    #expect(!arena.contains(word(0, of: buffers[19])))
    #expect(throws: ContainerError.self) {
      _ = try arena.reserveCell(byteCount: 4_000_000, isRaw: true)
    }
    withExtendedLifetime(buffers) {}
  }

  @Test(
    "a forked child allocates and frees in the arena, apart from its parent",
    .disabled(if: isThreadSanitized, "ThreadSanitizer supports no fork of a threaded process"))
  func forked() throws {
    let arena = try makeArena()
    let nodes = arena.inScope { (0..<100).map { Node($0) } }
    let stop = DispatchSemaphore(value: 0)
    let stopped = DispatchSemaphore(value: 0)
    Thread.detachNewThread {
      while stop.wait(timeout: .now()) == .timedOut {
        arena.inScope { _ = (0..<100).map { Node($0) } }
      }
      stopped.signal()
    }
    // A child may not need what it would have to wait for another thread to finish: everything
    // that it does has been done before.
    let work = { (nodes: [Node]) -> Bool in
      var mine = nodes
      mine.removeLast(50)
      arena.inScope { for index in 0..<1_000 { mine.append(Node(index)) } }
      return mine.count == 1_050 && arena.contains(address(of: mine[1_049]))
    }
    #expect(work(nodes))
    for _ in 0..<20 {
      let child = forkProcess()
      if child == 0 { _exit(work(nodes) ? 0 : 1) }
      var status: Int32 = -1
      #expect(waitpid(child, &status, 0) == child)
      #expect(status == 0)
    }
    stop.signal()
    stopped.wait()
    #expect(nodes.count == 100)
  }

  /// `fork` is closed to Swift; a library that forks calls it all the same.
  private func forkProcess() -> pid_t {
    typealias Fork = @convention(c) () -> pid_t
    return unsafeBitCast(dlsym(nil, "fork"), to: Fork.self)()
  }
}
