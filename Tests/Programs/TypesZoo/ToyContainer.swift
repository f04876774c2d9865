import SoftPMBase
import SoftPMTypes

/// A container without allocator, store or tracking: finds members, images them, restores them
/// into a block of memory of its own.
///
/// The block stands for an arena: member cells follow each other from offset 4,096 on. Restored
/// objects live in it and must never be freed, so stored members have one strong reference more.
package final class ToyContainer: ImageContext {
  package struct Member {
    package var target: UnsafeRawPointer
    package var layout: ObjectLayout
    package var offset: Int
    package var byteCount: Int
    package var strong: UInt32 = 0
    package var unowned: UInt32 = 0
  }

  package let home: ArenaAddress
  package let catalog: TypeCatalog
  package var table = TypeTable()
  package private(set) var members: [Member] = []
  private var indices: [UInt: Int] = [:]
  private var end = 4096
  private var root: AnyObject?

  package init(
    home: ArenaAddress = ArenaAddress(0x5512_3450_0000), exclusions: ExclusionSet = .init()
  ) {
    self.home = home
    catalog = TypeCatalog(exclusions: exclusions)
  }

  // MARK: Finding members

  package func discover(_ root: AnyObject) throws(ContainerError) {
    self.root = root
    let target = UnsafeRawPointer(Unmanaged.passUnretained(root).toOpaque())
    let layout = try catalog.layout(ofObjectAt: target)
    members[adopt(target, layout)].strong += 1
    var next = 0
    var counted: [(UInt, Reference.Strength)] = []
    while next < members.count {
      let member = members[next]
      next += 1
      try member.layout.visitReferences(of: member.target) {
        reference throws(ContainerError) in
        switch reference.strength {
        case .strong:
          let index: Int
          if let known = self.indices[UInt(bitPattern: reference.target)] {
            index = known
          } else {
            let layout = try self.layout(of: reference, from: member)
            index = self.adopt(reference.target, layout)
          }
          self.members[index].strong += 1
        case .unowned: counted.append((UInt(bitPattern: reference.target), .unowned))
        case .weak, .unmanaged: break
        }
      }
    }
    for (target, _) in counted {
      if let index = indices[target] { members[index].unowned += 1 }
    }
  }

  private func layout(
    of reference: Reference, from member: Member
  ) throws(ContainerError) -> ObjectLayout {
    if let layout = reference.layout { return layout }
    do {
      return try catalog.layout(ofObjectAt: reference.target)
    } catch {
      var error = error
      error.path = member.layout.path(toSlotAt: reference.slotOffset, in: member.target)
      throw error
    }
  }

  private func adopt(_ target: UnsafeRawPointer, _ layout: ObjectLayout) -> Int {
    let byteCount = (layout.byteCount(of: target) + 15) & ~15
    indices[UInt(bitPattern: target)] = members.count
    members.append(
      Member(target: target, layout: layout, offset: end, byteCount: byteCount))
    // A gap between cells, so that an overrun would be seen.
    end += byteCount + 16
    return members.count - 1
  }

  // MARK: Images

  package func homeAddress(
    of target: UnsafeRawPointer, layout: ObjectLayout?, strength: Reference.Strength
  ) -> ArenaAddress? {
    indices[UInt(bitPattern: target)].map {
      ArenaAddress(home.rawValue + UInt64(members[$0].offset))
    }
  }

  package func typeIndex(of layout: ObjectLayout) throws(ContainerError) -> UInt32 {
    try table.index(of: layout)
  }

  package func typeIndex(ofMetadata type: Any.Type) throws(ContainerError) -> UInt32 {
    try table.index(of: type)
  }

  package func image(isPinned: Bool = false) throws(ContainerError) -> [UInt8] {
    let buffer = UnsafeMutableRawPointer.allocate(byteCount: end, alignment: 16)
    defer { buffer.deallocate() }
    buffer.initializeMemory(as: UInt8.self, repeating: 0, count: end)
    for member in members {
      try member.layout.writeImage(
        of: member.target, into: buffer + member.offset, capacity: member.byteCount,
        strong: member.strong + (isPinned ? 1 : 0), unowned: member.unowned, self)
    }
    return [UInt8](UnsafeRawBufferPointer(start: buffer, count: end))
  }

  // MARK: Restoring

  /// Cells of the members, by offset: what a store would tell in its chunk headers.
  package struct Stored {
    package var bytes: [UInt8]
    package var cells: [(offset: Int, byteCount: Int, isRaw: Bool)]
    package var table: [UInt8]
    package var home: ArenaAddress
    package var seeds: StoredSeeds
  }

  package func stored() throws(ContainerError) -> Stored {
    let bytes = try image(isPinned: true)
    return Stored(
      bytes: bytes,
      cells: members.map { ($0.offset, $0.byteCount, $0.layout.isRaw) },
      table: table.encoded(), home: home, seeds: .current)
  }

  /// Restores a stored graph in new memory; the first cell is the root's.
  package static func restore<Root: AnyObject>(
    _ stored: Stored, as type: Root.Type = Root.self,
    catalog: TypeCatalog = TypeCatalog(), isUntrusted: Bool = false,
    restored: (Restorer) -> Void = { _ in }
  ) throws(ContainerError) -> Root {
    let table = try TypeTable(decoding: stored.table)
    let types = try table.resolved(in: catalog)
    let block = UnsafeMutableRawPointer.allocate(byteCount: stored.bytes.count, alignment: 4096)
    block.copyMemory(from: stored.bytes, byteCount: stored.bytes.count)
    do throws(ContainerError) {
      restored(try swizzle(stored, in: block, types, isUntrusted: isUntrusted))
    } catch {
      block.deallocate()
      throw error
    }
    let root = Unmanaged<Root>.fromOpaque(block + stored.cells[0].offset).takeUnretainedValue()
    Held.hold(root)
    Held.hold(catalog)
    return root
  }

  private static func swizzle(
    _ stored: Stored, in block: UnsafeMutableRawPointer, _ types: ResolvedTypes,
    isUntrusted: Bool
  ) throws(ContainerError) -> Restorer {
    let cells = Dictionary(
      uniqueKeysWithValues: stored.cells.map {
        (
          stored.home.rawValue + UInt64($0.offset),
          RestoredCell(byteCount: $0.byteCount, isRaw: $0.isRaw)
        )
      })
    let base = UInt(bitPattern: block)
    let size = ByteCount(stored.bytes.count)
    var restorer =
      isUntrusted
      ? Restorer(untrusted: types, home: stored.home, base: base, addressSpace: size) {
        cells[$0.rawValue]
      }
      : Restorer(
        types: types, home: stored.home, base: base, addressSpace: size, seeds: stored.seeds,
        isMember: { cells[$0.rawValue] != nil })
    for cell in stored.cells where !cell.isRaw {
      try restorer.swizzle(block + cell.offset, byteCount: cell.byteCount)
    }
    try restorer.finish()
    return restorer
  }

  /// There and back in memory.
  package static func roundTrip<Root: AnyObject>(
    _ root: Root, seeds: StoredSeeds? = nil
  ) throws(ContainerError) -> Root {
    let container = ToyContainer()
    try container.discover(root)
    var stored = try container.stored()
    if let seeds { stored.seeds = seeds }
    return try restore(stored)
  }
}

/// Keeps restored graphs alive: their cells are not ours to free.
enum Held {
  static func hold(_ object: AnyObject) {
    _ = Unmanaged.passRetained(object)
  }
}

/// Holds any value as a graph's root.
package final class Holder<Value> {
  package var value: Value
  package init(_ value: Value) { self.value = value }
}
