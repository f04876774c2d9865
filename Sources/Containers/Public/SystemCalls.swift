import SoftPMTracking

/// Makes memory of a container ready to be written by a system call.
///
/// With `.signal` tracking a container's memory is write-protected between points, and a system call
/// that is told to write there fails with EFAULT ("Bad address") instead of telling the library.
/// Call this first, and the system call within the same `update`:
///
/// ```swift
/// container.update { root in
///   root.bytes.withUnsafeMutableBytes { buffer in
///     prepareForSystemCall(UnsafeRawBufferPointer(buffer))
///     let count = read(descriptor, buffer.baseAddress, buffer.count)
///   }
/// }
/// ```
///
/// The buffer counts as written until the next point. With `.kernel` tracking it is not needed and
/// costs a look-up. The alternative is to read into memory outside the container and copy.
public func prepareForSystemCall(_ buffer: UnsafeRawBufferPointer) {
  SoftPMTracking.prepareForSystemCall(buffer)
}
