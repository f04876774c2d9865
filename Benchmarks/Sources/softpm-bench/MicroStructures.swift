// The five structures of SoftPM's microbenchmark, as ordinary Swift.

/// What a container holds, and how one of its elements changes.
class MicroRoot {
  func change(_ place: Int) {}
}

enum Structure: String, CaseIterable {
  case string
  case array = "3-dimensional array"
  case list = "linked list"
  case table = "hash table"
  case tree = "binary tree"

  func make(_ elements: Int) -> MicroRoot {
    switch self {
    case .string: TextRoot(elements)
    case .array: ArrayRoot(elements)
    case .list: ListRoot(elements)
    case .table: TableRoot(elements)
    case .tree: TreeRoot(elements)
    }
  }
}

final class TextRoot: MicroRoot {
  private var text: [UInt8]
  init(_ elements: Int) { text = [UInt8](repeating: 65, count: elements * 64) }
  override func change(_ place: Int) { text[place * 64] = text[place * 64] == 65 ? 66 : 65 }
}

final class ArrayRoot: MicroRoot {
  private var planes: [[[Double]]]
  init(_ elements: Int) {
    planes = [[[Double]]](
      repeating: [[Double]](repeating: [Double](repeating: 0, count: 80), count: 10),
      count: max(1, elements / 100))
  }
  override func change(_ place: Int) {
    planes[place / 100 % planes.count][place / 10 % 10][place % 10 * 8] += 1
  }
}

final class ListRoot: MicroRoot {
  final class Node {
    var value: Int
    var rest = (0, 0)
    var next: Node?
    init(_ value: Int, _ next: Node?) {
      self.value = value
      self.next = next
    }
  }
  private var head: Node?
  /// Where each element is, so that a change is not a walk.
  private var places: [Node] = []

  init(_ elements: Int) {
    super.init()
    places.reserveCapacity(elements)
    for value in 0..<elements {
      let node = Node(value, head)
      head = node
      places.append(node)
    }
  }
  override func change(_ place: Int) { places[place % places.count].value += 1 }
}

final class TableRoot: MicroRoot {
  private var table: [Int: [Int]] = [:]
  init(_ elements: Int) {
    for key in 0..<elements { table[key] = [key, 0, 0] }
  }
  override func change(_ place: Int) { table[place]?[1] += 1 }
}

final class TreeRoot: MicroRoot {
  final class Node {
    let key: Int
    var value = 0
    var left, right: Node?
    init(_ key: Int) { self.key = key }
  }
  private var root: Node?

  init(_ elements: Int) {
    root = TreeRoot.balanced(0..<elements)
  }
  private static func balanced(_ keys: Range<Int>) -> Node? {
    guard !keys.isEmpty else { return nil }
    let middle = keys.lowerBound + keys.count / 2
    let node = Node(middle)
    node.left = balanced(keys.lowerBound..<middle)
    node.right = balanced(middle + 1..<keys.upperBound)
    return node
  }
  override func change(_ place: Int) {
    var node = root
    while let here = node {
      if here.key == place {
        here.value += 1
        return
      }
      node = place < here.key ? here.left : here.right
    }
  }
}
