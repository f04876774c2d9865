import CSoftPMHeap
import Foundation
import SoftPMBase
import Testing

@testable import SoftPMHeap

@Suite struct SupportTests {
  @Test("this process is supported")
  func support() throws {
    try HeapSupport.require()
  }

  @Test("whatever makes the heap unusable is refused as an unsupported platform, with a remedy")
  func refusals() throws {
    let remedies: [(softpm_support, String)] = [
      (softpm_support_other_platform, "Run the program there"),
      (softpm_support_no_runtime, "Use Swift"),
      (softpm_support_not_interposed, "link no other replacement of malloc"),
      (softpm_support_unknown_runtime, "Use Swift"),
      (softpm_support_no_address_space, "ulimit"),
    ]
    for (support, remedy) in remedies {
      let error = try #require(HeapSupport.refusal(support, foreignEntry: "calloc"))
      #expect(error.code == .unsupportedPlatform)
      #expect(error.message.contains(remedy), "\(error.message)")
    }
    let error = HeapSupport.refusal(softpm_support_not_interposed, foreignEntry: "calloc")
    #expect(error?.message.contains("`calloc`") == true)
    #expect(HeapSupport.refusal(softpm_support_full, foreignEntry: nil) == nil)
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
