// Peers over plain files: Codable in two formats, an operation log, a dump by a forked child.

import CPeers
import Foundation
import SoftPMBenchmarking

/// Everything encoded with Codable, in a file that is replaced whole.
final class CodablePeer: Peer {
  enum Format: String {
    case json = "Codable JSON"
    case propertyList = "Codable binary plist"
  }
  private let format: Format
  private let durability: Durability
  private let path: String
  private let graph = Graph()
  /// The memory-only column ends here.
  private var kept = Data()
  override var flushes: Int? { durability == .durable ? 2 : 0 }

  init(_ format: Format, _ durability: Durability, _ folder: ScratchFolder, count: Int) throws {
    self.format = format
    self.durability = durability
    path = folder.file("\(format).\(durability)")
    graph.fill(items: count, blobs: 0)
    super.init(format.rawValue, count: count)
  }

  override func apply(_ key: Int) { graph.items[key].count += 1 }

  override func commit() throws {
    let data =
      switch format {
      case .json: try JSONEncoder().encode(graph)
      case .propertyList: try encoder.encode(graph)
      }
    if durability == .memory {
      kept = data
    } else {
      try replaceFile(path, with: data, syncing: durability == .durable)
    }
  }

  private var encoder: PropertyListEncoder {
    let encoder = PropertyListEncoder()
    encoder.outputFormat = .binary
    return encoder
  }

  override func counts() throws -> [Int] {
    let data = durability == .memory ? kept : try Data(contentsOf: URL(filePath: path))
    let graph =
      switch format {
      case .json: try JSONDecoder().decode(Graph.self, from: data)
      case .propertyList: try PropertyListDecoder().decode(Graph.self, from: data)
      }
    return graph.items.map(\.count)
  }
}

/// A record for each commit: how many updates, a checksum, the updates. The file's space is
/// allocated ahead, so that a commit changes no length. It is replayed from the beginning; a real
/// program would have to cut it now and then, which is not measured.
final class LogPeer: Peer {
  private static let step = 64 << 20
  private let durability: Durability
  private let path: String
  private let graph = Graph()
  private var file: Int32 = -1
  private var record: [Int64] = [0, 0]
  private var position = 0
  private var allocated = 0
  private var kept: [Int64] = []
  override var flushes: Int? { durability == .durable ? 1 : 0 }

  init(_ durability: Durability, _ folder: ScratchFolder, count: Int) throws {
    self.durability = durability
    path = folder.file("log.\(durability)")
    graph.fill(items: count, blobs: 0)
    super.init("operation log", count: count)
    guard durability != .memory else { return }
    file = open(path, O_RDWR | O_CREAT | O_EXCL, 0o600)
    guard file >= 0 else { throw BenchmarkFailure("\(path) cannot be made") }
  }

  override func apply(_ key: Int) {
    graph.items[key].count += 1
    record.append(Int64(key))
  }

  override func commit() throws {
    record[0] = Int64(record.count - 2)
    record[1] = record.withUnsafeBufferPointer { Self.checksum($0[2...]) }
    defer { record.removeSubrange(2...) }
    if durability == .memory {
      kept += record
      return
    }
    let byteCount = record.count * 8
    while position + byteCount + 8 > allocated {
      guard posix_fallocate(file, allocated, Self.step) == 0 else {
        throw BenchmarkFailure("no space for the log")
      }
      allocated += Self.step
      if durability == .durable { fsync(file) }
    }
    let count = record.withUnsafeBytes { pwrite(file, $0.baseAddress, $0.count, position) }
    guard count == byteCount else { throw BenchmarkFailure("the log cannot be written") }
    if durability == .durable, fdatasync(file) != 0 {
      throw BenchmarkFailure("the log cannot be synced")
    }
    position += byteCount
  }

  private static func checksum(_ words: Slice<UnsafeBufferPointer<Int64>>) -> Int64 {
    var sum: UInt64 = 0xcbf2_9ce4_8422_2325
    for word in words { sum = (sum ^ UInt64(bitPattern: word)) &* 0x100_0000_01b3 }
    return Int64(bitPattern: sum)
  }

  override func counts() throws -> [Int] {
    let restored = Graph()
    restored.fill(items: count, blobs: 0)
    if durability == .memory {
      kept.withUnsafeBufferPointer { replay($0, into: restored) }
    } else {
      // Mapped: the space allocated ahead is not read.
      let data = try Data(contentsOf: URL(filePath: path), options: .alwaysMapped)
      data.withUnsafeBytes { replay($0.bindMemory(to: Int64.self), into: restored) }
    }
    return restored.items.map(\.count)
  }

  /// Up to the first record that is not whole.
  private func replay(_ words: UnsafeBufferPointer<Int64>, into graph: Graph) {
    var place = 0
    while place + 2 < words.count, words[place] > 0, Int(words[place]) <= words.count - place - 2 {
      let keys = words[(place + 2)...].prefix(Int(words[place]))
      guard words[place + 1] == Self.checksum(keys) else { return }
      for key in keys { graph.items[Int(key)].count += 1 }
      place = keys.endIndex
    }
  }

