import Foundation
import SoftPMTesting
import Synchronization
import Testing

@testable import Containers

/// Points that change more than is copied aside (64 MiB): their images are written while they are
/// made, under the lock.
@Suite("Points larger than what is copied aside")
struct StreamedPointTests {
  final class Node {
    var number: Int
    var name: String
    var next: Node?

    init(_ number: Int, next: Node?) {
      self.number = number
      name = "node with the number \(number)"
      self.next = next
    }
  }

  final class World {
    var blobs: [[UInt8]] = []
    var list: Node?

    func fill(mebibytes: Int, salt: UInt8) {
      blobs = (0..<mebibytes).map {
        [UInt8](repeating: UInt8(truncatingIfNeeded: $0) &+ salt, count: 1 << 20)
      }
      list = (0..<10_000).reduce(nil) { Node($1, next: $0) }
    }

    /// What is wrong with a world that was filled like that; nil when nothing is.
    func problem(mebibytes: Int, salt: UInt8) -> String? {
      guard blobs.count == mebibytes else { return "\(blobs.count) blobs" }
      for (index, blob) in blobs.enumerated() {
        let byte = UInt8(truncatingIfNeeded: index) &+ salt
        let expected = [UInt8](repeating: byte, count: 1 << 20)
        guard blob.count == 1 << 20, memcmp(blob, expected, 1 << 20) == 0 else {
          return "blob \(index)"
        }
      }
      var node = list
      for number in (0..<10_000).reversed() {
        guard node?.number == number, node?.name == "node with the number \(number)" else {
          return "node \(number)"
        }
        node = node?.next
      }
      return node == nil ? nil : "too many nodes"
    }
  }

  @Test("what was persisted is restored, and the store's accounts are right")
  func restored() throws {
    let folder = try ScratchFolder()
    let store = try Store.open(folder.path("a.softpm"))
    do {
      let container = try store.container("world", initial: World())
      container.update { $0.fill(mebibytes: 70, salt: 1) }
      let point = try container.persist()
      try point.wait()
      #expect(point.statistics.writtenBytes > 70 << 20)
      // Every byte differs, and every object is another one.
      container.update { $0.fill(mebibytes: 66, salt: 77) }
      try container.persistAndWait()
      container.update { $0.list?.number += 1 }
      container.update { $0.list?.number -= 1 }
      try container.persistAndWait()
      try container.close()
    }
    #expect(try store.core.chunks.spaceProblem() == nil)
    try store.close()
    let again = try Store.open(folder.path("a.softpm"))
    let container = try again.container("world", initial: World())
    #expect(container.read { $0.problem(mebibytes: 66, salt: 77) } == nil)
    #expect(try again.verify().isIntact)
    try again.close()
  }

  @Test("written over with what was there, they make no version, and the next point is made")
  func unchanged() throws {
    let folder = try ScratchFolder()
    let store = try Store.open(folder.path("a.softpm"))
    let container = try store.container("world", initial: World())
    container.update { $0.fill(mebibytes: 70, salt: 9) }
    let first = try container.persistAndWait()
    container.update { world in
      for index in world.blobs.indices {
        let byte = world.blobs[index][0]
        world.blobs[index].withUnsafeMutableBufferPointer { $0.update(repeating: byte) }
      }
    }
    let second = try container.persist()
    #expect(second.version == first)
    #expect(second.statistics.dirtyChunks > 4_000)
    container.update { $0.list?.name = "another" }
    let third = try container.persistAndWait()
    #expect(third > first)
    #expect(try store.core.chunks.spaceProblem() == nil)
    try store.close()
  }

  @Test("two containers of a store stream side by side, and a third makes small points")
  func several() async throws {
    let folder = try ScratchFolder()
    let store = try Store.open(folder.path("a.softpm"))
    let large = try (0..<2).map { try store.container("large \($0)", initial: World()) }
    let small = try store.container("small", initial: World())
    for (index, container) in large.enumerated() {
      container.update { $0.fill(mebibytes: 65, salt: UInt8(index)) }
    }
    let failures = Mutex<[any Error]>([])
    let threads = (0..<3).map { index in
      Thread {
        do {
          if index < 2 {
            try large[index].persistAndWait()
          } else {
            for step in 0..<50 {
              small.update { $0.list = Node(step, next: $0.list) }
              try small.persist()
            }
            try small.persistAndWait()
          }
        } catch {
          failures.withLock { $0.append(error) }
        }
      }
    }
    for thread in threads { thread.start() }
    while !threads.allSatisfy(\.isFinished) { try await Task.sleep(for: .milliseconds(1)) }
    #expect(failures.withLock { $0.isEmpty }, "\(failures.withLock { $0 })")
    for (index, container) in large.enumerated() {
      try container.close()
      let again = try store.container("large \(index)", initial: World())
      #expect(again.read { $0.problem(mebibytes: 65, salt: UInt8(index)) } == nil)
    }
    #expect(try store.core.chunks.spaceProblem() == nil)
    try store.close()
  }
}
