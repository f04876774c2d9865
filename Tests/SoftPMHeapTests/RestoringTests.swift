import SoftPMBase
import SoftPMHeap
import Testing

private final class Node {
  var value: Int
  init(_ value: Int) { self.value = value }
}

@Suite struct RestoringTests {
  @Test("an arena comes back: home, shapes, cells, and the holes between them usable")
  func roundTrip() throws {
    let home: ArenaAddress
    var picture: [(shape: Arena.ChunkShape, cells: [Int])] = []
    do {
      let arena = try makeArena()
      home = arena.home
      #expect(arena.isAtHome)
      var nodes = arena.inScope { (0..<3_000).map { Node($0) } }
      let large = arena.inScope { [UInt8](repeating: 0, count: opaque(50_000)) }
      for index in stride(from: 2_999, to: 0, by: -3) { nodes.remove(at: index) }
      for index in 0..<arena.chunkCount {
        let chunk = ChunkIndex(UInt32(index))
        picture.append((arena.shape(of: chunk), arena.allocatedCells(of: chunk)))
      }
      withExtendedLifetime((nodes, large)) {}
    }
    let arena = try Arena.reserve(
      home: home, addressSpace: .mebibytes(64), chunkSize: .kibibytes(16))
    #expect(arena.isAtHome)
    for (index, chunk) in picture.enumerated() where chunk.shape != .empty {
      try arena.install(chunk.shape, at: ChunkIndex(UInt32(index)), occupied: chunk.cells)
    }
    let inVain = arena.inScope { Node(1) }
    #expect(!arena.contains(address(of: inVain)))
    arena.finishInstalling()
    for (index, chunk) in picture.enumerated() {
      let shape = arena.shape(of: ChunkIndex(UInt32(index)))
      #expect(shape == (chunk.cells.isEmpty && shape == .empty ? .empty : chunk.shape))
      #expect(arena.allocatedCells(of: ChunkIndex(UInt32(index))) == chunk.cells)
    }
    let taken = Set(
      picture.enumerated().flatMap { index, chunk in
        chunk.cells.map { arena.base + UInt(index * 16_384 + $0) }
      })
    let fresh = arena.inScope { (0..<3_000).map { Node($0) } }
    #expect(fresh.allSatisfy { arena.contains(address(of: $0)) })
    #expect(taken.isDisjoint(with: fresh.map { address(of: $0) }))
    #expect(arena.chunkCount <= picture.count + 12)
    for start in taken { arena.releaseCell(start) }
  }

  @Test("a slab of a size that is no class is restored, and freed cell by cell")
  func oddSize() throws {
    let arena = try makeArena()
    let odd = Arena.ChunkShape.slab(cellBytes: 2_000, isRaw: true)
    try arena.install(odd, at: ChunkIndex(5), occupied: [256, 256 + 4_000])
    arena.finishInstalling()
    let start = arena.base + 5 * 16_384 + 256
    let cell = Arena.Cell(start: start, byteCount: 2_000, isRaw: true)
    #expect(arena.cell(containing: start + 1_999) == cell)
    #expect(arena.cell(containing: start + 2_000) == nil)
    arena.releaseCell(start)
    #expect(arena.shape(of: ChunkIndex(5)) == odd)
    arena.releaseCell(start + 4_000)
    #expect(arena.shape(of: ChunkIndex(5)) == .empty)
    let node = arena.inScope { Node(1) }
    #expect(arena.cell(containing: address(of: node)) != nil)
  }

  @Test("memory of installed chunks is zero, and writable")
  func zeros() throws {
    let arena = try makeArena()
    try arena.install(.large(chunkCount: 4, isRaw: true), at: ChunkIndex(300), occupied: [256])
    arena.finishInstalling()
    let start = UnsafeMutablePointer<UInt8>(bitPattern: arena.base + 300 * 16_384)!
    let memory = UnsafeMutableBufferPointer(start: start, count: 4 * 16_384)
    #expect(memory.allSatisfy { $0 == 0 })
    memory.update(repeating: 1)
    arena.releaseCell(arena.base + 300 * 16_384 + 256)
    // This thread may keep the run for its next large object.
    #expect(arena.statistics.liveCells == 0 && [0, 4].contains(arena.statistics.usedChunks))
  }

