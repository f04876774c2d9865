// What is asked of the versions at every point and every fold, kept so that the answer costs what
// it is about and not as much as there are versions.
//
// Facts, once everything that the checkpoint has is known (`VersionGraph.loadAll`):
// 1. `listed` has the durable listed versions of each container, by rising number; `ageing` those
//    of them without a label, which retention may drop.
// 2. `children` has, for every version, those whose table shares with its: what `tableParent`
//    says, the other way round. Pending and hidden ones count.
// 3. `unsaved` has every version whose record in the tree of versions is missing or out of date.

import SoftPMBase

struct VersionIndex {
  struct Listing {
    var all: [VersionNode] = []
    var ageing: [VersionNode] = []
  }

  var listed: [ContainerNumber: Listing] = [:]
  private(set) var children: [VersionID: [VersionNode]] = [:]
  var unsaved: [VersionID: VersionNode] = [:]

  mutating func rebuild(
    _ versions: [VersionID: VersionNode], _ hidden: [VersionID: VersionNode]
  ) {
    listed = [:]
    children = [:]
    unsaved = [:]
    let nodes = (Array(versions.values) + Array(hidden.values))
      .sorted { $0.facts.id < $1.facts.id }
    for node in nodes {
      link(node)
      if !node.isFolded || node.isChanged { unsaved[node.facts.id] = node }
      if !node.isDropped, node.isDurable { list(node) }
    }
  }

  mutating func added(_ node: VersionNode) {
    link(node)
    unsaved[node.facts.id] = node
  }

  mutating func list(_ node: VersionNode) {
    listed[node.facts.container, default: Listing()].insert(node)
  }

  mutating func unlist(_ node: VersionNode) {
    listed[node.facts.container]?.remove(node)
  }

  // MARK: Whose tables share with whose

  private mutating func link(_ node: VersionNode) {
    if let parent = node.tableParent { children[parent, default: []].append(node) }
  }

  mutating func unlinked(_ node: VersionNode) {
    unsaved[node.facts.id] = nil
    children[node.facts.id] = nil
    unlinkFromParent(node)
  }

  private mutating func unlinkFromParent(_ node: VersionNode) {
    guard let parent = node.tableParent, var siblings = children[parent] else { return }
    siblings.removeAll { $0 === node }
    children[parent] = siblings.isEmpty ? nil : siblings
  }

  mutating func move(_ node: VersionNode, to parent: VersionID?) {
    guard node.tableParent != parent else { return }
    unlinkFromParent(node)
    node.tableParent = parent
    link(node)
  }
}

extension VersionGraph {
  /// A version that is in memory, hidden or not.
  func loaded(_ id: VersionID) -> VersionNode? { versions[id] ?? hidden[id] }

  /// Every version that is known, by rising number.
  var everything: [VersionNode] {
    (Array(versions.values) + Array(hidden.values)).sorted { $0.facts.id < $1.facts.id }
  }

  /// What a fold has to do with, by rising number: versions without an up-to-date record, hidden
  /// ones, and those whose tables share with a hidden one's.
  func work(for fold: inout Fold) -> [VersionNode] {
    var nodes = index.unsaved
    nodes.merge(hidden) { one, _ in one }
    for id in hidden.keys {
      let children = index.children[id] ?? []
      fold.children[id] = children
      for child in children { nodes[child.facts.id] = child }
    }
    return nodes.values.sorted { $0.facts.id < $1.facts.id }
  }
}

extension VersionIndex.Listing {
  mutating func insert(_ node: VersionNode) {
    VersionIndex.Listing.insert(node, in: &all)
    if node.facts.label == nil { VersionIndex.Listing.insert(node, in: &ageing) }
  }

  mutating func remove(_ node: VersionNode) {
    VersionIndex.Listing.remove(node, from: &all)
    VersionIndex.Listing.remove(node, from: &ageing)
  }

  /// Where a number is, or would be.
  private static func place(of id: VersionID, in nodes: [VersionNode]) -> Int {
    var low = 0
    var high = nodes.count
    while low < high {
      let middle = (low + high) / 2
      if nodes[middle].facts.id < id { low = middle + 1 } else { high = middle }
    }
    return low
  }

  private static func insert(_ node: VersionNode, in nodes: inout [VersionNode]) {
    if let last = nodes.last, last.facts.id >= node.facts.id {
      nodes.insert(node, at: place(of: node.facts.id, in: nodes))
    } else {
      nodes.append(node)
    }
  }

  private static func remove(_ node: VersionNode, from nodes: inout [VersionNode]) {
    let place = place(of: node.facts.id, in: nodes)
    if place < nodes.count, nodes[place] === node { nodes.remove(at: place) }
  }
}
