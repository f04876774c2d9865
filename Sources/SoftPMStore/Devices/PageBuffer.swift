import SoftPMBase

/// Page-aligned memory of a fixed size, given back when the last owner lets go.
///
/// Devices that bypass the page cache need such alignment; the store hands a buffer through to
/// the device without copying it. Whoever fills it must be done before handing it on: from then
/// on nobody writes it, which is what makes it safe to pass between threads.
package final class PageBuffer: @unchecked Sendable {
  package let bytes: UnsafeMutableRawBufferPointer

  /// Contents are zero when `zeroed`, and anything otherwise.
  package init(byteCount: Int, zeroed: Bool = true) {
    bytes = UnsafeMutableRawBufferPointer.allocate(
      byteCount: Swift.max(byteCount, 1), alignment: Block.byteCount)
    if zeroed { bytes.initializeMemory(as: UInt8.self, repeating: 0) }
  }

  /// A copy of `content`, filled with zeros up to whole blocks.
  package convenience init(blocksHolding content: [UInt8]) {
    self.init(byteCount: Block.count(holding: content.count) * Block.byteCount)
    content.withUnsafeBytes { bytes.copyMemory(from: $0) }
  }

  deinit {
    bytes.deallocate()
  }

  package var byteCount: Int { bytes.count }
  package var readOnly: UnsafeRawBufferPointer { UnsafeRawBufferPointer(bytes) }
}
