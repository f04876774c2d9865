// The layers, measured by themselves. They are internal to the package; this product shows them
// to the benchmarks, which are a package of their own, through these few entry points:
//
//     types, tracking, store      each adds its tables and verdicts to a report
//     inArenaScope                runs a body whose Swift objects go to an arena of its own
//     arenaMemory                 what such an arena costs beside its objects

import SoftPMBase
import SoftPMHeap

/// Measurements of layers that no user of the library sees.
public enum LayerBenchmarks {
  /// Runs `body` in the scope of a new arena of 4 GiB, and closes it afterwards.
  public static func inArenaScope<Result>(_ body: () throws -> Result) throws -> Result {
    let arena = try Arena.reserve(
      home: nil, addressSpace: .gibibytes(4), chunkSize: .kibibytes(16))
    defer { arena.close() }
    return try arena.inScope(body)
  }
}
