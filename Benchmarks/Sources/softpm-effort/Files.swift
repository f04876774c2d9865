// What the five structures share by hand: a file is replaced whole, durably, and read whole.

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

struct FileFailure: Error, CustomStringConvertible {
  let description: String
  init(_ what: String) { description = "\(what): \(String(cString: strerror(errno)))" }
}

// effort begin: shared by-hand persist
/// Written aside, synced, renamed, and the folder synced.
func replaceFile(_ path: String, with bytes: [UInt8]) throws {
  let aside = path + ".new"
  let file = open(aside, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
  guard file >= 0 else { throw FileFailure("cannot make \(aside)") }
  defer { close(file) }
  var done = 0
  while done < bytes.count {
    let count = bytes[done...].withUnsafeBytes { write(file, $0.baseAddress, $0.count) }
    guard count > 0 else { throw FileFailure("cannot write \(aside)") }
    done += count
  }
  guard fsync(file) == 0, rename(aside, path) == 0 else { throw FileFailure("cannot keep \(path)") }
  let parent = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
  let folder = open(parent, O_RDONLY)
  defer { close(folder) }
  guard fsync(folder) == 0 else { throw FileFailure("cannot sync \(parent)") }
}
// effort end

// effort begin: shared by-hand restore
func readFile(_ path: String) throws -> [UInt8] {
  let file = open(path, O_RDONLY)
  guard file >= 0 else { throw FileFailure("cannot open \(path)") }
  defer { close(file) }
  var bytes: [UInt8] = []
  var part = [UInt8](repeating: 0, count: 1 << 16)
  while true {
    let count = read(file, &part, part.count)
    guard count >= 0 else { throw FileFailure("cannot read \(path)") }
    if count == 0 { return bytes }
    bytes += part[..<count]
  }
}
// effort end
