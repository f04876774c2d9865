import SoftPMBase
import SoftPMHeap
import SoftPMTypes

/// Lets go of a graph whose container is closed or switched away, without running a `deinit`.
struct LettingGo {
  let catalog: TypeCatalog
  let arena: Arena

  func run(from rootBox: AnyObject) {
    // The graph stays in memory as it is: releasing the root here would run deinits.
    _ = Unmanaged.passRetained(rootBox)
    arena.close()
  }
}
