#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

extension ContainerError {
  /// Damage found in a store: what should have been at `offset`, and what was there.
  package static func corrupt(
    at offset: UInt64?, expected: String, found: String? = nil, path: String? = nil
  ) -> ContainerError {
    let but = found.map { ", but found \($0)" } ?? ""
    return ContainerError(
      code: .corrupt,
      message: "The store is damaged: expected \(expected)\(but). "
        + "Restore the file from a backup; versions that are still whole can be read read-only.",
      path: path, offset: offset)
  }

  /// A failed system call, with the code that fits its `errno`.
  package static func system(
    _ number: Int32, doing action: String, path: String? = nil
  ) -> ContainerError {
    let text = String(cString: strerror(number))
    let code: Code
    let remedy: String
    switch number {
    case ENOSPC, EDQUOT:
      code = .noSpace
      remedy = "Make room on the file system, or delete old versions and compact, and try again."
    case ENOENT:
      code = .notFound
      remedy = "Check the path; the folder that is to hold the store must exist."
    case ENOTDIR, ENAMETOOLONG:
      code = .notFound
      remedy = "Check the path: no file can be there."
    case EROFS, EACCES, EPERM:
      code = .readOnly
      remedy = "Give this user permission, or open the store with `readOnly`."
    default:
      code = .io
      remedy = "Nothing already durable is lost; the operation may be tried again."
    }
    return ContainerError(
      code: code, message: "\(action) failed: \(text) (errno \(number)). \(remedy)", path: path)
  }
}
