import SoftPMStore
import SoftPMTesting
import Testing

/// Samples; `store-crash-states`, built for release, looks at everything.
@Suite struct CrashStateTests {
  @Test("crash states of pairs of operations recover to a point that was allowed")
  func pairs() {
    var proof = StoreProof(isThorough: false)
    proof.pairs()
    #expect(proof.failures.isEmpty, "\(proof.failures.joined(separator: "\n"))")
  }

  @Test("when an operation of the device fails, the store says so, loses nothing and goes on")
  func faults() {
    var proof = StoreProof(isThorough: false)
    proof.faults()
    #expect(proof.failures.isEmpty, "\(proof.failures.joined(separator: "\n"))")
  }

  @Test("a damaged store is refused, or gives what was once in it, and never anything else")
  func damage() {
    var proof = StoreProof(isThorough: false)
    proof.damage()
    #expect(proof.failures.isEmpty, "\(proof.failures.joined(separator: "\n"))")
  }

  @Test("a large version is given back over many folds, a crash in any of them does no harm")
  func reclaims() {
    var proof = StoreProof(isThorough: false)
    proof.reclaims()
    #expect(proof.failures.isEmpty, "\(proof.failures.joined(separator: "\n"))")
    print(proof.report.joined(separator: "\n"))
  }

  @Test("a crash or an error while the store recovers from a crash does no harm either")
  func recoveries() {
    var proof = StoreProof(isThorough: false)
    proof.recoveries()
    #expect(proof.failures.isEmpty, "\(proof.failures.joined(separator: "\n"))")
  }
}
