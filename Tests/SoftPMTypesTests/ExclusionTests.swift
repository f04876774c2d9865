import Observation
import SoftPMBase
import Testing
import TypesZoo

@testable import SoftPMTypes

private class App {
  var title = "app"
  var onOpen: (() -> Void)?
  var cache: [String: Int] = ["a": 1]
  final var count = 3
  lazy var expensive = [1, 2, 3]
  var settings = Settings()
  var computed: Int? { nil }
  weak var delegate: App?
  var point = (1, 2)
  init() {}
}
private final class SubApp: App {
  var list: [App] = []
  var names: Set<String> = ["x"]
  var flag = true
}
private struct Settings {
  var ratio = 1.5
  var callbacks: [() -> Void]? = [{}]
}
@Observable private final class Model {
  var draft: String? = "draft"
  var kept = "kept"
}

@Suite("An excluded property")
struct ExclusionTests {
  private func refusal<Root, Value>(_ keyPath: KeyPath<Root, Value>) -> ContainerError? {
    var set = ExclusionSet()
    do {
      try set.exclude(keyPath)
      return nil
    } catch {
      return error
    }
  }

  @Test("is stored as nil, zero or empty, and untouched in memory")
  func values() throws {
    let app = SubApp()
    app.onOpen = {}
    app.delegate = app
    app.list = [App()]
    _ = app.expensive
    var exclusions = ExclusionSet()
    try exclusions.exclude(\App.title)
    try exclusions.exclude(\App.onOpen)
    try exclusions.exclude(\SubApp.cache)
    try exclusions.exclude(\App.count)
    try exclusions.exclude(\App.expensive)
    try exclusions.exclude(\App.delegate)
    try exclusions.exclude(\SubApp.list)
    try exclusions.exclude(\SubApp.names)
    try exclusions.exclude(\SubApp.flag)
    try exclusions.exclude(\Settings.ratio)
    try exclusions.exclude(\Settings.callbacks)
    #expect(exclusions.count == 11)
    let container = ToyContainer(exclusions: exclusions)
    try container.discover(app)
    #expect(container.members.count == 1)
    let back: SubApp = try ToyContainer.restore(try container.stored())
    #expect(back.title == "" && back.onOpen == nil && back.cache == [:] && back.count == 0)
    #expect(back.expensive == [1, 2, 3], "made again")
    #expect(back.delegate == nil && back.list.isEmpty && back.names == [] && !back.flag)
    #expect(back.settings.ratio == 0 && back.settings.callbacks == nil)
    #expect(app.title == "app" && app.onOpen != nil && app.cache == ["a": 1] && app.flag)
  }

  @Test("may be an observable one")
  func observable() throws {
    var exclusions = ExclusionSet()
    try exclusions.exclude(\Model.draft)
    let container = ToyContainer(exclusions: exclusions)
    try container.discover(Model())
    let model: Model = try ToyContainer.restore(try container.stored())
    #expect(model.draft == nil && model.kept == "kept")
  }

  @Test("must be one stored property of a type with an empty value")
  func refusals() {
    #expect(refusal(\App.computed)?.code == .notExcludable)
    #expect(refusal(\App.settings)?.code == .notExcludable)
    #expect(refusal(\App.settings.ratio)?.code == .notExcludable)
    #expect(refusal(\App.point)?.code == .notExcludable)
    #expect(refusal(\App.self)?.code == .notExcludable)
    #expect(refusal(\SubApp.list[0])?.code == .notExcludable)
    #expect(refusal(\App.cache.count)?.code == .notExcludable)
    #expect(refusal(\[Int].count)?.code == .notExcludable)
    #expect(refusal(\App.computed)?.message.contains("computed") == true)
  }

  @Test("survives being written and read")
  func coding() throws {
    var exclusions = ExclusionSet()
    try exclusions.exclude(\App.title)
    try exclusions.exclude(\Settings.ratio)
    var writer = ByteWriter()
    exclusions.encode(into: &writer)
    let bytes = writer.bytes
    let decoded = try bytes.withUnsafeBytes { raw in
      var reader = ByteReader(raw, of: "exclusions")
      return try ExclusionSet(decoding: &reader)
    }
    #expect(decoded == exclusions)
  }
}
