import CSoftPMRuntime
import SoftPMBase

/// The parameters of hashing that dictionaries and sets were built under.
package struct StoredSeeds: Hashable, Sendable {
  package var seed0: UInt64
  package var seed1: UInt64
  package var isDeterministic: Bool

  package init(seed0: UInt64, seed1: UInt64, isDeterministic: Bool) {
    self.seed0 = seed0
    self.seed1 = seed1
    self.isDeterministic = isDeterministic
  }

  /// Those of this process, fixed before its first Swift code ran.
  package static var current: StoredSeeds {
    var seeds = StoredSeeds(seed0: 0, seed1: 0, isDeterministic: false)
    softpm_runtime_hashing(&seeds.seed0, &seeds.seed1, &seeds.isDeterministic)
    return seeds
  }

  /// Whether this process's seeds are those that its user's processes share (`seeds.c`).
  package static var areTheUsers: Bool { softpm_seeds_are_the_users() }

  package func encode(into writer: inout ByteWriter) {
    writer.integer(seed0)
    writer.integer(seed1)
    writer.integer(UInt8(isDeterministic ? 1 : 0))
  }

  package init(decoding reader: inout ByteReader) throws(ContainerError) {
    seed0 = try reader.integer()
    seed1 = try reader.integer()
    let flag: UInt8 = try reader.integer()
    guard flag <= 1 else { throw reader.invalid("a hashing mode", found: "\(flag)") }
    isDeterministic = flag == 1
  }
}
