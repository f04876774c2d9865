// The object graphs that points and restores are measured with, and what makes requests of them.

import Containers
import Foundation

/// A small object.
final class Item: Codable {
  var key: Int
  var count = 0
  var name: String
  init(_ key: Int) {
    self.key = key
    name = "item number \(key)"
  }
}

/// Small objects, and byte arrays of 1 MiB.
final class Graph: Codable {
  var items: [Item] = []
  var blobs: [[UInt8]] = []

  func fill(items count: Int, blobs blobCount: Int) {
    items.reserveCapacity(count)
    for key in 0..<count { items.append(Item(key)) }
    for number in 0..<blobCount {
      blobs.append([UInt8](repeating: UInt8(truncatingIfNeeded: number), count: 1 << 20))
    }
  }

  /// Reads every object.
  func walk() -> UInt64 {
    items.reduce(0) { $0 &+ UInt64($1.key) &+ UInt64($1.name.utf8.count) &+ UInt64($1.count) }
  }
}

/// Numbers 0 ..< count with Zipf's distribution, by a table of a thousand slices.
struct Zipf {
  private let bounds: [Double]
  private let count: Int
  private var state: UInt64

  init(_ count: Int, exponent: Double, seed: UInt64 = 0) {
    self.count = count
    // Never zero, of which xorshift would make zeros only.
    state = 88_172_645_463_325_252 ^ (seed &* 0x9e37_79b9_7f4a_7c15 >> 1)
    let slices = min(1000, count)
    var sum = 0.0
    var bounds: [Double] = []
    for slice in 0..<slices {
      // The weight of the middle of the slice stands for all of it, but for the first.
      let rank = slice == 0 ? 1.0 : (Double(slice) + 0.5) * Double(count) / Double(slices)
      sum += 1 / pow(rank, exponent)
      bounds.append(sum)
    }
    self.bounds = bounds.map { $0 / sum }
  }

  mutating func nextRandom() -> UInt64 {
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    return state
  }

  mutating func next() -> Int {
    let share = Double(nextRandom() >> 11) / Double(1 << 53)
    var low = 0
    var high = bounds.count - 1
    while low < high {
      let middle = (low + high) / 2
      if bounds[middle] < share { low = middle + 1 } else { high = middle }
    }
    let width = max(1, count / bounds.count)
    // Spread over memory: what is asked for often does not lie together.
    let rank = min(count - 1, low * width + Int(nextRandom() % UInt64(width)))
    return Int(UInt64(rank) &* 2_654_435_761 % UInt64(count))
  }
}
