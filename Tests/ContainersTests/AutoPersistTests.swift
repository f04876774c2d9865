import Containers
import Foundation
import Testing

/// Points that nobody asks for: `autoPersist` in its three forms.
@Suite("Points made without being asked for")
struct AutoPersistTests {
  final class Diary {
    var lines: [String] = []
    var count = 0
    var onChange: (() -> Void)?
    func write() {
      count += 1
      lines.append("line \(count), too long to be inline")
    }
  }
  typealias AutoPersist = ContainerAttributes.AutoPersist

  private func open(
    _ store: Store, _ autoPersist: AutoPersist = .manual
  ) throws -> Container<Diary> {
    var attributes = ContainerAttributes()
    attributes.autoPersist = autoPersist
    attributes.retention = .all
    return try store.container("diary", initial: Diary(), attributes: attributes)
  }

  private func counts(_ diary: Container<Diary>) throws -> [Int] {
    try diary.versions.map { try diary.snapshot($0.id).read { $0.lines.count } }
  }

  // MARK: What is made when

  @Test("manual makes none")
  func manual() async throws {
    let store = try Store.inMemory()
    let diary = try open(store)
    for _ in 0..<20 { diary.update { $0.write() } }
    try await Task.sleep(for: .milliseconds(200))
    #expect(diary.version == nil)
    #expect(diary.statistics.pointsMade == 0)
    #expect(try store.containers.isEmpty)
    try store.close()
  }

  @Test("everyUpdate makes one for each update that changed something, and none for a read")
  func everyUpdate() throws {
    let store = try Store.inMemory()
    let diary = try open(store, .everyUpdate)
    for number in 1...20 {
      diary.update { $0.write() }
      _ = diary.read { $0.lines.count }
      if number % 5 == 0 { diary.update { _ in } }
    }
    let last = try diary.persistAndWait()
    let found = try counts(diary)
    #expect(found == Array(1...20))
    #expect(try diary.versions.last?.id == last)
    try store.close()
  }

