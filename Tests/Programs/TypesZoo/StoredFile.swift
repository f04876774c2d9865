import Glibc
import SoftPMBase
import SoftPMTypes

// A stored graph as a file, for programs that hand one to another.
extension ToyContainer.Stored {
  package func encoded() -> [UInt8] {
    var writer = ByteWriter()
    writer.integer(home.rawValue)
    seeds.encode(into: &writer)
    writer.count(cells.count)
    for cell in cells {
      writer.count(cell.offset)
      writer.count(cell.byteCount)
      writer.integer(UInt8(cell.isRaw ? 1 : 0))
    }
    writer.count(table.count)
    writer.append(table)
    writer.count(bytes.count)
    writer.append(bytes)
    return writer.bytes
  }

  package init(decoding raw: UnsafeRawBufferPointer) throws(ContainerError) {
    var reader = ByteReader(raw, of: "a stored graph")
    home = ArenaAddress(try reader.integer())
    seeds = try StoredSeeds(decoding: &reader)
    cells = []
    for _ in 0..<(try reader.count(atMost: reader.remaining, of: "cells")) {
      let offset = try reader.count(atMost: Int(UInt32.max), of: "bytes")
      let byteCount = try reader.count(atMost: Int(UInt32.max), of: "bytes")
      cells.append((offset, byteCount, try reader.integer(UInt8.self) == 1))
    }
    table = [UInt8](try reader.take(try reader.count(atMost: reader.remaining, of: "bytes")))
    bytes = [UInt8](try reader.take(try reader.count(atMost: reader.remaining, of: "bytes")))
  }

  package func write(to path: String) -> Bool {
    guard let file = fopen(path, "w") else { return false }
    defer { fclose(file) }
    let bytes = encoded()
    return fwrite(bytes, 1, bytes.count, file) == bytes.count
  }

  package static func read(from path: String) -> [UInt8] {
    guard let file = fopen(path, "r") else { return [] }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while case let count = fread(&buffer, 1, buffer.count, file), count > 0 {
      bytes += buffer[..<count]
    }
    return bytes
  }
}
