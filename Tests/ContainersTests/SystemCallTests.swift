import Containers
import Testing

#if canImport(Glibc)
  import Glibc
#endif

/// System calls that fill memory of a container.
@Suite("System calls")
struct SystemCallTests {
  final class Page {
    var bytes = [UInt8](repeating: 1, count: 200_000)
  }

  /// Fills the bytes from /dev/zero; the error number, or 0.
  private func fill(_ container: Container<Page>, prepared: Bool) -> Int32 {
    container.update { page in
      let zeros = open("/dev/zero", O_RDONLY)
      defer { close(zeros) }
      return page.bytes.withUnsafeMutableBytes { buffer in
        // Away from the header, whose page any access writes.
        let target = UnsafeMutableRawBufferPointer(rebasing: buffer[100_000..<180_000])
        if prepared { prepareForSystemCall(UnsafeRawBufferPointer(target)) }
        return read(zeros, target.baseAddress, target.count) == target.count ? 0 : errno
      }
    }
  }

  private func makeContainer(
    _ tracking: ContainerAttributes.WriteTracking
  ) throws -> (Store, Container<Page>) {
    let store = try Store.inMemory()
    var attributes = ContainerAttributes()
    attributes.tracking = tracking
    let container = try store.container("page", initial: Page(), attributes: attributes)
    try container.persistAndWait()
    return (store, container)
  }

  @Test("with signal tracking a prepared buffer is filled, seen, and persisted")
  func prepared() throws {
    let (store, container) = try makeContainer(.signal)
    // Without preparation the kernel refuses, which is why there is one.
    #expect(fill(container, prepared: false) == EFAULT)
    #expect(fill(container, prepared: true) == 0)
    try container.persistAndWait()
    try container.close()
    let restored = try store.container("page", initial: Page())
    #expect(restored.read { $0.bytes[100_000..<180_000].allSatisfy { $0 == 0 } })
    #expect(restored.read { $0.bytes[0] == 1 && $0.bytes[199_999] == 1 })
    try store.close()
  }

  @Test("however writes are seen, what a system call wrote is persisted")
  func anyTracking() throws {
    let (store, container) = try makeContainer(.automatic)
    #expect(fill(container, prepared: true) == 0)
    try container.persistAndWait()
    try container.close()
    let restored = try store.container("page", initial: Page())
    #expect(restored.read { $0.bytes[100_000..<180_000].allSatisfy { $0 == 0 } })
    try store.close()
  }
}
