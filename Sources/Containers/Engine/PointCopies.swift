import SoftPMBase
import SoftPMHeap
import SoftPMTypes

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// The bytes of chunks as they are at a point, so that their images can be made after the
/// container's lock is free again.
///
/// Memory that is present from point to point: copying into fresh memory takes eight times as long
/// (1.5 ms instead of 0.19 for 4 MiB, measured). A point that needs more than `most` is imaged
/// under the lock instead.
final class PointCopies {
  /// Bytes that a container keeps for this between points.
  static let most = 64 << 20

  private var memory = UnsafeMutableRawBufferPointer(start: nil, count: 0)
  var byteCount: Int { memory.count }
  private var used = 0

  deinit {
    memory.deallocate()
  }

  /// Room for copies of so many bytes, in the place of those that were there. Memory beyond
  /// `kept` that a point needs little of goes back.
  func begin(byteCount: Int) {
    used = 0
    let isTooLarge = memory.count > Self.kept && byteCount < memory.count / 4
    guard byteCount > memory.count || isTooLarge else { return }
    memory.deallocate()
    memory = .allocate(byteCount: max(byteCount, 1 << 20), alignment: 2 << 20)
    // Where there are none, small pages do.
    madvise(memory.baseAddress, memory.count, Int32(MADV_HUGEPAGE))
  }

  private static let kept = 16 << 20

  /// Copies a chunk or large run, each member's bytes to where its home is.
  func copy(
    _ chunk: ChunkIndex, extent: Int, of membership: Membership
  ) throws(ContainerError) -> UnsafeRawPointer {
    let index = Int(chunk.rawValue)
    let start = memory.baseAddress.unsafelyUnwrapped + used
    used += extent
    let book = membership.books[index]
    let first = UInt(index) << membership.chunkShift
    let lead = membership.lead
    guard let live = book.live else {
      let source = UnsafeRawPointer(bitPattern: membership.base + first).unsafelyUnwrapped
      var byteCount = extent
      if book.kind.isLarge {
        let member = MemberID(UInt32((first + UInt(lead)) >> MemberID.unitShift))
        let layout = try membership.layout(of: member, at: source + lead)
        byteCount = min(extent, lead + layout.byteCount(of: source + lead))
      }
      (start + lead).copyMemory(from: source + lead, byteCount: byteCount - lead)
      return UnsafeRawPointer(start)
    }
    for cell in 0..<Int(book.cellCount) where book.records.unsafelyUnwrapped[cell].isPresent {
      let offset = lead + cell * Int(book.cellBytes)
      let member = MemberID(UInt32((first + UInt(offset)) >> MemberID.unitShift))
      let source = membership.pointer(to: member)
      var byteCount = Int(book.cellBytes)
      if live[cell] != 0 || book.kind.isLarge {
        byteCount = try membership.layout(of: member, at: source).byteCount(of: source)
        guard byteCount <= membership.cellBytes(of: member) else {
          throw Membership.caughtChanging
        }
      }
      (start + offset).copyMemory(from: source, byteCount: byteCount)
    }
    return UnsafeRawPointer(start)
  }
}
