import Containers
import Foundation
import Synchronization
import Testing
import Worlds

/// Points while other threads change the container at full speed.
@Suite("Isolation")
struct IsolationTests {
  final class Account {
    var balance: Int
    var note: String
    var last: Account?
    init(_ balance: Int) {
      self.balance = balance
      note = "opened with \(balance)"
    }
  }

  final class Bank {
    var transfers = 0
    var accounts: [Account] = []
    var byNote: [String: Account] = [:]
    var journal: [Int] = []
  }

  struct Transfer {
    var from: Int
    var to: Int
    var amount: Int
  }

  static let accountCount = 500

  /// What every transfer does, to the bank in the container as to the model.
  static func carryOut(_ transfer: Transfer, number: Int, in bank: Bank) {
    let from = bank.accounts[transfer.from]
    let to = bank.accounts[transfer.to]
    from.balance -= transfer.amount
    to.balance += transfer.amount
    to.note = "received \(transfer.amount) in transfer number \(number)"
    to.last = from
    bank.byNote[to.note] = to
    if bank.byNote.count > 300, let key = bank.byNote.keys.min() { bank.byNote[key] = nil }
    if number % 50 == 0 { bank.accounts[transfer.to] = Account(to.balance) }
    bank.journal.append(number)
    if bank.journal.count > 3000 { bank.journal.removeFirst(2500) }
    bank.transfers = number + 1
  }

  static func newBank() -> Bank {
    let bank = Bank()
    bank.accounts = (0..<accountCount).map { Account($0) }
    return bank
  }

  static func describe(_ bank: Bank) -> [String] {
    let accounts = bank.accounts.map { "\($0.balance) \($0.note) \($0.last?.balance ?? -1)" }
    let notes = bank.byNote.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value.balance)" }
    return accounts + notes + [bank.journal.description]
  }

  @Test("every version is the graph at one moment, though two threads never stop changing it")
  func twoThreads() async throws {
    let store = try Store.inMemory()
    var attributes = ContainerAttributes()
    attributes.retention = .all
    let container = try store.container("bank", initial: Self.newBank(), attributes: attributes)
    // In the order in which they happened: each is noted in the update that does it.
    let done = Mutex<[Transfer]>([])
    let isOver = Atomic(false)
    let threads = (1...2).map { seed in
      Thread {
        var random = SeededGenerator(seed: UInt64(seed))
        while !isOver.load(ordering: .relaxed) {
          let from = Int.random(in: 0..<Self.accountCount, using: &random)
          let transfer = Transfer(
            from: from, to: (from + Int.random(in: 1..<100, using: &random)) % Self.accountCount,
            amount: Int.random(in: 1..<50, using: &random))
          container.update { bank in
            Self.carryOut(transfer, number: bank.transfers, in: bank)
            done.withLock { $0.append(transfer) }
          }
        }
      }
    }
    for thread in threads { thread.start() }
    var points: [PersistencePoint] = []
    for _ in 0..<60 { points.append(try container.persist()) }
    for point in points { try point.wait() }
    isOver.store(true, ordering: .relaxed)
    while !threads.allSatisfy(\.isFinished) { try await Task.sleep(for: .milliseconds(1)) }

    let transfers = done.withLock { $0 }
    let model = Self.newBank()
    var next = 0
    let versions = try container.versions.map(\.id)
    #expect(versions.count > 5)
    for version in versions {
      let snapshot = try container.snapshot(version)
      let (count, found) = snapshot.read { ($0.transfers, Self.describe($0)) }
      while next < count {
        Self.carryOut(transfers[next], number: next, in: model)
        next += 1
      }
      #expect(next == count)
      #expect(found == Self.describe(model), "version \(version), after \(count) transfers")
      snapshot.close()
    }
    try store.close()
  }

  @Test("an object taken out of the graph may be another thread's at once, and changes freely")
  func leavers() async throws {
    let store = try Store.inMemory()
    let container = try store.container("bank", initial: Self.newBank())
    let isOver = Atomic(false)
    nonisolated(unsafe) var taken: [Account] = []
    let lock = NSLock()
    let thread = Thread {
      var number = 0
      while !isOver.load(ordering: .relaxed) {
        number += 1
        lock.withLock {
          guard let account = taken.last else { return }
          // Not in `update`: the container has nothing to do with these any more.
          account.balance &+= 1
          account.note = "changed \(number) times, which is not inline"
          account.last = number % 2 == 0 ? nil : Account(number)
          if number % 100 == 0 { taken.removeLast() }
        }
      }
    }
    thread.start()
    for round in 0..<200 {
      container.update { bank in
        let index = round * 7 % Self.accountCount
        let leaver = bank.accounts[index]
        bank.accounts[index] = Account(round)
        leaver.last = nil
        lock.withLock { taken.append(leaver) }
      }
      try container.persist()
    }
    isOver.store(true, ordering: .relaxed)
    while !thread.isFinished { try await Task.sleep(for: .milliseconds(1)) }
    let expected = container.read { Self.describe($0) }
    try container.persistAndWait()
    try container.close()
    let restored = try store.container("bank", initial: Bank())
    #expect(restored.read { Self.describe($0) } == expected)
    try store.close()
  }
}
