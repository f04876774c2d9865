// Memory straight from the kernel: what trackers keep lies in no arena and not in the heap.

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// The page size of this machine: 4, 16 or 64 KiB. Asked for, never assumed.
package let pageBytes = Int(sysconf(Int32(_SC_PAGESIZE)))

/// Zeroed, private, page-aligned memory; nil when the kernel has none.
package func mapMemory(byteCount: Int) -> UnsafeMutableRawPointer? {
  let memory = mmap(
    nil, byteCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
  return memory == MAP_FAILED ? nil : memory
}

package func unmapMemory(_ memory: UnsafeMutableRawPointer, byteCount: Int) {
  munmap(memory, byteCount)
}

func errorText(_ number: Int32) -> String {
  "\(String(cString: strerror(number))) (errno \(number))"
}
