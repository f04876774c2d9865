// What no root reaches: circles, and what only a process that died had held.

import Containers
import Foundation
import SoftPMTesting
import Testing

@Suite("Garbage")
struct GarbageTests {
  final class Item {
    var name = "an item whose name is not inline"
    var links: [Item] = []
  }
  final class Root {
    var items: [Item] = []
  }

  private static func circle(of count: Int) -> [Item] {
    let items = (0..<count).map { _ in Item() }
    for index in items.indices { items[index].links = [items[(index + 1) % count]] }
    return items
  }

  /// The objects and bytes of a store whose program was killed, before and after compaction.
  private func outcome(_ mode: String) throws -> (objects: Int, before: Int, after: Int) {
    let folder = try ScratchFolder()
    let path = folder.path("g.softpm")
    let program = try ChildProgram("GenerationsProgram", environment: ["SOFTPM_STORE": path])
    let ended = try program.run(mode, "20000")
    #expect(ended.status != 0, "it was to be killed")
    // By the store's own type table: what is stored, whatever the program would see.
    let inspector = try StoreInspector(Store.open(path))
    let newest = try #require(try inspector.versions(of: "items").last)
    let report = try inspector.store.compact()
    try inspector.store.close()
    return (newest.objectCount, report.bytesBefore, report.bytesAfter)
  }

  @Test("kept only by a process that was killed is not in the store, and its space returns")
  func killed() throws {
    let clean = try outcome("clean")
    let linked = try outcome("linked")
    let garbage = try outcome("garbage")
    #expect(garbage.objects == clean.objects)
    #expect(garbage.after < clean.after + (512 << 10), "\(garbage) against \(clean)")
    // Had it been kept, it would show: it was in a version, and then in none.
    #expect(linked.objects > clean.objects + 20_000)
    #expect(linked.after > clean.after + (2 << 20), "\(linked) against \(clean)")
    #expect(garbage.before > garbage.after + (2 << 20), "\(garbage)")
  }

  @Test("is found by a full trace on demand, circles too, and compacting gives its space back")
  func onDemand() throws {
    let folder = try ScratchFolder()
    let store = try Store.open(folder.path("g.softpm"))
    var attributes = ContainerAttributes()
    attributes.retention = .latest(1)
    let container = try store.container("root", initial: Root(), attributes: attributes)
    container.update { $0.items = Self.circle(of: 10) + Self.circle(of: 20_000) }
    try container.persistAndWait()
    let full = try store.compact()
    let traces = container.statistics.pointsLookingAtAll
    weak let some = container.root.items[500]
    container.update { $0.items.removeLast(20_000) }
    let report = try container.collectGarbage()
    // Each item has an array's storage; the name is a literal, of which there is one.
    #expect(report.objectsBefore - report.objects == 2 * 20_000)
    #expect(report.version == container.version)
    #expect(container.statistics.pointsLookingAtAll == traces + 1)
    let small = try store.compact()
    let kept = try store.space.versions
    #expect(
      small.bytesAfter < full.bytesAfter - (1 << 20),
      "\(full), then \(small): \(kept)")
    #expect(some != nil, "a circle lives on in the program, as in any Swift")
    // Compacting asks for such a trace too; with nothing to find there is no version to make.
    let again = try container.collectGarbage()
    #expect(again.version == report.version && again.objects == report.objects)
    let traced = container.statistics.pointsLookingAtAll
    _ = try store.compact()
    #expect(try container.persistAndWait() == report.version)
    #expect(container.statistics.pointsLookingAtAll == traced + 1)
    try store.close()
  }
}
