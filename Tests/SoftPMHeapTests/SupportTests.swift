import Foundation
import SoftPMBase
import SoftPMHeap
import Testing

@Suite struct SupportTests {
  @Test("this process is supported")
  func support() throws {
    try HeapSupport.require()
  }

  @Test("sizes that no arena can have are refused")
  func badSizes() {
    for (space, chunk) in [
      (64 << 20, 16_000), (64 << 20, 2_048), (64 << 20, 2 << 20), (64 << 20, 0),
      (1 << 19, 16_384), (512 << 30, 16_384), ((64 << 20) + 1, 16_384), (-1, 16_384),
    ] {
      #expect(throws: ContainerError.self, "\(space) \(chunk)") {
        _ = try Arena.reserve(
          home: nil, addressSpace: ByteCount(space), chunkSize: ByteCount(chunk))
      }
    }
  }

  @Test("Foundation, formatters, JSON and concurrency work in a scope and after it closed")
  func foundationInScope() async throws {
    struct Record: Codable, Equatable {
      var name: String
      var values: [String: [Double]]
    }
    let record = Record(name: "a name that is long enough", values: ["one": [1, 2.5]])
    for _ in 0..<3 {
      let arena = try makeArena()
      let decoded = try arena.inScope {
        let data = try JSONEncoder().encode(record)
        let formatter = DateFormatter()
        formatter.dateStyle = .full
        #expect(!formatter.string(from: Date(timeIntervalSince1970: 0)).isEmpty)
        #expect("a,b,c".components(separatedBy: ",").count == 3)
        _ = String(format: "%05d", 5)
        _ = "abc123".firstMatch(of: /\d+/)
        return try JSONDecoder().decode(Record.self, from: data)
      }
      #expect(decoded == record)
      let tasks = arena.inScope { (0..<10).map { index in Task { [index] } } }
      for (index, task) in tasks.enumerated() { #expect(await task.value == [index]) }
      arena.close()
    }
    let data = try JSONEncoder().encode(record)
    #expect(try JSONDecoder().decode(Record.self, from: data) == record)
    let formatter = DateFormatter()
    formatter.dateStyle = .full
    #expect(!formatter.string(from: Date(timeIntervalSince1970: 0)).isEmpty)
  }

  @Test("a child process is started from within a scope")
  func spawn() throws {
    let arena = try makeArena()
    try arena.inScope {
      let process = Process()
      process.executableURL = URL(fileURLWithPath: "/bin/true")
      try process.run()
      process.waitUntilExit()
      #expect(process.terminationStatus == 0)
    }
  }
}
