import SoftPMBase
import SoftPMHeap
import SoftPMStore
import SoftPMTypes

/// Brings a version to life whose types the program has in another form now.
///
/// 1. The version is read as the command line reads it, without its program; nothing is written to
///    the store.
/// 2. The objects are placed in an arena of their own, as images of the present types, which are
///    checked and swizzled as stored ones are (`Restorer`).
/// 3. If anything throws, the arena is given back and the program has seen no object.
final class Migration {
  let arena: Arena
  private(set) var memberCount = 0

  private let version: VersionReader
  private let migrator: Migrator
  private let isUntrusted: Bool
  private let space: ArenaSpace

  init(
    of restoration: Restoration, in store: StoreCore, catalog: TypeCatalog
  ) throws(ContainerError) {
    let chunkSize = restoration.arena.chunkSize
    version = try VersionReader(of: restoration.version, from: store.chunks, chunkSize: chunkSize)
    version.cacheBytes = .max
    isUntrusted = store.trust == .untrusted
    arena = try Arena.reserve(
      home: nil, addressSpace: version.metadata.addressSpace, chunkSize: chunkSize)
    space = ArenaSpace(arena)
    migrator = Migrator(
      version.reader, catalog: catalog, migrations: store.migrations, space: space)
  }

  var changes: [TypeChange] { migrator.changes }

  /// The name of the stored root's type, where it is not this one.
  func otherRoot(than type: AnyClass) throws(ContainerError) -> String? {
    do throws(ContainerError) {
      guard let name = try migrator.rootName(than: type, at: version.metadata.root) else {
        return nil
      }
      guard let open = name.firstIndex(of: "<"), name.hasSuffix(">") else { return name }
      return String(name[name.index(after: open)...].dropLast())
    } catch {
      abandon()
      throw error
    }
  }

  /// The root's box, owned by the caller.
  func run(as type: AnyClass) throws(ContainerError) -> AnyObject {
    do throws(ContainerError) {
      let graph = try migrator.run(root: version.metadata.root, as: type)
      memberCount = graph.objects.count + graph.raw.count
      try swizzle(graph)
      guard let pointer = UnsafeRawPointer(bitPattern: arena.live(graph.root)) else {
        misuse("a member was migrated to address zero")
      }
      return Unmanaged<AnyObject>.fromOpaque(pointer).takeRetainedValue()
    } catch {
      abandon()
      throw error
    }
  }

  private func swizzle(_ graph: MigratedGraph) throws(ContainerError) {
    var restorer = Restorer(
      graph, home: arena.home, base: arena.base, addressSpace: arena.addressSpace,
      isUntrusted: isUntrusted)
    for (home, byteCount) in graph.objects {
      guard let member = UnsafeMutableRawPointer(bitPattern: arena.live(home)) else { continue }
      try restorer.swizzle(member, byteCount: byteCount)
    }
    try restorer.finish()
  }

  /// Frees every cell that was placed, so that the range returns. No object lives in them.
  func abandon() {
    space.giveBack()
    arena.close()
  }
}

/// Places migrated objects in an arena that nobody else allocates in yet.
private final class ArenaSpace: MigrationSpace {
  private let arena: Arena
  private var cells: [UInt] = []

  init(_ arena: Arena) { self.arena = arena }

  var home: ArenaAddress { arena.home }

  func reserve(
    byteCount: Int, alignmentMask: Int, isRaw: Bool
  ) throws(ContainerError) -> MigratedCell {
    var misplaced: [UInt] = []
    defer { for start in misplaced { arena.releaseCell(start) } }
    while true {
      let start = try arena.reserveCell(byteCount: byteCount, isRaw: isRaw)
      // Cells are multiples of 16 bytes; what must lie at more takes the first that does.
      guard start & UInt(alignmentMask & ~15) == 0 || misplaced.count >= 64 else {
        misplaced.append(start)
        continue
      }
      guard let cell = arena.cell(containing: start),
        let memory = UnsafeMutableRawPointer(bitPattern: start)
      else { misuse("the arena does not know a cell that it has just reserved") }
      memory.initializeMemory(as: UInt8.self, repeating: 0, count: cell.byteCount)
      cells.append(start)
      return MigratedCell(home: arena.home(of: start), start: memory, byteCount: cell.byteCount)
    }
  }

  func giveBack() {
    for start in cells { arena.releaseCell(start) }
    cells = []
  }
}

/// What a migration found, also where it did not get to its end.
final class MigrationLog {
  private let version: VersionID
  var changes: [TypeChange] = []
  var objectCount = 0
  var failure: ContainerError?

  init(_ version: VersionID) { self.version = version }

  var report: MigrationReport {
    MigrationReport(
      version: version, changes: changes.map(MigrationChange.init), objectCount: objectCount,
      failure: failure)
  }
}
