import SoftPMBase
import SoftPMHeap

/// The header of a chunk's image: what the chunk is divided into and where members start.
///
/// In memory the first `chunkSize / 64` bytes of a slab are never given out, so the image has
/// room for it at no cost; the allocator itself keeps its books elsewhere.
///
/// ```
/// OFFSET          SIZE           MEANING                                     DEFENDS AGAINST
/// 0               4              kind: 1 objects, 2 raw, 3 large object, 4 large raw   wrong chunk
/// 4               4              bytes of a cell (kinds 1, 2), else 0        misread cells
/// 8               4              chunks of the run (kinds 3, 4), else 1      reading past it
/// 12              4              zero                                        stale bytes
/// 16              chunkSize/128 − 16   zero                                  stale bytes
/// chunkSize/128   chunkSize/128  bitmap: bit i set = a member starts at byte 16·i
/// ```
struct ChunkHeader: Equatable {
  enum Kind: UInt32 {
    case objects = 1
    case raw, largeObject, largeRaw

    var isRaw: Bool { self == .raw || self == .largeRaw }
    var isLarge: Bool { self == .largeObject || self == .largeRaw }
  }

  var kind: Kind
  var cellBytes: Int
  var chunkCount: Int

  /// Bytes at the start of a slab or run that hold no cell.
  static func byteCount(chunkSize: Int) -> Int { chunkSize / 64 }
  private static func bitmapOffset(chunkSize: Int) -> Int { chunkSize / 128 }

  /// The header that describes a chunk of this shape; nil where there can be no member.
  init?(_ shape: Arena.ChunkShape) {
    switch shape {
    case .empty, .continuation:
      return nil
    case .slab(let cellBytes, let isRaw):
      self.init(kind: isRaw ? .raw : .objects, cellBytes: cellBytes, chunkCount: 1)
    case .large(let chunkCount, let isRaw):
      self.init(kind: isRaw ? .largeRaw : .largeObject, cellBytes: 0, chunkCount: chunkCount)
    }
  }

  private init(kind: Kind, cellBytes: Int, chunkCount: Int) {
    self.kind = kind
    self.cellBytes = cellBytes
    self.chunkCount = chunkCount
  }

  var shape: Arena.ChunkShape {
    kind.isLarge
      ? .large(chunkCount: chunkCount, isRaw: kind.isRaw)
      : .slab(cellBytes: cellBytes, isRaw: kind.isRaw)
  }

  func write(into image: UnsafeMutableRawBufferPointer) {
    image.storeBytes(of: kind.rawValue.littleEndian, toByteOffset: 0, as: UInt32.self)
    image.storeBytes(of: UInt32(cellBytes).littleEndian, toByteOffset: 4, as: UInt32.self)
    image.storeBytes(of: UInt32(chunkCount).littleEndian, toByteOffset: 8, as: UInt32.self)
  }

  /// Marks a member that starts `offset` bytes into the chunk.
  static func mark(memberAt offset: Int, in image: UnsafeMutableRawBufferPointer, chunkSize: Int) {
    let bit = offset / 16
    let byte = bitmapOffset(chunkSize: chunkSize) + bit / 8
    image[byte] |= 1 << UInt8(bit % 8)
  }

  /// Reads and checks a header; throws `.corrupt` for whatever no writer can have written.
  init(
    reading image: UnsafeRawBufferPointer, of chunk: ChunkIndex, chunkSize: Int
  ) throws(ContainerError) {
    var reader = ByteReader(
      UnsafeRawBufferPointer(rebasing: image[..<Self.bitmapOffset(chunkSize: chunkSize)]),
      of: "a chunk header")
    func invalid(_ expected: String) -> ContainerError {
      .corrupt(at: nil, expected: "\(expected) in the header of \(chunk)")
    }
    guard let kind = Kind(rawValue: try reader.integer()) else { throw invalid("a known kind") }
    let cellBytes = Int(try reader.integer(UInt32.self))
    let chunkCount = Int(try reader.integer(UInt32.self))
    try reader.zeros(reader.remaining)
    if kind.isLarge {
      guard cellBytes == 0, chunkCount >= 1, chunkCount < Limits.chunksMost else {
        throw invalid("the length of a large run")
      }
    } else {
      guard chunkCount == 1, cellBytes >= 16, cellBytes % 16 == 0, cellBytes <= chunkSize else {
        throw invalid("a size of cells")
      }
    }
    self.init(kind: kind, cellBytes: cellBytes, chunkCount: chunkCount)
  }

  /// Where the members start, in bytes from the chunk's start, ascending.
  func memberOffsets(
    in image: UnsafeRawBufferPointer, of chunk: ChunkIndex, chunkSize: Int
  ) throws(ContainerError) -> [Int] {
    let start = Self.bitmapOffset(chunkSize: chunkSize)
    let header = Self.byteCount(chunkSize: chunkSize)
    var offsets: [Int] = []
    for byte in 0..<chunkSize / 128 where image[start + byte] != 0 {
      for bit in 0..<8 where image[start + byte] & (1 << UInt8(bit)) != 0 {
        offsets.append((byte * 8 + bit) * 16)
      }
    }
    let fits = offsets.allSatisfy { offset in
      if kind.isLarge { return offset == header }
      return offset >= header && (offset - header) % cellBytes == 0
        && offset + cellBytes <= chunkSize
    }
    guard fits else {
      throw .corrupt(at: nil, expected: "members at the starts of cells in \(chunk)")
    }
    return offsets
  }
}
