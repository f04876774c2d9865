// The programs' side of the heap's contest: one line in, one line out.
//
//     <number of the workload> <operations>  →  <nanoseconds> <hash>
//     memory <objects>                       →  <KiB built> <KiB changed> <KiB freed>, beyond
//                                               what was resident before

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Answers requests until there are none.
public func serveHeapWorkloads() {
  while let line = readLine() {
    let words = line.split(separator: " ")
    guard words.count == 2, let count = Int(words[1]) else { return }
    if words[0] == "memory" {
      print(residentMemory(count))
    } else if let number = Int(words[0]), HeapWorkload.all.indices.contains(number) {
      let start = processorNanoseconds()
      let hash = HeapWorkload.all[number].run(count)
      print(Int(processorNanoseconds() - start), UInt(bitPattern: hash))
    }
    fflush(nil)
  }
}

/// Processor time of all threads: others on the machine cost less of it than of the clock's.
private func processorNanoseconds() -> Double {
  var time = timespec()
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
  return Double(time.tv_sec) * 1e9 + Double(time.tv_nsec)
}

/// What is resident after building a graph, after changing a third of it, after freeing it.
private func residentMemory(_ count: Int) -> String {
  let before = residentKiB()
  var nodes: [Node] = []
  var texts: [String] = []
  var lists: [[Int]] = []
  for index in 0..<count {
    nodes.append(makeNode(index, nil))
    texts.append("text number \(index) of the benchmark")
    if index % 3 == 0 { lists.append(Array(0..<index % 40)) }
  }
  let built = residentKiB() - before
  for index in nodes.indices where index % 2 == 0 { nodes[index] = makeNode(index, nodes[index]) }
  texts.removeLast(count / 2)
  let changed = residentKiB() - before
  lists = []
  texts = []
  nodes = []
  return "\(built) \(changed) \(residentKiB() - before)"
}

private func residentKiB() -> Int {
  guard let file = fopen("/proc/self/statm", "r") else { return 0 }
  defer { fclose(file) }
  var bytes = [UInt8](repeating: 0, count: 256)
  let count = fread(&bytes, 1, bytes.count, file)
  let words = String(decoding: bytes[..<count], as: UTF8.self).split(separator: " ")
  guard words.count > 1, let pages = Int(words[1]) else { return 0 }
  return pages * Int(sysconf(Int32(_SC_PAGESIZE))) / 1024
}
