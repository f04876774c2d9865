// Replays what fuzzing found, and a fixed sample of inputs, so that no fuzzer rots.

import Foundation
import SoftPMTesting
import Testing

@Suite struct FuzzTests {
  private static let corpus = URL(filePath: #filePath).deletingLastPathComponent()
    .appending(path: "../../Fuzz/Corpus")

  private func inputs(_ target: StoreFuzz, in folder: String) throws -> [(String, [UInt8])] {
    let folder = FuzzTests.corpus.appending(path: folder).appending(path: target.rawValue)
    return try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
      .sorted { $0.path() < $1.path() }
      .map { ($0.lastPathComponent, [UInt8](try Data(contentsOf: $0))) }
  }

  @Test("inputs that once did harm do none any more", arguments: StoreFuzz.allCases)
  func regressions(_ target: StoreFuzz) throws {
    let inputs = try inputs(target, in: "Regressions")
    #expect(!inputs.isEmpty)
    for (name, input) in inputs {
      let problem = target.problem(input)
      #expect(problem == nil, "\(target.rawValue) \(name)")
    }
  }

  @Test("a fixed sample of inputs does no harm", arguments: StoreFuzz.allCases)
  func sample(_ target: StoreFuzz) {
    let counts: [StoreFuzz: Int] = [.open: 30, .record: 1_000, .workload: 4]
    for seed in 0..<(counts[target] ?? 0) {
      var random = StoreRandom(seed: UInt64(seed))
      let input = (0..<Int.random(in: 1...120, using: &random)).map { _ in
        // Small numbers are what most fields hold.
        Bool.random(using: &random)
          ? UInt8.random(in: 0...255, using: &random) : UInt8.random(in: 0...3, using: &random)
      }
      let problem = target.problem(input)
      #expect(problem == nil, "\(target.rawValue) seed=\(seed)")
    }
  }
}
