// What allocation costs: the same Swift code over this library's heap and over glibc's malloc.
//
// `run` builds this file twice, with the heap and (`-D PLAIN`) without, and runs both in turn.
// Prints one line per measurement: name, nanoseconds per operation.

import Glibc

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

/// Processor time: others on the machine cost less of it than of the clock's.
func now() -> Double {
  var time = timespec()
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
  return Double(time.tv_sec) * 1e9 + Double(time.tv_nsec)
}

@inline(never) func makeSmall(_ value: Int) -> Small { Small(value) }
@inline(never) func makeNode(_ value: Int, _ next: Node?) -> Node { Node(value, next) }
@inline(never) func consume(_ value: Int) { if value == .min { print(value) } }

/// The least of some rounds: what the machine's other users did not add to.
func measure(_ name: String, operations: Int, rounds: Int = 7, _ body: () -> Void) {
  body()
  var best = Double.infinity
  for _ in 0..<rounds {
    let start = now()
    body()
    best = min(best, (now() - start) / Double(operations))
  }
  print(name, best)
}

func singleObject(_ count: Int) {
  var sum = 0
  for index in 0..<count { sum &+= makeSmall(index).a }
  consume(sum)
}

/// Objects that stay: allocated in order, freed in order.
func manyObjects(_ count: Int) {
  var kept: [Node] = []
  kept.reserveCapacity(count)
  for index in 0..<count { kept.append(makeNode(index, nil)) }
  consume(kept[count / 2].value)
}

/// Replaces objects at random in a working set: frees and allocations that do not neighbour.
func churn(_ count: Int, live: Int) {
  var kept = (0..<live).map { makeNode($0, nil) }
  var state: UInt64 = 88_172_645_463_325_252
  for index in 0..<count {
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    kept[Int(state % UInt64(live))] = makeNode(index, nil)
  }
  consume(kept[0].value)
}

func arrays(_ count: Int) {
  var sum = 0
  for index in 0..<count {
    var array: [Int] = []
    for value in 0..<8 { array.append(value &+ index) }
    sum &+= array[array.count - 1]
  }
  consume(sum)
}

func largeArrays(_ count: Int, elements: Int) {
  for index in 0..<count {
    var array = [Int](repeating: index, count: elements)
    array[elements / 2] = 1
    consume(array[0])
  }
}

func strings(_ count: Int) {
  var sum = 0
  for index in 0..<count {
    var text = "some rather long string to begin with"
    text += index & 1 == 0 ? " and" : " or"
    sum &+= text.utf8.count
  }
  consume(sum)
}

func dictionaries(_ count: Int) {
  for index in 0..<count {
    var dictionary: [Int: Int] = [:]
    for key in 0..<40 { dictionary[key] = index }
    consume(dictionary[7]!)
  }
}

/// One thread makes, the other frees: batches through a mailbox.
nonisolated(unsafe) var mailbox: [[Node]] = []
nonisolated(unsafe) var mailboxLock = pthread_mutex_t()
nonisolated(unsafe) var isProducing = true

func storm(_ batches: Int, _ batch: Int) {
  isProducing = true
  var consumer = pthread_t()
  pthread_create(
    &consumer, nil,
    { _ in
      while true {
        pthread_mutex_lock(&mailboxLock)
        var mine: [Node]? = mailbox.popLast()
        let ends = mine == nil && !isProducing
        pthread_mutex_unlock(&mailboxLock)
        if ends { return nil }
        if mine == nil { sched_yield() }
        mine = nil
      }
    }, nil)
  for index in 0..<batches {
    let nodes = (0..<batch).map { makeNode($0 &+ index, nil) }
    pthread_mutex_lock(&mailboxLock)
    mailbox.append(nodes)
    pthread_mutex_unlock(&mailboxLock)
  }
  pthread_mutex_lock(&mailboxLock)
  isProducing = false
  pthread_mutex_unlock(&mailboxLock)
  pthread_join(consumer, nil)
}

func residentBytes() -> Int {
  guard let file = fopen("/proc/self/statm", "r") else { return 0 }
  defer { fclose(file) }
  var size = 0
  var resident = 0
  withUnsafeMutablePointer(to: &size) { size in
    withUnsafeMutablePointer(to: &resident) { resident in
      _ = withVaList([size, resident]) { vfscanf(file, "%ld %ld", $0) }
    }
  }
  return resident * 4096
}

func memory() {
  var nodes: [Node] = []
  var texts: [String] = []
  var lists: [[Int]] = []
  for index in 0..<300_000 {
    nodes.append(makeNode(index, nil))
    texts.append("text number \(index) of the benchmark")
    if index % 3 == 0 { lists.append(Array(0..<index % 40)) }
  }
  print("resident_after_building", residentBytes() / 1024)
  for index in nodes.indices where index % 2 == 0 { nodes[index] = makeNode(index, nodes[index]) }
  texts.removeLast(150_000)
  print("resident_after_changing", residentBytes() / 1024)
  lists = []
  texts = []
  nodes = []
  print("resident_after_freeing", residentBytes() / 1024)
}

func all() {
  measure("object", operations: 500_000) { singleObject(500_000) }
  measure("objects_kept", operations: 100_000) { manyObjects(100_000) }
  measure("churn_1k", operations: 300_000) { churn(300_000, live: 1_000) }
  measure("churn_200k", operations: 300_000) { churn(300_000, live: 200_000) }
  measure("array_of_8", operations: 50_000) { arrays(50_000) }
  measure("array_64KiB", operations: 3_000) { largeArrays(3_000, elements: 8_192) }
  measure("array_1MiB", operations: 100) { largeArrays(100, elements: 131_072) }
  measure("string", operations: 50_000) { strings(50_000) }
  measure("dictionary_of_40", operations: 5_000) { dictionaries(5_000) }
  measure("storm", operations: 300_000) { storm(3_000, 100) }
}

pthread_mutex_init(&mailboxLock, nil)
if CommandLine.arguments.contains("memory") {
  memory()
} else if CommandLine.arguments.contains("scope") {
  #if PLAIN
    all()
  #else
    guard let range = softpm_range_reserve(0, 4 << 30, 16 << 10) else { exit(1) }
    let previous = softpm_scope_enter(range)
    all()
    softpm_scope_leave(previous)
  #endif
} else {
  all()
}
