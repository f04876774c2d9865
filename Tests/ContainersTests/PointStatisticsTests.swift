import Containers
import Testing

/// What a point says of its own cost.
@Suite("What a point cost")
struct PointStatisticsTests {
  final class Numbers {
    var values = [Int](repeating: 0, count: 100_000)
  }

  @Test("a durable point tells how long each of its steps took, and one without a version nothing")
  func steps() throws {
    let store = try Store.inMemory()
    let numbers = try store.container("numbers", initial: Numbers())
    try numbers.persistAndWait()
    numbers.update { root in for index in root.values.indices { root.values[index] += 1 } }
    let clock = ContinuousClock()
    let begun = clock.now
    let point = try numbers.persist()
    try point.wait()
    let all = clock.now - begun
    let cost = point.statistics
    let stall = [cost.collecting, cost.discovering, cost.copying]
    for step in stall + [cost.imaging, cost.writing, cost.flushing] { #expect(step > .zero) }
    #expect(stall.reduce(.zero, +) <= cost.stall)
    #expect(cost.stall + cost.imaging + cost.writing + cost.flushing <= all)

    let unchanged = try numbers.persist()
    try unchanged.wait()
    #expect(unchanged.statistics.writing == .zero)
    #expect(unchanged.statistics.flushing == .zero)
    try store.close()
  }
}
