import Foundation
import SoftPMBase
import SoftPMTypes
import Testing
import TypesZoo

@Suite("Every stored type of the table")
struct ExhibitionTests {
  private let own = Exhibitor("")

  @Test("comes back in the same process, also from images that nobody vouches for")
  func sameProcess() throws {
    let root = own.make()
    #expect(own.problems(of: root) == 0, "before it is stored")
    let container = ToyContainer()
    try container.discover(root)
    let stored = try container.stored()
    for isUntrusted in [false, true] {
      let back: AnyObject = try ToyContainer.restore(stored, isUntrusted: isUntrusted)
      #expect(own.problems(of: back) == 0)
    }
    withExtendedLifetime(root) {}
  }

  @Test("comes back in the same process under foreign hash seeds")
  func foreignSeeds() throws {
    let container = ToyContainer()
    let root = own.make()
    try container.discover(root)
    var stored = try container.stored()
    stored.seeds = StoredSeeds(seed0: 1, seed1: 2, isDeterministic: false)
    let back: AnyObject = try ToyContainer.restore(stored)
    #expect(own.problems(of: back) == 0)
    withExtendedLifetime(root) {}
  }

  @Test(
    "comes back in another program, under other addresses, with the same or other seeds",
    arguments: [[:], ["SOFTPM_HASH_SEED": "process"]])
  func otherProgram(environment: [String: String]) throws {
    let workshop = try Workshop()
    let image = workshop.path("image")
    let state = environment.merging(["XDG_STATE_HOME": workshop.url.path]) { $1 }
    let (written, problem) = try Program.run("TypesWriter", [image, ""], environment: state)
    #expect(written == 0, "\(problem)")
    let (read, output) = try Program.run("TypesReader", [image, ""], environment: state)
    #expect(read == 0, "\(output)")
    #expect(output == (environment.isEmpty ? "same seeds\n" : "other seeds\n"))
  }

  @Test("comes back after its module was rebuilt with other neighbours, optimised or not")
  func rebuilt() throws {
    let workshop = try Workshop()
    let folder = Workshop.package.appendingPathComponent("Tests/Programs/TypesZoo")
    let sources = try FileManager.default.contentsOfDirectory(atPath: folder.path)
      .filter { $0.hasPrefix("Exhibits") }.sorted()
      .map { folder.appendingPathComponent($0).path }
    // Types before and after those that are stored, one of a stored type's name among them.
    try workshop.write(
      """
      public struct AAA { var text = "first"; var tree: [AAA] = [] }
      private final class Base { var unrelated = 1 }
      public func useBase() -> AnyObject { Base() }
      public protocol AProtocol { func method() }
      extension String: AProtocol { public func method() {} }
      """, to: "Before.swift")
    try workshop.write(
      """
      public enum ZZZ { case one(Int), two(String, [ZZZ]) }
      public final class Last<Value> { var value: Value?; weak var other: AnyObject? }
      """, to: "ZAfter.swift")
    let before = workshop.path("Before.swift")
    let after = workshop.path("ZAfter.swift")
    func build(_ name: String, _ options: [String], _ sources: [String]) throws {
      let fixed = ["-swift-version", "6", "-module-name", "Shop", "-emit-library"]
      try workshop.run(
        ["swiftc"] + fixed + ["-parse-as-library"] + options + sources + ["-o", name])
    }
    try build("debug.so", ["-Onone"], sources)
    try build("release.so", ["-O", "-wmo"], [before] + sources.reversed() + [after])
    for (writer, reader) in [("debug.so", "release.so"), ("release.so", "debug.so")] {
      let image = workshop.path("image of \(writer)")
      let (written, problem) = try Program.run("TypesWriter", [image, workshop.path(writer)])
      #expect(written == 0, "\(problem)")
      let (read, output) = try Program.run("TypesReader", [image, workshop.path(reader)])
      #expect(read == 0, "\(writer) → \(reader): \(output)")
    }
  }
}