  @Test("everyUpdate counts setting the root, changing it in place, and a body that throws")
  func everyUpdateOfRoots() throws {
    struct Refusal: Error {}
    let store = try Store.inMemory()
    var attributes = ContainerAttributes()
    attributes.autoPersist = .everyUpdate
    let numbers = try store.container("numbers", initial: [0], attributes: attributes)
    numbers.root = [1]
    numbers.root.append(2)
    #expect(throws: Refusal.self) {
      try numbers.update { numbers in
        numbers.append(3)
        throw Refusal()
      }
    }
    try numbers.persistAndWait()
    let contents = try numbers.versions.map { try numbers.snapshot($0.id).root }
    #expect(contents == [[1], [1, 2], [1, 2, 3]])
    try store.close()
  }

  @Test("every makes them at that pace, at most, while things change, and none when nothing does")
  func every() async throws {
    let store = try Store.inMemory()
    let pace = Duration.milliseconds(60)
    let begun = ContinuousClock.now
    let diary = try open(store, .every(pace))
    // The first version too, of what nobody changed since it was made.
    #expect(try await eventually { diary.version != nil })
    // From another thread, as programs do: only inside `update`. As long as it takes: the machine may
    // be busy, and the pace is the most that there may be.
    // Since now: this task may have waited for a thread for a minute.
    let updating = ContinuousClock.now
    try Background {
      while diary.statistics.pointsMade < 4, updating.duration(to: .now) < .seconds(50) {
        diary.update { $0.write() }
        Thread.sleep(forTimeInterval: 0.001)
      }
    }.result()
    let most = begun.duration(to: .now) / pace
    #expect(
      (4...max(4, Int(most) + 1)).contains(diary.statistics.pointsMade),
      "\(diary.statistics)")
    #expect(most >= 3)
    // What was changed last is durable before long, and then there is nothing more to do.
    let count = diary.read { $0.count }
    #expect(try await eventually { try counts(diary).last == count })
    let made = try diary.versions.map(\.id)
    let unchanged = diary.statistics.pointsUnchanged
    #expect(try await eventually { diary.statistics.pointsUnchanged > unchanged + 3 })
    #expect(try diary.versions.map(\.id) == made)
    try store.close()
  }

  // MARK: The attribute

  @Test(
    "the attribute is stored by the next point and at work again after opening",
    arguments: [AutoPersist.manual, .everyUpdate, .every(.milliseconds(20))])
  func stored(_ form: AutoPersist) async throws {
    let store = try Store.inMemory()
    var diary = try open(store, .every(.seconds(3600)))
    try diary.persistAndWait()
    diary.attributes.autoPersist = form
    try diary.persistAndWait()
    try diary.close()
    // What is given here is for new containers only.
    diary = try open(store, .every(.seconds(3600)))
    #expect(diary.attributes.autoPersist == form)
    diary.update { $0.write() }
    if form == .manual {
      try await Task.sleep(for: .milliseconds(100))
      #expect(diary.statistics.pointsMade == 0)
    } else {
      #expect(try await eventually { try counts(diary).last == 1 })
    }
    try store.close()
  }

  @Test("an attribute that no point has stored is not there after opening")
  func notStored() throws {
    let store = try Store.inMemory()
    var diary = try open(store)
    try diary.persistAndWait()
    diary.attributes.autoPersist = .everyUpdate
    try diary.close()
    diary = try open(store)
    #expect(diary.attributes.autoPersist == .manual)
    try store.close()
  }

  @Test("a change of the attribute takes effect while the container is open")
  func changed() async throws {
    let store = try Store.inMemory()
    let diary = try open(store)
    diary.update { $0.write() }
    #expect(diary.statistics.pointsMade == 0)
    diary.attributes.autoPersist = .everyUpdate
    diary.update { $0.write() }
    #expect(try await eventually { try counts(diary) == [2] })
    diary.attributes.autoPersist = .every(.milliseconds(20))
    diary.update { $0.write() }
    #expect(try await eventually { try counts(diary).last == 3 })
    diary.attributes.autoPersist = .manual
    // One may be under way still.
    try await Task.sleep(for: .milliseconds(100))
    let made = try diary.versions.count
    diary.update { $0.write() }
    try await Task.sleep(for: .milliseconds(200))
    #expect(try diary.versions.count == made)
    try store.close()
  }

  @Test("closing ends the clock")
  func closing() async throws {
    let store = try Store.inMemory()
    let diary = try open(store, .every(.milliseconds(5)))
    let held = diary.root
    #expect(try await eventually { diary.version != nil })
    try diary.close()
    let made = try store.versions(of: "diary").map(\.id)
    // It is the program's own now.
    held.write()
    try await Task.sleep(for: .milliseconds(200))
    #expect(try store.versions(of: "diary").map(\.id) == made)
    #expect(diary.statistics.lastError == nil)
    try store.close()
  }

  // MARK: Errors

  @Test(
    "an error surfaces in lastError and at the next persist, once, and what was mended is persisted",
    arguments: [AutoPersist.everyUpdate, .every(.milliseconds(20))])
  func refusal(_ form: AutoPersist) async throws {
    let store = try Store.inMemory()
    let diary = try open(store)
    try diary.persistAndWait()
    diary.attributes.autoPersist = form
    diary.update { $0.onChange = {} }
    #expect(try await eventually { diary.statistics.lastError != nil })
    #expect(diary.statistics.lastError?.code == .unsupportedType)
    #expect(diary.statistics.lastError?.path == "root.onChange")
    // Points that nobody asks for go on, and take nobody's error away.
    diary.update { diary in
      diary.onChange = nil
      diary.write()
    }
    #expect(try await eventually { try counts(diary).last == 1 })
    let error = try thrown { try diary.persistAndWait() }
    #expect(error?.code == .unsupportedType && error?.path == "root.onChange")
    diary.attributes.autoPersist = .manual
    diary.update { $0.write() }
    try diary.persistAndWait()
    #expect(try counts(diary).last == 2)
    try store.close()
  }

  @Test(
    "after an error of the device they try again by themselves, and the error is not lost",
    arguments: [AutoPersist.everyUpdate, .every(.milliseconds(20))])
  func deviceError(_ form: AutoPersist) async throws {
    let device = HeldDevice()
    let store = try device.makeStore()
    let diary = try open(store)
    try diary.persistAndWait()
    device.recording.setFaults(.init(.inputOutput, at: 0, forEver: true))
    diary.attributes.autoPersist = form
    diary.update { $0.write() }
    #expect(try await eventually { diary.statistics.lastError != nil })
    #expect(diary.statistics.lastError?.code == .io)
    device.recording.setFaults(nil)
    diary.update { $0.write() }
    #expect(try await eventually { try counts(diary).last == 2 })
    #expect(try thrown { try diary.persist().wait() }?.code == .io)
    diary.attributes.autoPersist = .manual
    #expect(try await eventually { try thrown { try diary.persistAndWait() } == nil })
    try store.close()
  }

  @Test("an error surfaces at the wait for a point made behind the one that failed")
  func waiting() throws {
    let device = HeldDevice()
    let store = try device.makeStore()
    let diary = try open(store)
    try diary.persistAndWait()
    device.hold()
    defer { device.letGo() }
    let points = try Background {
      diary.attributes.autoPersist = .everyUpdate
      diary.update { $0.write() }
      diary.attributes.autoPersist = .manual
      diary.update { $0.write() }
      return [try diary.persist()]
    }.result()
    device.recording.setFaults(.init(.inputOutput, at: 0, forEver: true))
    device.letGo()
    #expect(try thrown { try points[0].wait() }?.code == .io)
    device.recording.setFaults(nil)
    #expect(try thrown { try store.close() }?.code == .io)
  }

  @Test(
    "an error that nobody was told of surfaces at close",
    arguments: [AutoPersist.everyUpdate, .every(.milliseconds(20))])
  func closingWithError(_ form: AutoPersist) async throws {
    let device = HeldDevice()
    let store = try device.makeStore()
    let diary = try open(store)
    try diary.persistAndWait()
    device.recording.setFaults(.init(.noSpace, at: 0, forEver: true))
    diary.attributes.autoPersist = form
    diary.update { $0.write() }
    #expect(try await eventually { diary.statistics.lastError != nil })
    device.recording.setFaults(nil)
    #expect(try thrown { try diary.close() }?.code == .noSpace)
    // It is closed all the same, and was told of once.
    #expect(try thrown { try diary.persist() }?.code == .closed)
    try store.close()
  }
}
