import SoftPMBase
import SoftPMHeap
import SoftPMTypes

/// The graph of a version as a tree: each object and collection under the first that leads to it,
/// breadth first from where one looks.
///
/// Reads everything that is reachable, once; sizes are those of cells, so they include what
/// allocation rounds up to.
public struct InspectedTree {
  public struct Node {
    /// The step from the parent: `.people`, `["Ann"]`.
    public let step: String
    /// What is there: `Person#12`, `[String: Person]`.
    public let name: String
    public let isObject: Bool
    public let depth: Int
    /// Its own cell, and text and data that only it leads to.
    public internal(set) var ownBytes: Int
    /// Own bytes and those of all below.
    public internal(set) var totalBytes: Int
    /// Objects at and below.
    public internal(set) var totalObjects: Int
    public internal(set) var parent: Int?
    public internal(set) var children: [Int] = []
    /// References to nodes that stand elsewhere in the tree: step and node.
    public internal(set) var links: [(step: String, node: Int)] = []
  }

  /// The first is where one looked; parents come before children.
  public private(set) var nodes: [Node] = []
  /// There was more than `limit` allowed.
  public private(set) var isCut = false

  private let reader: StoredReader
  private let limit: Int
  private var indices: [ArenaAddress: Int] = [:]
  private var queue: [(place: StoredPlace?, object: StoredObject?)] = []
  private var text: Set<ArenaAddress> = []

  init(
    from place: StoredPlace, _ reader: StoredReader, limit: Int
  ) throws(ContainerError) {
    self.reader = reader
    self.limit = limit
    if case .object(let object) = try reader.value(at: place) {
      try add(object, step: "", parent: nil)
    } else {
      try add(place, bytes: 0, storage: nil, step: "", parent: nil)
    }
    var next = 0
    while next < queue.count {
      let item = queue[next]
      if let object = item.object {
        try reader.eachPart(of: object) { step, part throws(ContainerError) in
          try self.visit(part, try self.reader.text(of: step), from: next)
        }
      } else if let place = item.place {
        try reader.eachPart(of: reader.value(at: place)) { step, part throws(ContainerError) in
          try self.visit(part, try self.reader.text(of: step), from: next)
        }
      }
      queue[next] = (nil, nil)
      next += 1
    }
    for index in nodes.indices.reversed() {
      guard let parent = nodes[index].parent else { continue }
      nodes[parent].totalBytes += nodes[index].totalBytes
      nodes[parent].totalObjects += nodes[index].totalObjects
    }
  }

  private mutating func visit(
    _ place: StoredPlace, _ step: String, from node: Int
  ) throws(ContainerError) {
    if let slot = try reader.slot(at: place) {
      if slot.isText {
        if text.insert(slot.target).inserted {
          grow(node, by: try reader.memory.cell(at: slot.target).count)
        }
        return
      }
      if let known = indices[slot.target] {
        nodes[node].links.append((step, known))
        return
      }
    }
    let value = try reader.value(at: place)
    switch value {
    case .leaf(.data(let bytes)): grow(node, by: bytes.count)
    case .leaf, .none, .hidden, .opaque: return
    case .object(let object):
      if let known = indices[object.home] {
        nodes[node].links.append((step, known))
      } else if object.isStrong {
        try add(object, step: step, parent: node)
      }
    case .array(let array) where array.storage == nil && array.count == 0: return
    case .array(let array):
      let bytes = try array.storage.map { home throws(ContainerError) in
        try reader.memory.cell(at: home).count
      }
      try add(place, bytes: bytes ?? 0, storage: array.storage, step: step, parent: node)
    case .table(let table):
      guard let storage = table.storage else { return }
      if let known = indices[storage] {
        nodes[node].links.append((step, known))
        return
      }
      try add(
        place, bytes: reader.memory.cell(at: storage).count, storage: storage, step: step,
        parent: node)
    case .record, .payload:
      try reader.eachPart(of: value) { inner, part throws(ContainerError) in
        try self.visit(part, step + (try self.reader.text(of: inner)), from: node)
      }
    }
  }

  private mutating func grow(_ node: Int, by bytes: Int) {
    nodes[node].ownBytes += bytes
    nodes[node].totalBytes += bytes
  }

  private mutating func add(
    _ object: StoredObject, step: String, parent: Int?
  ) throws(ContainerError) {
    if nodes.count < limit { indices[object.home] = nodes.count }
    append(
      Node(
        step: step, name: reader.name(of: object), isObject: true,
        depth: parent.map { nodes[$0].depth + 1 } ?? 0, ownBytes: object.cell.count,
        totalBytes: object.cell.count, totalObjects: 1, parent: parent),
      (nil, object))
  }

  private mutating func add(
    _ place: StoredPlace, bytes: Int, storage: ArenaAddress?, step: String, parent: Int?
  ) throws(ContainerError) {
    if let storage, nodes.count < limit { indices[storage] = nodes.count }
    append(
      Node(
        step: step, name: reader.types.shortName(place.type), isObject: false,
        depth: parent.map { nodes[$0].depth + 1 } ?? 0, ownBytes: bytes, totalBytes: bytes,
        totalObjects: 0, parent: parent),
      (place, nil))
  }

  private mutating func append(_ node: Node, _ item: (StoredPlace?, StoredObject?)) {
    guard nodes.count < limit else {
      isCut = true
      return
    }
    if let parent = node.parent { nodes[parent].children.append(nodes.count) }
    nodes.append(node)
    queue.append((item.0, item.1))
  }
}

extension InspectedVersion {
  /// The graph from a path on, of at most `limit` objects and collections.
  public func tree(at path: String = "root", limit: Int = .max) throws -> InspectedTree {
    try withoutScopes {
      let place = try reader.reader.follow(WrittenPath(path), from: reader.root())
      return try InspectedTree(from: place, reader.reader, limit: limit)
    }
  }
}