  @Test(
    "an impossible picture is corrupt, and leaves the chunk empty",
    arguments: [
      (Arena.ChunkShape.slab(cellBytes: 48, isRaw: false), 0, [256]),
      (.slab(cellBytes: 0, isRaw: false), 1, [256]),
      (.slab(cellBytes: -16, isRaw: false), 1, []),
      (.slab(cellBytes: 40, isRaw: false), 1, [256]),
      (.slab(cellBytes: 16_384, isRaw: false), 1, [256]),
      (.slab(cellBytes: 48, isRaw: false), 1, [0]),
      (.slab(cellBytes: 48, isRaw: false), 1, [257]),
      (.slab(cellBytes: 48, isRaw: false), 1, [-16]),
      (.slab(cellBytes: 48, isRaw: false), 1, [304, 256]),
      (.slab(cellBytes: 48, isRaw: false), 1, [256, 256]),
      (.slab(cellBytes: 48, isRaw: false), 1, [256 + 48 * 336]),
      (.slab(cellBytes: 48, isRaw: false), 1, [Int.max]),
      (.slab(cellBytes: 48, isRaw: false), 4_096, [256]),
      (.large(chunkCount: 0, isRaw: false), 1, [256]),
      (.large(chunkCount: 2, isRaw: false), 4_095, [256]),
      (.large(chunkCount: Int.max, isRaw: false), 1, [256]),
      (.large(chunkCount: 2, isRaw: false), 1, []),
      (.large(chunkCount: 2, isRaw: false), 1, [512]),
      (.continuation(of: ChunkIndex(1)), 2, [256]),
      (.empty, 2, [256]),
    ])
  func impossible(shape: Arena.ChunkShape, chunk: Int, cells: [Int]) throws {
    let arena = try makeArena()
    #expect {
      try arena.install(shape, at: ChunkIndex(UInt32(chunk)), occupied: cells)
    } throws: {
      ($0 as? ContainerError)?.code == .corrupt
    }
    #expect(arena.statistics.usedChunks == 0)
  }

  @Test("overlapping runs are corrupt")
  func overlap() throws {
    let arena = try makeArena()
    try arena.install(.large(chunkCount: 4, isRaw: true), at: ChunkIndex(3), occupied: [256])
    for chunk in 0...6 as ClosedRange<UInt32> {
      #expect(throws: ContainerError.self) {
        try arena.install(
          .large(chunkCount: 4, isRaw: true), at: ChunkIndex(chunk), occupied: [256])
      }
    }
    try arena.install(.slab(cellBytes: 48, isRaw: false), at: ChunkIndex(7), occupied: [])
  }

  @Test("a taken home, and none that an arena can have, lead elsewhere or to an error")
  func homes() throws {
    let first = try makeArena()
    let second = try Arena.reserve(
      home: first.home, addressSpace: .mebibytes(64), chunkSize: .kibibytes(16))
    #expect(!second.isAtHome && second.home == first.home)
    #expect(second.home(of: second.base + 100).rawValue == first.home.rawValue + 100)
    #expect(second.live(first.home) == second.base)
    for home in [1, 0x5500_0000_0010, 1 << 47, UInt64.max, UInt64.max << 22] {
      #expect(throws: ContainerError.self) {
        _ = try Arena.reserve(
          home: ArenaAddress(home), addressSpace: .mebibytes(64), chunkSize: .kibibytes(16))
      }
    }
  }

  @Test("a foreign member gets a home that nothing else is given")
  func reservedCells() throws {
    let arena = try makeArena()
    var starts: Set<UInt> = []
    for byteCount in [1, 16, 48, 1_000, 8_064, 8_065, 100_000] {
      for isRaw in [false, true] {
        let start = try arena.reserveCell(byteCount: byteCount, isRaw: isRaw)
        let cell = try #require(arena.cell(containing: start))
        #expect(cell.byteCount >= byteCount && cell.isRaw == isRaw && cell.start == start)
        #expect(starts.insert(start).inserted)
      }
    }
    for start in starts { arena.releaseCell(start) }
    #expect(arena.statistics.liveCells == 0)
    #expect(throws: ContainerError.self) {
      _ = try arena.reserveCell(byteCount: 1 << 30, isRaw: true)
    }
  }
}
