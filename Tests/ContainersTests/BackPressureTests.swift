import Containers
import Foundation
import Testing

/// Points in flight on a device that takes its time: how many, and who waits for whom.
@Suite("Points in flight")
struct BackPressureTests {
  final class Journal {
    var lines: [String] = []
    func write() { lines.append("line \(lines.count), too long to be inline") }
  }

  /// `update` and `persist`, as often as that, while nothing becomes durable.
  private func makePoints(
    _ count: Int, of journal: Container<Journal>
  ) throws -> [PersistencePoint] {
    try Background {
      try (0..<count).map { _ in
        journal.update { $0.write() }
        return try journal.persist()
      }
    }.result()
  }

  @Test("eight are in flight at most: the ninth waits, and meanwhile updates and reads go on")
  func ninth() throws {
    let device = HeldDevice()
    let store = try device.makeStore()
    let journal = try store.container("journal", initial: Journal())
    let first = try journal.persistAndWait()
    device.hold()
    defer { device.letGo() }
    let points = try makePoints(8, of: journal)
    #expect(journal.statistics.pointsInFlight == 8)
    #expect(!points.contains { $0.isDurable })

    let ninth = Background {
      journal.update { $0.write() }
      return try journal.persist()
    }
    #expect(throws: Background<PersistencePoint>.TakesTooLong.self) {
      try ninth.result(within: 0.3)
    }
    // Were the lock held, these would wait for the device.
    let others = (0..<2).map { _ in
      Background {
        for _ in 0..<100 {
          journal.update { $0.write() }
          _ = journal.read { $0.lines.count }
        }
      }
    }
    for other in others { try other.result() }
    #expect(journal.read { $0.lines.count } == 209)
    #expect(!ninth.isFinished)
    #expect(journal.statistics.pointsInFlight == 8)

    device.letGo()
    let last = try ninth.result()
    for point in points + [last] { try point.wait() }
    let versions = [first] + (points + [last]).map(\.version)
    #expect(try journal.versions.map(\.id) == versions)
    #expect(versions == versions.sorted())
    // Each has what there was when it was made, and nothing of what came after.
    for (count, version) in versions.dropLast().enumerated() {
      #expect(try journal.snapshot(version).read { $0.lines.count } == count)
    }
    #expect(try journal.snapshot(last.version).read { $0.lines.count } >= 9)
    try store.close()
  }

  @Test("a point's version is known while the device is busy, and durable comes in order")
  func versionsAreKnown() throws {
    let device = HeldDevice()
    let store = try device.makeStore()
    let journal = try store.container("journal", initial: Journal())
    let first = try journal.persistAndWait()
    device.hold()
    defer { device.letGo() }
    let points = try makePoints(5, of: journal)
    let versions = try Background { points.map(\.version) }.result()
    #expect(versions == versions.sorted() && Set(versions).count == 5 && versions[0] > first)
    device.letGo()
    var newestFirst: [Bool] = []
    repeat {
      // The newest is asked first: when it is durable, all before it are.
      newestFirst = points.reversed().map { $0.isDurable }
      #expect(newestFirst == newestFirst.sorted { !$0 && $1 })
    } while newestFirst[0] == false
    for point in points { try point.wait() }
    try store.close()
  }

  @Test("each container has eight of its own")
  func otherContainers() throws {
    let device = HeldDevice()
    let store = try device.makeStore()
    let one = try store.container("one", initial: Journal())
    let other = try store.container("other", initial: Journal())
    try one.persistAndWait()
    try other.persistAndWait()
    device.hold()
    defer { device.letGo() }
    let points = try makePoints(8, of: one) + makePoints(8, of: other)
    #expect(one.statistics.pointsInFlight == 8 && other.statistics.pointsInFlight == 8)
    device.letGo()
    for point in points { try point.wait() }
    try store.close()
  }

  @Test("a point that finds nothing new is as durable as the version that it yields")
  func unchangedInFlight() throws {
    let device = HeldDevice()
    let store = try device.makeStore()
    let journal = try store.container("journal", initial: Journal())
    try journal.persistAndWait()
    device.hold()
    defer { device.letGo() }
    let point = try makePoints(1, of: journal)[0]
    let again = try Background { try journal.persist() }.result()
    #expect(again.version == point.version)
    #expect(!again.isDurable)
    let waiting = Background { try again.wait() }
    #expect(throws: Background<Void>.TakesTooLong.self) { try waiting.result(within: 0.2) }
    device.letGo()
    try waiting.result()
    #expect(point.isDurable && again.isDurable)
    #expect(again.statistics.writtenBytes == 0)
    try store.close()
  }

  @Test("a point that finds nothing new fails with the version that it yields")
  func unchangedFails() throws {
    let device = HeldDevice()
    let store = try device.makeStore()
    let journal = try store.container("journal", initial: Journal())
    let first = try journal.persistAndWait()
    device.hold()
    defer { device.letGo() }
    let point = try makePoints(1, of: journal)[0]
    let again = try Background { try journal.persist() }.result()
    device.recording.setFaults(.init(.inputOutput, at: 0, forEver: true))
    device.letGo()
    #expect(try thrown { try point.wait() }?.code == .io)
    #expect(try thrown { try again.wait() }?.code == .io)
    #expect(!again.isDurable)
    device.recording.setFaults(nil)
    let next = try journal.persistAndWait()
    #expect(try journal.versions.map(\.id) == [first, next])
    try store.close()
  }
}
