import SoftPMBase

extension ObjectLayout {
  /// Writes the image of a live cell.
  ///
  /// - Parameters:
  ///   - image: the cell's place in the chunk's image, zeroed.
  ///   - capacity: bytes of the home cell; spare capacity of arrays and strings ends there.
  ///   - strong, unowned: in-degrees from within the container.
  package func writeImage(
    of target: UnsafeRawPointer, into image: UnsafeMutableRawPointer, capacity: Int,
    strong: UInt32, unowned: UInt32, _ context: any ImageContext
  ) throws(ContainerError) {
    let counts = UInt64(unowned) << 32 | UInt64(strong)
    if let instance, instanceSize <= capacity {
      image.storeBytes(of: UInt(try context.typeIndex(of: self)) + 1, as: UInt.self)
      image.storeBytes(of: counts, toByteOffset: 8, as: UInt64.self)
      if let plain {
        guard let slot = plain.write(target, into: image, context) else { return }
        throw Site(layout: self, target: target).refusal(.unfoundReference, at: slot)
      }
      return try instance.borrowed { layout throws(ContainerError) in
        try layout.write(
          target, into: image, at: 0, in: Site(layout: self, target: target), context)
      }
    }
    try write(target, into: image, capacity: capacity, counts: counts, context)
  }

  private func write(
    _ target: UnsafeRawPointer, into image: UnsafeMutableRawPointer, capacity: Int,
    counts: UInt64, _ context: any ImageContext
  ) throws(ContainerError) {
    let needed = byteCount(of: target)
    let site = Site(layout: self, target: target)
    guard needed <= capacity else {
      throw site.refusal(
        Refusal(
          code: .concurrentMutation, "This object grew while a point was made.",
          remedy: "Change the graph only inside `update`."), at: 0)
    }
    if !isRaw {
      image.storeBytes(of: UInt(try context.typeIndex(of: self)) + 1, as: UInt.self)
      image.storeBytes(of: counts, toByteOffset: 8, as: UInt64.self)
    }
    switch form {
    case .instance(let layout):
      try layout.write(target, into: image, at: 0, in: site, context)
    case .array(let element):
      try writeArray(target, element, into: image, capacity: capacity, in: site, context)
    case .table(let table): try table.write(target, into: image, in: site, context)
    case .string: Self.writeString(target, into: image, capacity: capacity)
    case .literal(let count):
      let bytes = UnsafeRawBufferPointer(start: target, count: count)
      let isASCII = bytes.allSatisfy { $0 < 0x80 }
      let countWord = UInt64(count) | (isASCII ? StringBits.ascii | StringBits.normalized : 0)
      Self.writeString(target, countWord: countWord, into: image, capacity: capacity)
    case .box(let layout):
      let offset = Self.boxOffset(layout)
      try layout.write(
        target + offset, into: image + offset, at: offset, in: site, context)
    case .errorBox(let layout):
      image.storeBytes(
        of: try TypeWord.encode(layout.metadata, context), toByteOffset: 16, as: UInt.self)
      let offset = Self.errorBoxOffset(layout)
      try layout.write(
        target + offset, into: image + offset, at: offset, in: site, context)
    case .bytes(let count): image.copyMemory(from: target, byteCount: count)
    case .buffer(let buffer): try buffer.write(target, into: image, in: site, context)
    case .memory(let element, let count, _):
      try element.writeRow(of: count, at: 0, of: target, into: image, in: site, context)
    }
  }

  private func writeArray(
    _ target: UnsafeRawPointer, _ element: ValueLayout, into image: UnsafeMutableRawPointer,
    capacity: Int, in site: Site, _ context: any ImageContext
  ) throws(ContainerError) {
    let first = ArrayBits.elementsOffset(element.alignmentMask)
    let count = target.load(fromByteOffset: 16, as: Int.self)
    let room = element.stride == 0 ? count : (capacity - first) / element.stride
    image.storeBytes(of: count, toByteOffset: 16, as: Int.self)
    image.storeBytes(of: UInt(room) << 1, toByteOffset: 24, as: UInt.self)
    try element.writeRow(of: count, at: first, of: target, into: image, in: site, context)
  }

  static func writeString(
    _ target: UnsafeRawPointer, into image: UnsafeMutableRawPointer, capacity: Int
  ) {
    let countWord = target.load(fromByteOffset: 24, as: UInt64.self)
    writeString(
      target + StringBits.bytesOffset, countWord: countWord, into: image, capacity: capacity)
  }

  private static func writeString(
    _ bytes: UnsafeRawPointer, countWord: UInt64, into image: UnsafeMutableRawPointer,
    capacity: Int
  ) {
    image.storeBytes(
      of: StringBits.capacityWord(cellBytes: capacity), toByteOffset: 16, as: UInt64.self)
    image.storeBytes(
      of: StringBits.nativeCountWord(countWord), toByteOffset: 24, as: UInt64.self)
    (image + StringBits.bytesOffset).copyMemory(
      from: bytes, byteCount: Int(countWord & StringBits.countMask))
  }
}
