// A program with a store, for tests that need a process of their own: one to be killed, traced,
// or in the way of another.
//
//     StoreProgram commits <store> <seed>    commits without end; a line for every announcement
//     StoreProgram read <store> <seed>       reads what `commits` writes, beside it, without end
//     StoreProgram driver <store> [filtered] opens, and prints which driver it got, and why;
//                                            filtered: where io_uring is forbidden
//     StoreProgram check <store> [holes]     checks what `commits` left; prints the newest version
//     StoreProgram hold <store>              opens, prints a line, waits for its input to end
//     StoreProgram point <store>             one durable point between two lines of output
//     StoreProgram short <file> <driver>     writes across the largest size that it may make
//
// Facts:
// 1. `commits` derives everything from a version's number, so that `check` needs no notes: the
//    image of a chunk says which version wrote it, and a version's metadata lists for each chunk
//    which one that was.

import CTrackingProbe
import Glibc
import SoftPMBase
import SoftPMStore
import SoftPMTesting

@main
struct StoreProgram {
  static func main() throws {
    let arguments = CommandLine.arguments
    guard arguments.count > 2 else { exit(64) }
    switch arguments[1] {
    case "commits":
      var commits = try Commits(arguments[2], seed: UInt64(arguments[3]) ?? 0)
      try commits.run()
    case "read":
      do { try Reading.run(arguments[2], seed: UInt64(arguments[3]) ?? 0) } catch {
        say("wrong: \(error)")
        exit(1)
      }
    case "driver":
      if arguments.last == "filtered", probe_forbid_io_uring() != 0 { exit(69) }
      let store = try ChunkStore.open(arguments[2])
      say("\(store.statistics.driver): \(store.statistics.reason)")
      try store.close()
    case "check": try Commits.check(arguments[2], holes: arguments.last == "holes")
    case "hold": try hold(arguments[2])
    case "point": try point(arguments[2])
    case "short": try short(arguments[2], driver: arguments[3])
    default: exit(64)
    }
  }

  /// Whole lines go out with one system call each, at once: the process may be killed any moment.
  static func say(_ line: String) {
    var line = line + "\n"
    line.withUTF8 { _ = write(1, $0.baseAddress, $0.count) }
  }

  static func hold(_ path: String) throws {
    let store = try ChunkStore.open(path)
    say("open \(getpid())")
    var byte: UInt8 = 0
    while read(0, &byte, 1) > 0 {}
    try store.close()
  }

  static func point(_ path: String) throws {
    let store = try ChunkStore.open(path)
    let container = try store.createContainer(named: "a", chunkSize: .kibibytes(16))
    var parent: VersionID?
    func request(_ salt: UInt64) -> CommitRequest {
      let images = PageBuffer(blocksHolding: StoreModel.image(salt, byteCount: 16 << 10))
      var request = CommitRequest(
        container: container.number, parent: parent, chunks: [ChunkIndex(1)],
        images: ChunkImages(images, count: 1, chunkBytes: 16 << 10),
        digests: [Checksum.digest(images.readOnly)])
      request.waitsAtOnce = true
      return request
    }
    func commit(_ request: CommitRequest) throws {
      let commit = try store.commit(request)
      try commit.wait()
      parent = commit.version
    }
    for salt in 1...3 { try commit(request(UInt64(salt))) }
    store.waitForBackground()
    let last = request(9)
    let before = store.statistics
    say("begin")
    try commit(last)
    say("end")
    let after = store.statistics
    say(
      "\(after.driver) points=\(after.pointFlushes - before.pointFlushes) "
        + "upkeep=\(after.upkeepFlushes - before.upkeepFlushes) "
        + "zeros=\(after.zeroFlushes - before.zeroFlushes)")
    try store.close()
  }

  static func short(_ path: String, driver: String) throws {
    signal(SIGXFSZ, SIG_IGN)
    var options = StoreFileOptions()
    options.driver = StoreDriver(rawValue: driver) ?? .automatic
    let device = try BareDevice.open(path, options)
    var limit = rlimit(rlim_cur: 96 << 10, rlim_max: 96 << 10)
    setrlimit(__rlimit_resource_t(1), &limit)
    let image = PageBuffer(blocksHolding: StoreModel.image(1, byteCount: 64 << 10))
    // Half of it fits.
    do {
      try device.writeAndFlush([DeviceWrite(offset: 64 << 10, bytes: image.readOnly)])
      say("written")
    } catch {
      say("refused \(error.code)")
    }
    let again = UnsafeRawBufferPointer(rebasing: image.readOnly[..<(32 << 10)])
    try device.writeAndFlush([DeviceWrite(offset: 64 << 10, bytes: again)])
    let target = PageBuffer(byteCount: 32 << 10)
    try device.read(into: target.bytes, at: 64 << 10, from: .medium)
    say(target.readOnly.elementsEqual(again) ? "then whole" : "then wrong")
  }
}
