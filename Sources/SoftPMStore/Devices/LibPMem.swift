// libpmem: non-temporal copies, fences and msync, chosen for the processor at run time.

import CSoftPMLinux
import Glibc
import SoftPMBase

#if LibPMem && os(Linux)
  import CLibPMem

  struct LibPMem: MappingPrimitives {
    func copy(_ bytes: UnsafeRawBufferPointer, to target: UnsafeMutableRawPointer, at offset: Int) {
      pmem_memcpy(
        target, bytes.baseAddress, bytes.count,
        UInt32(PMEM_F_MEM_NONTEMPORAL) | UInt32(PMEM_F_MEM_NODRAIN))
    }

    func drain() { pmem_drain() }

    func synchronise(_ start: UnsafeMutableRawPointer, _ count: Int, at offset: Int) -> Int32 {
      pmem_msync(start, count) == 0 ? 0 : errno
    }
  }
#endif

extension PersistentMemoryDevice {
  /// Whether the kernel promises that what is written back to a mapping of the file is durable.
  /// PMEM_IS_PMEM_FORCE, which makes libpmem say so of any file, changes nothing here.
  static func isOnPersistentMemory(_ file: StoreFile) -> Bool {
    let count = UInt(sysconf(Int32(_SC_PAGESIZE)))
    guard let page = softpm_map_sync(file.descriptor, 0, count, 0), page != MAP_FAILED else {
      return false
    }
    munmap(page, Int(count))
    return true
  }

  /// The device for a file, in the mode that is true of it.
  static func make(
    _ file: StoreFile, posix: PosixDevice, segmentBytes: Int
  ) throws(ContainerError) -> PersistentMemoryDevice {
    #if LibPMem && os(Linux)
      return try PersistentMemoryDevice(
        posix, mode: isOnPersistentMemory(file) ? .persistentMemory : .synchronised,
        primitives: LibPMem(), segmentBytes: segmentBytes)
    #else
      throw ContainerError(
        code: .unsupportedPlatform,
        message: "This program was built without libpmem (the package trait LibPMem). Build it "
          + "with the trait, or use the automatic driver.",
        path: file.path)
    #endif
  }

  static var isBuilt: Bool {
    #if LibPMem && os(Linux)
      true
    #else
      false
    #endif
  }
}
