// Restores a world and says what it is, changes it at random with points in between, says what it
// was at the last point, and ends without closing anything.
//
// usage: WorldProgram STORE SEED STEPS

import Containers
import Worlds

#if canImport(Glibc)
  import Glibc
#endif

let words = CommandLine.arguments
guard words.count == 4, let seed = UInt64(words[2]), let steps = Int(words[3]) else {
  fatalError("usage: WorldProgram STORE SEED STEPS")
}
let store = try Store.open(words[1])
var attributes = ContainerAttributes()
attributes.chunkSize = 4 << 10
let container = try store.container("world", initial: World(), attributes: attributes)
print("restored", fingerprint(container.read { $0.description() }))

var mutator = WorldMutator(seed: seed)
var persisted: [String] = []
for step in 1...steps {
  container.update { mutator.step($0) }
  guard step % 23 == 0 || step == steps else { continue }
  let point = try container.persist()
  persisted = container.read { $0.description() }
  if step == steps { try point.wait() }
}
print("persisted", fingerprint(persisted))
// More that nobody asked to keep.
container.update { mutator.step($0) }
print("looked at all", container.statistics.pointsLookingAtAll)
fflush(nil)
_exit(0)

/// FNV-1a over all lines: another process prints the same for the same world.
func fingerprint(_ lines: [String]) -> String {
  var hash: UInt64 = 0xcbf2_9ce4_8422_2325
  for line in lines {
    for byte in line.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
    hash = (hash ^ 10) &* 0x100_0000_01b3
  }
  return "\(lines.count) lines, \(String(hash, radix: 16))"
}
