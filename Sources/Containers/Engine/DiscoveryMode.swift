#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// How points find what changed; `SOFTPM_DISCOVERY` says otherwise for a process.
enum DiscoveryMode: String {
  /// Everything is traced and imaged, under the lock: the slow and obviously correct way.
  case full
  /// What was written is looked at.
  case incremental
  /// `incremental`, and each point is compared with what `full` finds; a difference traps.
  case checked
  /// `checked`, and images are written while they are made, as those of large points are.
  case streamed

  var isChecked: Bool { self == .checked || self == .streamed }

  static let current: DiscoveryMode =
    getenv("SOFTPM_DISCOVERY").flatMap { DiscoveryMode(rawValue: String(cString: $0)) }
    ?? .incremental
}
