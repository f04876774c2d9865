import Containers

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// The cost of persistence points and of restoring, over a graph of small objects.
struct PointsBenchmark {
  final class Item {
    var key: Int
    var name: String
    var next: Item?
    init(_ key: Int, _ next: Item?) {
      self.key = key
      self.next = next
      name = "item number \(key)"
    }
  }
  final class Table {
    var items: [Int: Item] = [:]
    var newest: Item?
  }

  let objects: Int
  let rounds: Int

  func run() throws {
    var template = Array("/tmp/softpm-bench-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw Failure.noFolder }
    let folder = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    defer {
      unlink(folder + "/points.softpm")
      rmdir(folder)
    }
    let store = try Store.open(folder + "/points.softpm")
    let container = try store.container("table", initial: Table())
    var build = Samples()
    build.time { container.update { fill($0) } }
    var first = Samples()
    try first.time { _ = try container.persistAndWait() }
    let whole = try container.persist(label: "counted").statistics

    guard let floor = DiskFloor(folder: folder, byteCount: 16 << 10) else { throw Failure.noFolder }
    var unchanged = Samples()
    var single = Samples()
    var raw = Samples()
    var stall: [Duration] = []
    var written = 0
    for round in 0..<rounds {
      try unchanged.time { _ = try container.persistAndWait() }
      container.update { $0.items[round * 7 % objects]?.key += 1 }
      let point = try single.time {
        let point = try container.persist()
        try point.wait()
        return point
      }
      stall.append(point.statistics.stall)
      written += point.statistics.writtenBytes
      raw.time { floor.writeAndFlush() }
    }
    try container.close()
    var restore = Samples()
    let again = try restore.time { try store.container("table", initial: Table()) }
    let sum = again.read { $0.items.values.reduce(0) { $0 &+ $1.key } }
    try store.close()

    print("points: \(objects) objects, \(rounds) rounds, result \(sum)")
    print("  build the graph in a scope     \(build.text)")
    print("  first point                    \(first.text), \(whole.objectsScanned) members")
    print("  point, nothing changed         \(unchanged.text)")
    print("  point, one object changed      \(single.text), \(written / rounds) bytes")
    print("    of which the lock was held   \(stall.sorted()[stall.count / 2].text)")
    print("  floor: 16 KiB + fdatasync      \(raw.text)")
    print("  restore, everything            \(restore.text)")
  }

  private func fill(_ table: Table) {
    for key in 0..<objects {
      let item = Item(key, table.newest)
      table.items[key] = item
      table.newest = item
    }
  }

  enum Failure: Error { case noFolder }
}
