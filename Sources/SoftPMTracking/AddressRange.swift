/// The bytes of memory from `start` up to, and not including, `end`.
package struct AddressRange: Hashable, Sendable {
  package var start: UInt
  package var end: UInt

  package init(start: UInt, end: UInt) {
    precondition(start <= end, "a range of addresses ends before it starts")
    self.start = start
    self.end = end
  }

  package init(start: UInt, byteCount: Int) {
    self.init(start: start, end: start + UInt(byteCount))
  }

  package init(_ buffer: UnsafeRawBufferPointer) {
    let start = UInt(bitPattern: buffer.baseAddress)
    self.init(start: start, byteCount: buffer.count)
  }

  package var byteCount: Int { Int(end - start) }
  package var isEmpty: Bool { start == end }

  package func contains(_ address: UInt) -> Bool {
    start <= address && address < end
  }

  package func overlaps(_ other: AddressRange) -> Bool {
    start < other.end && other.start < end
  }
}

extension AddressRange: CustomStringConvertible {
  package var description: String {
    "0x\(String(start, radix: 16))..<0x\(String(end, radix: 16))"
  }
}
