import Foundation
import SoftPMBase
import SoftPMHeap
import Testing

private final class Node {
  var value: Int
  init(_ value: Int) { self.value = value }
}

private final class Other<Value> {
  var value: Value?
}

@Suite struct ClosingTests {
  private func holdings(of arena: Arena) -> [ArenaHolding] {
    Heap.holdings(ofClosedArenaAt: arena.base) { _typeName($0, qualified: true) }
  }

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

  @Test("a closed arena tells what holds it, by type")
  func holdings() throws {
    try warmUp { [AnyObject](arrayLiteral: Node(0), Other<Int>()) }
    let arena = try makeArena()
    #expect(holdings(of: arena).isEmpty, "it is not closed")
    var nodes = arena.inScope { (0..<100).map { Node($0) } }
    let others = arena.inScope { (0..<10).map { _ in Other<Int>() } }
    let raw = arena.inScope { UnsafeMutablePointer<Int>.allocate(capacity: 1000) }
    arena.close()
    var found: [String: ArenaHolding] = [:]
    for holding in holdings(of: arena) { found[holding.kind] = holding }
    let node = try #require(found.first { $0.key.contains("Node") }?.value)
    #expect(node.cells == 100 && node.bytes.rawValue >= 100 * MemoryLayout<Int>.size * 3)
    #expect(found.first { $0.key.contains("Other<Swift.Int>") }?.value.cells == 10)
    #expect(found["memory that is no object's"]?.cells == 1)
    #expect(found.values.reduce(0) { $0 + $1.cells } == arena.statistics.liveCells)
    let bytes = found.values.reduce(0) { $0 + $1.bytes.rawValue }
    #expect(bytes == arena.statistics.liveBytes.rawValue)
    nodes.removeAll()
    let left = holdings(of: arena)
    #expect(!left.contains { $0.kind.contains("Node>") || $0.kind.hasSuffix("Node") })
    raw.deallocate()
    withExtendedLifetime(others) {}
  }

  @Test("a sleeping thread keeps a closed arena's addresses, few chunks of it, and not for ever")
  func sleepingThread() throws {
    let arena = try makeArena()
    let begin = DispatchSemaphore(value: 0)
    let freed = DispatchSemaphore(value: 0)
    let wake = DispatchSemaphore(value: 0)
    let woken = DispatchSemaphore(value: 0)
    try warmUp { (0..<10).map { Node($0) } }
    nonisolated(unsafe) var nodes = arena.inScope { (0..<10_000).map { Node($0) } }
    nonisolated(unsafe) var waiting = true
    Thread.detachNewThread {
      begin.wait()
      nodes.removeAll()
      freed.signal()
      // Asleep, as far as the heap can see.
      wake.wait()
      // The next slow path: a size that this thread has not used.
      withExtendedLifetime((0..<200).map { _ in [UInt8](repeating: 0, count: opaque(3_000)) }) {}
      waiting = false
      woken.signal()
    }
    begin.signal()
    freed.wait()
    arena.close()
    let statistics = arena.statistics
    #expect(!statistics.isReturned && statistics.liveCells == 0)
    // At most 64 cells of one size and one run, each in a chunk of its own at worst.
    #expect((1...65).contains(statistics.heldCells), "\(statistics)")
    #expect(statistics.usedChunks <= 65)
    #expect(Heap.closedArenas.contains { $0.base == arena.base })
    #expect(holdings(of: arena).isEmpty)
    wake.signal()
    woken.wait()
    #expect(!waiting && arena.statistics.isReturned)
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

  @Test("records of arenas serve again, so that opening and closing for ever takes no more memory")
  func records() throws {
    var held: [Node] = []
    func openAndClose(_ count: Int) throws {
      for number in 0..<count {
        let chunkSize = number % 2 == 0 ? ByteCount.kibibytes(4) : .kibibytes(16)
        let arena = try Arena.reserve(home: nil, addressSpace: .mebibytes(16), chunkSize: chunkSize)
        let nodes = arena.inScope { (0..<50).map { Node(number + $0) } }
        #expect(nodes.enumerated().allSatisfy { $1.value == number + $0 })
        #expect(arena.contains(address(of: nodes[49])))
        if number % 100 == 0 { held.append(nodes[7]) }
        arena.close()
      }
    }
    try openAndClose(300)
    let before = Heap.recordCount
    try openAndClose(3_000)
    // Other tests run meanwhile.
    #expect(Heap.recordCount < before + 600, "\(before), then \(Heap.recordCount)")
    #expect(held.map(\.value) == (0..<3).map { $0 * 100 + 7 } + (0..<30).map { $0 * 100 + 7 })
    held = []
    try Heap.checkNurseryInvariants()
  }

  @Test("an ambient arena whose record serves another one serves nobody")
  func reusedAmbient() throws {
    let size = ByteCount.kibibytes(64)
    let done = DispatchSemaphore(value: 0)
    nonisolated(unsafe) var elsewhere = 0
    Thread.detachNewThread {
      defer { done.signal() }
      for _ in 0..<300 {
        // Gone at the end of the line, and yet ambient: nobody told this thread.
        guard
          (try? Arena.reserve(home: nil, addressSpace: .mebibytes(16), chunkSize: size)
            .makeAmbient()) != nil,
          let next = try? Arena.reserve(home: nil, addressSpace: .mebibytes(16), chunkSize: size)
        else { return }
        let node = Node(1)
        if !next.contains(address(of: node)), !next.isCurrent { elsewhere += 1 }
      }
      Arena.clearAmbient()
    }
    done.wait()
    #expect(elsewhere == 300)
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
