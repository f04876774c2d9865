// Ends in ways other than being killed.
//
//   ExitProgram asynchronous    makes points without waiting, and ends normally
//   ExitProgram count           prints how far it had come
//   ExitProgram fork            forks, and prints what the child's calls did
//   ExitProgram crash TRACKING  writes to a container that is tracked so, and dereferences null

import Containers

#if canImport(Glibc)
  import Glibc
#endif

final class Counter {
  var value = 0
  var history: [String] = []
}

@inline(never)
func dereference(_ address: UInt) -> Int {
  UnsafePointer<Int>(bitPattern: address)?.pointee ?? 0
}

/// Writes to what was written before, so that a fault was ours; the next one is not.
func crash(_ tracking: ContainerAttributes.WriteTracking) throws {
  var attributes = ContainerAttributes()
  attributes.tracking = tracking
  let tracked = try Store.default.container(
    "tracked", initial: Counter(), attributes: attributes)
  for round in 1...3 {
    tracked.update { $0.history.append("round \(round) of a program that will crash") }
    try tracked.persistAndWait()
  }
  tracked.update { $0.value = 1 }
  print(tracked.statistics.tracking)
  fflush(nil)
  print(tracked.read { $0.value + dereference(8) })
}

let container = try Store.default.container("counter", initial: Counter())

switch CommandLine.arguments.dropFirst().first {
case "asynchronous":
  for step in 1...20 {
    container.update { counter in
      counter.value += 1
      counter.history.append("step \(step) of this process, not inline")
    }
    try container.persist()
  }

case "crash":
  let choices: [String: ContainerAttributes.WriteTracking] = [
    "automatic": .automatic, "kernel": .kernel, "signal": .signal,
  ]
  try crash(choices[CommandLine.arguments.last ?? ""] ?? .automatic)

case "count":
  print(container.read { "\($0.value) \($0.history.count)" })

case "fork":
  // Swift does not offer `fork`; what a C library may do, a program must survive.
  typealias Fork = @convention(c) () -> pid_t
  guard let symbol = dlsym(UnsafeMutableRawPointer(bitPattern: 0), "fork") else { exit(3) }
  let child = unsafeBitCast(symbol, to: Fork.self)()
  if child == 0 {
    do {
      try container.persist()
      _exit(4)
    } catch let error as ContainerError where error.code == .forked {
      _exit(0)
    } catch {
      _exit(5)
    }
  }
  var status: Int32 = 0
  waitpid(child, &status, 0)
  container.update { $0.value += 100 }
  try container.persistAndWait()
  print("child \(status), value \(container.root.value)")

default:
  print("unknown command")
}
