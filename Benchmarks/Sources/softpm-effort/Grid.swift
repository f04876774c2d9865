// An array of three dimensions, whose rows may have different lengths.

import Containers

final class Grid: Subject {
  var planes: [[[Double]]] = []

  func build(_ count: Int) {
    for plane in 0..<10 {
      planes.append((0..<10).map { row in (0..<count / 100).map { Double(plane * row + $0) } })
    }
  }
  func change() {
    for plane in planes.indices { planes[plane][plane][0] += 0.5 }
    planes[3][4].append(12.5)
  }
  var contents: Contents {
    var contents = Contents()
    for plane in planes {
      contents.add(plane.count)
      for row in plane {
        contents.add(row.count)
        for cell in row { contents.add(Int(truncatingIfNeeded: cell.bitPattern)) }
      }
    }
    return contents
  }

  func persist(to path: String) throws {
    // effort begin: array by-hand persist
    var bytes: [UInt8] = []
    func add(_ number: Int) { withUnsafeBytes(of: number.littleEndian) { bytes += $0 } }
    add(planes.count)
    for plane in planes {
      add(plane.count)
      for row in plane {
        add(row.count)
        for cell in row { add(Int(truncatingIfNeeded: cell.bitPattern)) }
      }
    }
    try replaceFile(path, with: bytes)
    // effort end
  }

  func restore(from path: String) throws {
    // effort begin: array by-hand restore
    let bytes = try readFile(path)
    var place = 0
    func next() throws -> Int {
      guard place + 8 <= bytes.count else { throw FileFailure("\(path) is cut short") }
      defer { place += 8 }
      return bytes.withUnsafeBytes {
        Int(littleEndian: $0.loadUnaligned(fromByteOffset: place, as: Int.self))
      }
    }
    func count() throws -> Range<Int> {
      let count = try next()
      guard count >= 0, count <= bytes.count / 8 else { throw FileFailure("\(path) is damaged") }
      return 0..<count
    }
    planes = try count().map { _ in
      try count().map { _ in
        try count().map { _ in Double(bitPattern: UInt64(bitPattern: Int64(try next()))) }
      }
    }
    // effort end
  }

  static func withContainer(_ work: (Grid) -> Void) throws {
    var grid = Grid()
    // effort begin: array containers restore
    let id = try pCRestore("grid", &grid) ?? pCAlloc("grid", grid)
    // effort end
    for _ in 0..<2 {
      work(grid)
      // effort begin: array containers persist
      try pPointSync(id)
      // effort end
    }
  }
}
