// Pins: what readers, in whatever process, ask the writer not to take from them.
//
// Facts:
// 1. A pin is a read lock on one byte, far beyond the content, of the reader's own open file
//    description. The kernel takes it back when the reader ends, however that happens: a dead
//    reader costs nothing and needs no clearing up.
// 2. Byte 2⁶¹ + s pins the *view* of a reader that opened the store when its newest superblock
//    was number s: no block that this view leads to is given out again. Every reader holds one.
// 3. Byte v pins *version* v: retention leaves it in the list. A reader holds one for each of its
//    open snapshots. (Its blocks are safe already, by fact 2.)
// 4. A reader takes its view's pin and then reads the superblocks again; a writer writes both
//    superblocks and then asks for pins. So either the reader sees that it was too late, and
//    takes a younger view, or the writer sees the pin.

import CSoftPMLinux
import Glibc
import SoftPMBase

/// A place to pin.
package enum Pin: Hashable, Sendable {
  case version(VersionID)
  /// By the number of the superblock that the view began with.
  case view(UInt64)

  private static let firstView = UInt64(1) << 61

  var byte: UInt64 {
    switch self {
    case .version(let version): version.rawValue & (Pin.firstView - 1)
    case .view(let sequence): Pin.firstView + sequence & (Pin.firstView - 1)
    }
  }
}

/// Where pins are put and asked for. One per opening of a store.
package protocol ReaderPins: Sendable {
  func take(_ pin: Pin) throws(ContainerError)
  func letGo(_ pin: Pin)
  /// Whether an opening other than this one holds a pin from `first` up to and without `end`.
  func isTaken(from first: Pin, to end: Pin) -> Bool
  /// False while there is a writer, or may be; otherwise what the last one wrote is durable now.
  func settleWithoutWriter() -> Bool
}

/// Pins as locks on a store's file.
struct FilePins: ReaderPins {
  let descriptor: Int32
  let path: String

  func take(_ pin: Pin) throws(ContainerError) {
    var range = FilePins.range(F_RDLCK, pin.byte, 1)
    while FilePins.control(descriptor, softpm_f_ofd_setlk, &range) != 0 {
      if errno == EINTR { continue }
      throw .system(errno, doing: "pinning what a reader needs", path: path)
    }
  }

  func letGo(_ pin: Pin) {
    var range = FilePins.range(F_UNLCK, pin.byte, 1)
    _ = FilePins.control(descriptor, softpm_f_ofd_setlk, &range)
  }

  /// Where the kernel does not say, there is a pin.
  func isTaken(from first: Pin, to end: Pin) -> Bool {
    guard first.byte < end.byte else { return false }
    var range = FilePins.range(F_WRLCK, first.byte, end.byte - first.byte)
    while FilePins.control(descriptor, softpm_f_ofd_getlk, &range) != 0 {
      if errno != EINTR { return true }
    }
    return range.l_type != Int16(F_UNLCK)
  }

  func settleWithoutWriter() -> Bool {
    !WriterLock.isTaken(descriptor) && fdatasync(descriptor) == 0
  }

  private static func range(_ kind: Int32, _ start: UInt64, _ count: UInt64) -> flock {
    var range = flock()
    range.l_type = Int16(kind)
    range.l_whence = Int16(SEEK_SET)
    range.l_start = off_t(start)
    range.l_len = off_t(count)
    return range
  }

  private static func control(_ descriptor: Int32, _ command: Int32, _ range: inout flock) -> Int32
  {
    withUnsafeMutablePointer(to: &range) {
      fcntl(descriptor, command, UnsafeMutableRawPointer($0))
    }
  }
}