  override func end() { if file >= 0 { close(file) } }
}

/// A child of `fork` writes everything as it was; the program goes on. In a process of its own, so
/// that fork copies the page tables of this application and of no other.
final class DumpPeer: Peer {
  private let durability: Durability
  private let path: String
  private let process: HeapContestant
  override var flushes: Int? { durability == .durable ? 2 : 0 }

  init(_ durability: Durability, _ folder: ScratchFolder, count: Int) throws {
    self.durability = durability
    path = folder.file("dump.\(durability)")
    let ours = URL(filePath: CommandLine.arguments[0]).resolvingSymlinksInPath()
    process = try HeapContestant(
      ours, ["dump-contestant", "\(count)", durability.rawValue, path])
    super.init("fork and dump", count: count)
  }

  override func batch(_ keys: [Int], _ lap: Lap) throws {
    let answer = try process.ask("\(keys.count) \(lap.round)")
    guard let time = answer.first, time >= 0 else { throw BenchmarkFailure("the dump failed") }
    lap.add(nanoseconds: time)
  }

  override func counts() throws -> [Int] {
    // The last child may still be writing.
    _ = try process.ask("0 0")
    let data = try Data(contentsOf: URL(filePath: path))
    return data.withUnsafeBytes { bytes in
      (0..<count).map {
        Int(bytes.loadUnaligned(fromByteOffset: $0 * DumpImage.stride + 8, as: Int64.self))
      }
    }
  }

  /// The other side: one line in, the nanoseconds out.
  static func serve(_ arguments: [String]) {
    guard arguments.count == 3, let count = Int(arguments[0]),
      let durability = Durability(rawValue: arguments[1])
    else { return }
    let image = DumpImage(count: count, path: arguments[2], isDurable: durability == .durable)
    let updates = Updates(count: count)
    while let line = readLine() {
      let words = line.split(separator: " ").compactMap { Int($0) }
      guard words.count == 2 else { return }
      let keys = updates.keys(words[0], round: words[1])
      let start = StopwatchKind.wall.nanoseconds()
      let isDone = keys.isEmpty ? image.waitForChild() : image.dump(keys)
      print(isDone ? StopwatchKind.wall.nanoseconds() - start : -1)
      fflush(nil)
    }
  }
}

/// The forked application.
private final class DumpImage {
  static let stride = 48
  private let graph = Graph()
  private let aside, path, folder: String
  private let isDurable: Bool
  private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 16)
  private var child: Int32 = 0

  init(count: Int, path: String, isDurable: Bool) {
    self.path = path
    self.isDurable = isDurable
    aside = path + ".new"
    folder = URL(filePath: path).deletingLastPathComponent().path()
    graph.fill(items: count, blobs: 0)
  }

  deinit { buffer.deallocate() }

  /// Buffered, it returns when the child is there; one child at a time.
  func dump(_ keys: [Int]) -> Bool {
    for key in keys { graph.items[key].count += 1 }
    guard waitForChild() else { return false }
    child = peers_fork()
    if child == 0 { _exit(write() ? 0 : 1) }
    guard child > 0 else { return false }
    return isDurable ? waitForChild() : true
  }

  func waitForChild() -> Bool {
    guard child > 0 else { return true }
    var status: Int32 = 0
    while waitpid(child, &status, 0) < 0 { if errno != EINTR { return false } }
    child = 0
    return status == 0
  }

  /// In the child: no allocation, for another thread may have held a lock.
  private func write() -> Bool {
    let file = open(aside, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
    guard file >= 0 else { return false }
    var used = 0
    for item in graph.items {
      if used + Self.stride > buffer.count {
        guard Foundation.write(file, buffer.baseAddress, used) == used else { return false }
        used = 0
      }
      buffer.storeBytes(of: Int64(item.key), toByteOffset: used, as: Int64.self)
      buffer.storeBytes(of: Int64(item.count), toByteOffset: used + 8, as: Int64.self)
      for word in 2..<6 { buffer.storeBytes(of: 0, toByteOffset: used + word * 8, as: Int64.self) }
      _ = item.name.utf8.withContiguousStorageIfAvailable { name in
        UnsafeMutableRawBufferPointer(rebasing: buffer[(used + 16)...]).copyBytes(
          from: name.prefix(32))
      }
      used += Self.stride
    }
    guard Foundation.write(file, buffer.baseAddress, used) == used else { return false }
    if isDurable, fsync(file) != 0 { return false }
    close(file)
    guard rename(aside, path) == 0 else { return false }
    guard isDurable else { return true }
    let directory = open(folder, O_RDONLY)
    return fsync(directory) == 0
  }
}
