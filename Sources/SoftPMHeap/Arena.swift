import CSoftPMHeap
import SoftPMBase

/// A container's reserved address range, and the allocator of the objects in it.
///
/// ```text
/// base          ┌ first chunkSize/64 bytes of every chunk: never given out
/// │ chunk 0     │▒ cell │ cell │ cell …│▒ one large cell …      …│      never used yet
/// │ never used  │ chunk 1: a slab      │ chunks 2, 3: a large run│      PROT_NONE
/// ```
///
/// 1. Chunk 0 is never used: home addresses in it are free to mean something else.
/// 2. A slab's cells have one size, a multiple of 16, and begin at `chunkSize/64`; a large run has
///    one cell, which begins there in its first chunk.
/// 3. What is known about cells lies outside the range: allocating and freeing write no byte of
///    it.
/// 4. An object allocated in the arena keeps its address and its memory until it is freed, also
///    after `close()` and after the `Arena` itself is gone.
///
/// Any thread may call anything, except that `install` must come before the first allocation.
package final class Arena: Sendable {
  /// Where the store records the arena to be.
  package let home: ArenaAddress
  /// Where it is in this process.
  package let base: UInt
  package let addressSpace: ByteCount
  package let chunkSize: ByteCount
  /// The record in C; this arena's until the end of the `Arena`, so it may be asked at any time.
  nonisolated(unsafe) let range: OpaquePointer

  private init(
    range: OpaquePointer, home: ArenaAddress?, addressSpace: ByteCount, chunkSize: ByteCount
  ) {
    self.range = range
    self.base = softpm_range_base(range)
    self.home = home ?? ArenaAddress(UInt64(self.base))
    self.addressSpace = addressSpace
    self.chunkSize = chunkSize
  }

  deinit {
    softpm_range_forget(range)
  }

  /// Reserves an arena's addresses: at `home` where that range is free, elsewhere where it is
  /// not; `home` nil chooses one that is unlikely to be any other container's.
  ///
  /// Costs no memory. Throws `.corrupt` for a home that no arena can have had.
  package static func reserve(
    home: ArenaAddress?, addressSpace: ByteCount, chunkSize: ByteCount
  ) throws(ContainerError) -> Arena {
    try HeapSupport.require()
    let chunkBytes = chunkSize.rawValue
    guard (Limits.chunkBytesLeast...Limits.chunkBytesMost).contains(chunkBytes),
      chunkBytes & (chunkBytes - 1) == 0
    else {
      throw ContainerError(
        code: .invalidArgument,
        message: "A chunk of \(chunkSize) is not possible. Choose a power of two from "
          + "\(ByteCount(Limits.chunkBytesLeast)) to \(ByteCount(Limits.chunkBytesMost)).")
    }
    guard (Limits.addressSpaceLeast...Limits.addressSpaceMost).contains(addressSpace.rawValue),
      addressSpace.rawValue % chunkBytes == 0,
      addressSpace.rawValue / chunkBytes <= Limits.chunksMost
    else {
      throw ContainerError(
        code: .invalidArgument,
        message: "An address space of \(addressSpace) is not possible. Choose a multiple of the "
          + "chunk size from \(ByteCount(Limits.addressSpaceLeast)) to "
          + "\(ByteCount(Limits.addressSpaceMost)), with at most \(Limits.chunksMost) chunks.")
    }
    if let home { try check(home: home, addressSpace: addressSpace) }
    guard
      let range = softpm_range_reserve(
        UInt(home?.rawValue ?? 0), addressSpace.rawValue, chunkBytes)
    else {
      throw ContainerError(
        code: .addressSpaceExhausted,
        message: "No range of \(addressSpace) is free in this process. Close other containers, "
          + "raise the limit of its address space, or make the container with a smaller one.")
    }
    return Arena(range: range, home: home, addressSpace: addressSpace, chunkSize: chunkSize)
  }

  private static func check(
    home: ArenaAddress, addressSpace: ByteCount
  ) throws(ContainerError) {
    let unit = UInt64(softpm_range_alignment())
    let (end, overflows) = home.rawValue.addingReportingOverflow(UInt64(addressSpace.rawValue))
    guard home.rawValue != 0, home.rawValue % unit == 0, !overflows, end <= 1 << 47 else {
      throw .corrupt(
        at: nil, expected: "a home that is a multiple of \(ByteCount(Int(unit))) in user space",
        found: "\(home)")
    }
  }

  /// Whether references into the arena are stored as they are in memory.
  package var isAtHome: Bool { UInt64(base) == home.rawValue }

  package func contains(_ address: UInt) -> Bool {
    address &- base < UInt(addressSpace.rawValue)
  }

  package func home(of live: UInt) -> ArenaAddress {
    assert(contains(live))
    return ArenaAddress(home.rawValue &+ UInt64(live &- base))
  }

  package func live(_ home: ArenaAddress) -> UInt {
    base &+ UInt(home.rawValue &- self.home.rawValue)
  }

  /// No more allocation, not even by threads still in the arena's scope: their objects become
  /// ordinary ones. The range is returned once nothing live is left in it.
  package func close() {
    softpm_range_close(range)
  }
}
