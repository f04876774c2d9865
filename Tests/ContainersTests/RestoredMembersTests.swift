import SoftPMBase
import Testing

@testable import Containers

/// What a restore knows of the members, against a plain dictionary.
@Suite("Members that are being restored")
struct RestoredMembersTests {
  static let home: UInt64 = 0x5500_0000_0000

  @Test(
    "every member is found with its size, nothing else is, and all are gone through in order",
    arguments: [4 << 10, 16 << 10, 1 << 20])
  func againstDictionary(chunkSize: Int) {
    var members = RestoredMembers(home: ArenaAddress(Self.home), chunkSize: chunkSize)
    var expected: [UInt64: Int] = [:]
    // Neighbours, the ends of a leaf of the directory, and far ones, as a file may say.
    let chunks: [UInt32] = [1, 2, 1022, 1023, 1024, 5000, 1 << 24, 1 << 31 - 1]
    for (number, chunk) in chunks.enumerated() {
      let first = chunkSize / 64
      let offsets = [first, first + 16, first + 16 * 63, chunkSize - 16]
      let byteCount = number.isMultiple(of: 3) ? -16 : 16 * (number + 1)
      members.note(offsets, of: ChunkIndex(chunk), byteCount: byteCount)
      for offset in offsets {
        expected[Self.home + UInt64(chunk) * UInt64(chunkSize) + UInt64(offset)] = byteCount
      }
    }
    #expect(members.count == expected.count)
    for (address, byteCount) in expected {
      #expect(members[ArenaAddress(address)] == byteCount)
      for near in [address - 16, address + 16, address - 1, address + 1, address + 8] {
        #expect(members[ArenaAddress(near)] == expected[near])
      }
    }
    for nowhere in [0, Self.home - 16, Self.home, Self.home + 1 << 46, .max, .max - 15] {
      #expect(members[ArenaAddress(nowhere)] == nil)
    }
    var found: [UInt64] = []
    members.visit { address, byteCount in
      #expect(expected[address.rawValue] == byteCount)
      found.append(address.rawValue)
    }
    #expect(found == expected.keys.sorted())
  }
}
