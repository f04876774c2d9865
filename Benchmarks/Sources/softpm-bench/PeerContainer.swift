// The application with a container: ordinary objects, and points.

import Containers
import Foundation
import SoftPMBenchmarking

final class ContainerPeer: Peer {
  private let durability: Durability
  private let path: String
  private var store: Store
  private var container: Container<Graph>
  private var keys: [Int] = []
  private var last: PersistencePoint?

  init(
    _ durability: Durability, _ driver: StoreOptions.Driver, _ folder: ScratchFolder,
    count: Int
  ) throws {
    self.durability = durability
    path = folder.file("container.\(durability).\(driver)")
    store = durability == .memory ? try Store.inMemory() : try Self.open(path, driver)
    container = try store.container("graph", initial: Graph())
    container.update { $0.fill(items: count, blobs: 0) }
    try container.persistAndWait()
    let way =
      switch durability {
      case .durable: driver == .automatic ? "" : ", driver \(driver)"
      case .buffered: ", persist() only"
      case .memory: ", store in memory"
      }
    super.init("container" + way, count: count)
  }

  private static func open(_ path: String, _ driver: StoreOptions.Driver) throws -> Store {
    var options = StoreOptions()
    options.driver = driver
    return try Store.open(path, options)
  }

  override func batch(_ keys: [Int], _ lap: Lap) throws {
    let point = try lap.time {
      container.update { graph in for key in keys { graph.items[key].count += 1 } }
      guard durability == .buffered else {
        try container.persistAndWait()
        return PersistencePoint?.none
      }
      return try container.persist()
    }
    // In flight it is nobody else's load.
    try point?.wait()
    point?.countParts(lap)
  }

  override func counts() throws -> [Int] {
    if durability != .memory {
      try store.close()
      store = try Store.open(path)
      container = try store.container("graph", initial: Graph())
    }
    return container.read { $0.items.map(\.count) }
  }

  override func end() { try? store.close() }
}

extension PersistencePoint {
  /// What a durable point was made of, into a lap's counts.
  func countParts(_ lap: Lap) {
    let cost = statistics
    lap.count("collect µs", cost.collecting.microseconds)
    lap.count("discover µs", cost.discovering.microseconds)
    lap.count("copy µs", cost.copying.microseconds)
    lap.count("image µs", cost.imaging.microseconds)
    lap.count("write µs", cost.writing.microseconds)
    lap.count("flush µs", cost.flushing.microseconds)
    lap.count("flushes", Double(cost.flushes))
    lap.count("chunks", Double(cost.writtenChunks))
  }
}

extension Duration {
  var microseconds: Double {
    Double(components.seconds) * 1e6 + Double(components.attoseconds) / 1e12
  }
}
