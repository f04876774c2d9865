import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Waits, at normal exit of the process, for the points in flight of every open store.
enum ExitDrain {
  private static let stores = Mutex<[ObjectIdentifier: WeakStore]>([:])
  private static let installed: Void = {
    atexit { ExitDrain.run() }
  }()

  private struct WeakStore {
    weak var store: StoreCore?
  }

  static func remember(_ store: StoreCore) {
    _ = installed
    stores.withLock { $0[ObjectIdentifier(store)] = WeakStore(store: store) }
  }

  static func forget(_ store: StoreCore) {
    stores.withLock { $0[ObjectIdentifier(store)] = nil }
  }

  private static func run() {
    let open = stores.withLock { $0.values.compactMap(\.store) }
    for store in open { store.drain() }
  }
}
