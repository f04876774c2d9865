// What allocation costs: Swift code that a program over this library's heap and one over glibc's
// malloc both run, when they are told to.
//
// It is a module of its own, compiled once, so that both run the same instructions.

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

final class Small {
  var a = 0
  init(_ a: Int) { self.a = a }
}
final class Node {
  var next: Node?
  var value: Int
  var more = (0, 0)
  init(_ value: Int, _ next: Node?) {
    self.value = value
    self.next = next
  }
}

@inline(never) func makeSmall(_ value: Int) -> Small { Small(value) }
@inline(never) func makeNode(_ value: Int, _ next: Node?) -> Node { Node(value, next) }

/// One way of allocating and freeing; `run` does it so many times and returns a hash.
public struct HeapWorkload: Sendable {
  public let name: String
  public let operations: Int
  public let run: @Sendable (_ operations: Int) -> Int

  public static let all: [HeapWorkload] = [
    .init(name: "one object", operations: 500_000, run: singleObject),
    .init(name: "objects kept", operations: 100_000, run: manyObjects),
    .init(name: "replace one of 1,000", operations: 300_000) { churn($0, live: 1_000) },
    .init(name: "replace one of 200,000", operations: 300_000) { churn($0, live: 200_000) },
    .init(name: "array of 8, grown", operations: 50_000, run: arrays),
    .init(name: "array of 64 KiB", operations: 20_000) { largeArrays($0, elements: 8_192) },
    .init(name: "array of 1 MiB", operations: 1_000) { largeArrays($0, elements: 131_072) },
    .init(name: "string, grown", operations: 50_000, run: strings),
    .init(name: "dictionary of 40, grown", operations: 15_000, run: dictionaries),
    .init(name: "replace one of 500 dictionaries", operations: 15_000, run: liveDictionaries),
    .init(name: "one thread makes, another frees", operations: 300_000) { storm($0 / 100, 100) },
  ]
}

@Sendable func singleObject(_ count: Int) -> Int {
  var sum = 0
  for index in 0..<count { sum &+= makeSmall(index).a }
  return sum
}

/// Objects that stay: allocated in order, freed in order.
@Sendable func manyObjects(_ count: Int) -> Int {
  var kept: [Node] = []
  kept.reserveCapacity(count)
  for index in 0..<count { kept.append(makeNode(index, nil)) }
  return kept[count / 2].value
}

/// Replaces objects at random in a working set: frees and allocations that do not neighbour.
func churn(_ count: Int, live: Int) -> Int {
  var kept = (0..<live).map { makeNode($0, nil) }
  var state: UInt64 = 88_172_645_463_325_252
  for index in 0..<count {
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    kept[Int(state % UInt64(live))] = makeNode(index, nil)
  }
  return kept[0].value
}

@Sendable func arrays(_ count: Int) -> Int {
  var sum = 0
  for index in 0..<count {
    var array: [Int] = []
    for value in 0..<8 { array.append(value &+ index) }
    sum &+= array[array.count - 1]
  }
  return sum
}

func largeArrays(_ count: Int, elements: Int) -> Int {
  var sum = 0
  for index in 0..<count {
    var array = [Int](repeating: index, count: elements)
    array[elements / 2] = 1
    sum &+= array[index % elements]
  }
  return sum
}

@Sendable func strings(_ count: Int) -> Int {
  var sum = 0
  for index in 0..<count {
    var text = "some rather long string to begin with"
    text += index & 1 == 0 ? " and" : " or"
    sum &+= text.utf8.count
  }
  return sum
}

@Sendable func dictionaries(_ count: Int) -> Int {
  var sum = 0
  for index in 0..<count {
    var dictionary: [Int: Int] = [:]
    for key in 0..<40 { dictionary[key] = index }
    sum &+= dictionary[7] ?? 0
  }
  return sum
}

/// A dictionary's hashes follow from its address, so a few addresses used again and again are fast
/// or slow by luck; here they vary.
@Sendable func liveDictionaries(_ count: Int) -> Int {
  var live = [[Int: Int]](repeating: [:], count: 500)
  var sum = 0
  for index in 0..<count {
    var dictionary: [Int: Int] = [:]
    for key in 0..<40 { dictionary[key] = index }
    sum &+= dictionary[7] ?? 0
    live[index &* 7919 % 500] = dictionary
  }
  return sum
}

/// One thread makes, the other frees: batches through a mailbox.
private final class Mailbox: @unchecked Sendable {
  private let lock = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private var batches: [[Node]] = []
  private var isProducing = true
  private(set) var freed = 0

  init() { pthread_mutex_init(lock, nil) }
  deinit {
    pthread_mutex_destroy(lock)
    lock.deallocate()
  }

  func put(_ batch: [Node]) {
    pthread_mutex_lock(lock)
    batches.append(batch)
    pthread_mutex_unlock(lock)
  }

  func end() {
    pthread_mutex_lock(lock)
    isProducing = false
    pthread_mutex_unlock(lock)
  }

  func freeAll() {
    while true {
      pthread_mutex_lock(lock)
      var mine = batches.popLast()
      let ends = mine == nil && !isProducing
      pthread_mutex_unlock(lock)
      if ends { return }
      if mine == nil { sched_yield() }
      freed += mine?.count ?? 0
      mine = nil
    }
  }
}

func storm(_ batches: Int, _ batch: Int) -> Int {
  let mailbox = Mailbox()
  var consumer = pthread_t()
  pthread_create(
    &consumer, nil,
    { argument in
      guard let argument else { return nil }
      Unmanaged<Mailbox>.fromOpaque(argument).takeUnretainedValue().freeAll()
      return nil
    }, Unmanaged.passUnretained(mailbox).toOpaque())
  for index in 0..<batches { mailbox.put((0..<batch).map { makeNode($0 &+ index, nil) }) }
  mailbox.end()
  pthread_join(consumer, nil)
  return mailbox.freed
}
