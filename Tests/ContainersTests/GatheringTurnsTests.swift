import Testing

@testable import Containers

@Suite("Cold memory is gathered")
struct GatheringTurnsTests {
  @Test("after the last point of a row, not beside those that follow")
  func lastOfRow() {
    let turns = GatheringTurns()
    let row = (0..<10).map { _ in turns.request() }
    #expect(row.filter(turns.begin) == [row[9]])
  }

  @Test("by one at a time")
  func oneAtATime() {
    let turns = GatheringTurns()
    #expect(turns.begin(turns.request()))
    #expect(!turns.begin(turns.request()))
    turns.end()
    #expect(turns.begin(turns.request()))
  }

  @Test("now and then where points never pause")
  func neverPausing() {
    let turns = GatheringTurns()
    var before = turns.request()
    var taken = 0
    for _ in 0..<32 * GatheringTurns.patience {
      let next = turns.request()
      if turns.begin(before) {
        turns.end()
        taken += 1
      }
      before = next
    }
    #expect(taken == 32)
  }
}
