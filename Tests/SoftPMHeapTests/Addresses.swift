// Helpers of the tests: where things lie.

import Foundation
import SoftPMBase
import SoftPMHeap

/// The object's address.
func address(of object: AnyObject) -> UInt {
  UInt(bitPattern: Unmanaged.passUnretained(object).toOpaque())
}

/// Word `index` of a value, with the bits that mark strings and enums cleared.
func word<Value>(_ index: Int, of value: Value) -> UInt {
  withUnsafeBytes(of: value) {
    $0.load(fromByteOffset: index * 8, as: UInt.self) & 0x00ff_ffff_ffff_fff8
  }
}

func makeArena(
  addressSpace: ByteCount = .mebibytes(64), chunkSize: ByteCount = .kibibytes(16)
) throws -> Arena {
  try Arena.reserve(home: nil, addressSpace: addressSpace, chunkSize: chunkSize)
}

/// Runs `body` in the scope of an arena that is thrown away.
///
/// What the runtime allocates once and for ever at the first use of a type, such as the next 16 KiB
/// for its metadata, stays in the arena whose scope it was met in. A test that counts every cell of
/// its arena lets that happen elsewhere first.
func warmUp<Result>(_ body: () throws -> Result) throws {
  _ = try makeArena().inScope(body)
}

/// What the optimiser may not look through, so that objects are really allocated.
@inline(never)
@_optimize(none)
func opaque<Value>(_ value: Value) -> Value { value }

/// `malloc_usable_size`, which Glibc's module does not have, as every library calls it.
func usableSize(of start: UnsafeMutableRawPointer) -> Int {
  typealias UsableSize = @convention(c) (UnsafeMutableRawPointer) -> Int
  return unsafeBitCast(dlsym(nil, "malloc_usable_size"), to: UsableSize.self)(start)
}

/// Whether the tests were built with `--sanitize thread`.
let isThreadSanitized = dlsym(nil, "__tsan_init") != nil

/// Whether the deep sizes are asked for.
let isDeep = ProcessInfo.processInfo.environment["SOFTPM_TEST_DEEP"] != nil
