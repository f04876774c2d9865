// Collections that leave hot pages unarmed (`HotPages`).

import CSoftPMFault
import CSoftPMLinux
import SoftPMBase

extension KernelTracker {
  /// More pieces than that are armed all together, and with them what is hot.
  private static let piecesMost = 512

  /// Reports what was written in a span, and arms it but for what is hot. Whatever is written after
  /// a page was looked at and before it is armed was reported already.
  func scanLeavingHot(
    _ span: AddressRange, of region: UnsafeMutablePointer<softpm_region>, _ hot: inout HotPages
  ) throws(ContainerError) {
    var position = span.start
    var cold: [AddressRange] = []
    while position < span.end {
      let result = softpm_pagemap_peek(
        kernel.pagemap, position, span.end, kernel.buffer, KernelInterface.bufferCapacity)
      collected.scans += 1
      guard result.regions >= 0, UInt(result.walked_to) > position else {
        // The ordinary way finds out why, and puts it right.
        return try armAll(span, of: region, &hot)
      }
      for index in 0..<Int(result.regions) {
        let found = kernel.buffer[index]
        softpm_region_mark(region, UInt(found.start), UInt(found.end))
        softpm_region_stamp(region, UInt(found.start), UInt(found.end), stamp)
        hot.forEachCold(UInt(found.start), UInt(found.end)) { cold.append($0) }
      }
      position = UInt(result.walked_to)
    }
    if cold.count > Self.piecesMost { return try armAll(span, of: region, &hot) }
    var none: HotPages?
    for piece in cold { try scan(piece, of: region, &none) }
  }

  private func armAll(
    _ span: AddressRange, of region: UnsafeMutablePointer<softpm_region>, _ hot: inout HotPages
  ) throws(ContainerError) {
    hot.giveUp()
    var none: HotPages?
    try scan(span, of: region, &none)
  }
}
