import SoftPMBase
import SoftPMStore

/// A device that shows a crash state: a common durable content, with some sectors changed.
///
/// Hundreds of thousands of states are looked at, so a state costs the blocks that differ and not
/// a copy of everything. Writes go to the state's own blocks; the common content never changes.
/// For one thread.
package final class StoreCrashImage: Device, @unchecked Sendable {
  private let base: [UInt8]
  private var own: [Int: [UInt8]] = [:]
  private var length: Int

  package let driver = "crash image"
  package private(set) var reads = 0

  package init(base: [UInt8]) {
    self.base = base
    length = base.count
  }

  package var byteCount: Int { length }

  /// The whole content, for another crash on top of this one.
  package var content: [UInt8] {
    var all = base
    if length > all.count { all.append(contentsOf: repeatElement(0, count: length - all.count)) }
    for (block, bytes) in own {
      let start = block * Block.byteCount
      let end = min(start + Block.byteCount, length)
      if start < end { all.replaceSubrange(start..<end, with: bytes[..<(end - start)]) }
    }
    return all
  }

  package func put(_ bytes: UnsafeRawBufferPointer, at offset: Int) {
    var done = 0
    while done < bytes.count {
      let block = (offset + done) / Block.byteCount
      let within = (offset + done) % Block.byteCount
      let count = min(Block.byteCount - within, bytes.count - done)
      let part = UnsafeRawBufferPointer(rebasing: bytes[done..<done + count])
      own[block, default: original(block)].withUnsafeMutableBytes {
        UnsafeMutableRawBufferPointer(rebasing: $0[within..<within + count])
          .copyMemory(from: part)
      }
      done += count
    }
    length = max(length, offset + bytes.count)
  }

  private func original(_ block: Int) -> [UInt8] {
    let start = block * Block.byteCount
    guard start < base.count else { return [UInt8](repeating: 0, count: Block.byteCount) }
    let end = min(start + Block.byteCount, base.count)
    var bytes = Array(base[start..<end])
    bytes.append(contentsOf: repeatElement(0, count: Block.byteCount - bytes.count))
    return bytes
  }

  package func read(
    into target: UnsafeMutableRawBufferPointer, at offset: Int, from source: ReadSource
  ) throws(ContainerError) {
    reads += 1
    let available = min(max(base.count - offset, 0), target.count)
    if available > 0 {
      base.withUnsafeBytes {
        target.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[offset..<offset + available]))
      }
    }
    UnsafeMutableRawBufferPointer(rebasing: target[available...])
      .initializeMemory(as: UInt8.self, repeating: 0)
    let first = offset / Block.byteCount
    let last = (offset + target.count - 1) / Block.byteCount
    for block in first...last {
      guard let bytes = own[block] else { continue }
      let start = max(block * Block.byteCount, offset)
      let end = min((block + 1) * Block.byteCount, offset + target.count)
      bytes.withUnsafeBytes {
        let from = start - block * Block.byteCount
        UnsafeMutableRawBufferPointer(rebasing: target[(start - offset)..<(end - offset)])
          .copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[from..<from + end - start]))
      }
    }
  }

  package func write(_ writes: [DeviceWrite]) throws(ContainerError) {
    for write in writes { put(write.bytes, at: write.offset) }
  }

  package func flush() throws(ContainerError) {}
  package func close() {}
}
