import Foundation
import SoftPMBase
import SoftPMHeap
import Testing

/// Frees a cell of the nursery behind the compiler's back, as a mistaken program would.
private func rawCell() -> UnsafeMutableRawPointer {
  UnsafeMutableRawPointer.allocate(byteCount: opaque(48), alignment: 8)
}

@Suite struct CheckTests {
  @Test("freeing twice ends the process, in every build")
  func doubleFree() async {
    await #expect(processExitsWith: .failure) {
      let cell = rawCell()
      free(cell)
      free(cell)
    }
  }

  @Test("freeing what is no cell's start ends the process, in every build")
  func wildFree() async {
    await #expect(processExitsWith: .failure) {
      free(rawCell() + 16)
    }
    await #expect(processExitsWith: .failure) {
      free(rawCell() + 8)
    }
    await #expect(processExitsWith: .failure) {
      let arena = try makeArena()
      _ = try arena.reserveCell(byteCount: 16, isRaw: true)
      free(UnsafeMutableRawPointer(bitPattern: arena.base + 16))
    }
  }

  @Test("writing beyond a cell's end is found when it is freed", .enabled(if: Heap.isChecking))
  func overrun() async {
    await #expect(processExitsWith: .failure) {
      let cell = rawCell()
      cell.storeBytes(of: 1, toByteOffset: usableSize(of: cell), as: UInt8.self)
      free(cell)
    }
  }

  @Test("writing to a freed cell is found when it is used again", .enabled(if: Heap.isChecking))
  func useAfterFree() async {
    await #expect(processExitsWith: .failure) {
      let cell = rawCell()
      free(cell)
      cell.storeBytes(of: 1, toByteOffset: 40, as: UInt8.self)
      for _ in 0..<100 { _ = rawCell() }
    }
  }

  @Test("a well-behaved program is let be")
  func wellBehaved() async {
    await #expect(processExitsWith: .success) {
      let cells = (0..<1_000).map { _ in rawCell() }
      for cell in cells {
        memset(cell, 1, usableSize(of: cell))
        free(cell)
      }
    }
  }

  @Test("a cell's out-of-line word is zero for whoever is given the cell, and its own")
  func words() throws {
    let arena = try makeArena()
    for round in 0..<3 {
      let starts = try (0..<100).map { _ in try arena.reserveCell(byteCount: 16, isRaw: true) }
      for (index, start) in starts.enumerated() {
        let word = try #require(Heap.outOfLineWord(ofCellAt: start))
        #expect(word.pointee == 0, "round \(round)")
        word.pointee = UInt64(index + 1)
      }
      for (index, start) in starts.enumerated() {
        #expect(Heap.outOfLineWord(ofCellAt: start)?.pointee == UInt64(index + 1))
        arena.releaseCell(start)
      }
    }
    #expect(Heap.outOfLineWord(ofCellAt: 16) == nil)
  }

  @Test("the nursery's freed cells can be held back too")
  func nurseryQuarantine() {
    Heap.beginNurseryQuarantine()
    defer { Heap.endNurseryQuarantine() }
    var freed: Set<UInt> = []
    for _ in 0..<1_000 {
      let cell = rawCell()
      #expect(freed.insert(UInt(bitPattern: cell)).inserted)
      free(cell)
    }
  }
}
