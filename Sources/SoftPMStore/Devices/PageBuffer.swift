import SoftPMBase

/// Page-aligned memory of a fixed size, given back when the last owner lets go.
///
/// Devices that bypass the page cache need such alignment; the store hands a buffer through to
/// the device without copying it. Whoever fills it must be done before handing it on: from then
/// on nobody writes it, which is what makes it safe to pass between threads.
package final class PageBuffer: @unchecked Sendable {
  package let bytes: UnsafeMutableRawBufferPointer
  /// What was allocated: `bytes`, and what was rounded up.
  private let memory: UnsafeMutableRawBufferPointer

  /// Contents are zero when `zeroed`, and anything otherwise.
  package init(byteCount: Int, zeroed: Bool = true) {
    let pages = BufferPages.take(byteCount: Swift.max(byteCount, 1))
    memory = pages
    bytes = UnsafeMutableRawBufferPointer(rebasing: pages[..<Swift.max(byteCount, 1)])
    if zeroed { bytes.initializeMemory(as: UInt8.self, repeating: 0) }
  }

  /// A copy of `content`, filled with zeros up to whole blocks.
  package convenience init(blocksHolding content: [UInt8]) {
    self.init(byteCount: Block.count(holding: content.count) * Block.byteCount)
    content.withUnsafeBytes { bytes.copyMemory(from: $0) }
  }

  deinit {
    BufferPages.giveBack(memory)
  }

  package var byteCount: Int { bytes.count }
  package var readOnly: UnsafeRawBufferPointer { UnsafeRawBufferPointer(bytes) }
}
