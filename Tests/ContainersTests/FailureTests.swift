import Foundation
import SoftPMStore
import SoftPMTesting
import Testing

@testable import Containers

/// Points and restores that fail: nothing is lost, nothing is left half-done, and it goes on.
@Suite("Failure")
struct FailureTests {
  final class Note {
    var text: String
    var next: Note?
    init(_ text: String, _ next: Note?) {
      self.text = text
      self.next = next
    }
  }
  final class Pad {
    var newest: Note?
    var texts: [String] {
      var found: [String] = []
      var note = newest
      while let current = note {
        found.append(current.text)
        note = current.next
      }
      return found
    }
    func add(_ text: String) { newest = Note(text, newest) }
  }

  private func makeStore() throws -> (Store, StoreRecordingDevice) {
    let device = StoreRecordingDevice([])
    return (Store(StoreCore(try ChunkStore.open(on: device), path: nil)), device)
  }

  @Test(
    "after a failed point the next one builds on the version switched to, without reopening",
    arguments: StoreFaultPlan.Kind.allCases)
  func afterSwitch(_ kind: StoreFaultPlan.Kind) throws {
    let (store, device) = try makeStore()
    let pad = try store.container("pad", initial: Pad())
    pad.update { $0.add("one") }
    let first = try pad.persistAndWait()
    pad.update { $0.add("two") }
    let second = try pad.persistAndWait()
    try pad.switchTo(first)
    pad.update { $0.add("three, which is not inline") }
    device.setFaults(StoreFaultPlan(kind, at: 0, forEver: true))
    #expect(throws: ContainerError.self) { try pad.persistAndWait() }
    #expect(pad.version == first, "the version that the failed point was to be is none")
    device.setFaults(nil)
    // At once: the point's `wait` may have told of the failure before anybody else knew.
    let third = try pad.persistAndWait()
    #expect(try pad.versions.map(\.id) == [first, second, third])
    #expect(try pad.versions.last?.parent == first)
    try pad.close()
    #expect(
      try store.container("pad", initial: Pad()).root.texts == [
        "three, which is not inline", "one",
      ])
    try store.close()
  }

  @Test(
    "points in flight fail together, each tells, and the next point has all of it",
    arguments: StoreFaultPlan.Kind.allCases)
  func inFlight(_ kind: StoreFaultPlan.Kind) throws {
    let (store, device) = try makeStore()
    let pad = try store.container("pad", initial: Pad())
    pad.update { $0.add("durable") }
    let first = try pad.persistAndWait()
    device.setFaults(StoreFaultPlan(kind, at: 0, forEver: true))
    var failures = 0
    for number in 1...12 {
      pad.update { $0.add("point \(number), not inline either") }
      do {
        try pad.persist().wait()
      } catch is ContainerError {
        failures += 1
      }
    }
    #expect(failures == 12)
    #expect(try pad.versions.map(\.id) == [first])
    device.setFaults(nil)
    let last = try pad.persistAndWait()
    #expect(try pad.versions.map(\.id) == [first, last])
    let texts = pad.root.texts
    #expect(texts.count == 13)
    try pad.close()
    #expect(try store.container("pad", initial: Pad()).root.texts == texts)
    try store.close()
  }

  @Test("closing tells of a point that failed and was not made good")
  func closing() throws {
    let (store, device) = try makeStore()
    let pad = try store.container("pad", initial: Pad())
    try pad.persistAndWait()
    pad.update { $0.add("lost") }
    device.setFaults(StoreFaultPlan(.inputOutput, at: 0, forEver: true))
    try pad.persist()
    #expect(throws: ContainerError.self) { try pad.close() }
  }

  /// 600 ranges of 256 GiB are more than a process can have: none may stay reserved.
  @Test("a restore that finds damage gives all its address space back")
  func damaged() throws {
    let folder = try ScratchFolder()
    let path = folder.path("pad.softpm")
    var attributes = ContainerAttributes()
    attributes.addressSpace = 256 << 30
    do {
      let store = try Store.open(path)
      let pad = try store.container("pad", initial: Pad(), attributes: attributes)
      pad.update { pad in for number in 0..<2_000 { pad.add("a text to be damaged \(number)") } }
      try pad.persistAndWait()
      try store.close()
    }
    var bytes = try Data(contentsOf: URL(filePath: path))
    let place = try #require(bytes.range(of: Data("to be damaged 1".utf8), options: .backwards))
    bytes[place.lowerBound] ^= 1
    try bytes.write(to: URL(filePath: path))
    let store = try Store.open(path)
    for attempt in 0..<600 {
      do {
        _ = try store.container("pad", initial: Pad())
        Issue.record("damage was not noticed at attempt \(attempt)")
      } catch let error as ContainerError {
        #expect(error.code == .corrupt, "attempt \(attempt): \(error)")
        if error.code != .corrupt { break }
      }
    }
    try store.close()
  }
}
