// Forks with a store open, and says what the child's calls did.
//
//   ForkProgram throws COPY   all that can throw; COPY names a file that must not come to be
//   ForkProgram traps COPY    what cannot throw, each in a child of its own
//   ForkProgram waits COPY    waiting for a point that may be in flight, and a normal exit

import Containers

#if canImport(Glibc)
  import Glibc
#endif

final class Counter {
  var value = 1
  var note: String?
}

/// Runs `body` in a child, and returns how that ended.
func inChild(_ body: () -> Void) -> Int32 {
  fflush(nil)
  // Swift does not offer `fork`; what a C library may do, a program must survive.
  typealias Fork = @convention(c) () -> pid_t
  guard let symbol = dlsym(UnsafeMutableRawPointer(bitPattern: 0), "fork") else { exit(3) }
  let child = unsafeBitCast(symbol, to: Fork.self)()
  if child == 0 {
    // A child that waits for what never comes is ended.
    alarm(20)
    body()
    fflush(nil)
    _exit(0)
  }
  var status: Int32 = 0
  waitpid(child, &status, 0)
  return status
}

let copy = CommandLine.arguments.last ?? ""
let store = try Store.default
let container = try store.container("counter", initial: Counter())
let first = try container.persistAndWait()
let snapshot = try container.snapshot(first)
let id = try pCAlloc("ambient", Counter())
let version = try pPointSync(id)

/// Every call that can throw.
func calls() -> [(String, () throws -> Void)] {
  var root = Counter()
  return [
    ("Store.default", { _ = try Store.default.containers }),
    ("container", { _ = try store.container("counter", initial: Counter()) }),
    ("new container", { _ = try store.container("new", initial: Counter()) }),
    ("containers", { _ = try store.containers }),
    ("versions(of:)", { _ = try store.versions(of: "counter") }),
    ("delete", { try store.delete("counter") }),
    ("verify", { _ = try store.verify() }),
    ("compact", { _ = try store.compact() }),
    ("backup", { try store.backup(to: copy) }),
    ("space", { _ = try store.space }),
    ("migrationReport", { _ = try store.migrationReport(of: "counter", as: Counter.self) }),
    ("persist", { try container.persist() }),
    ("persistAndWait", { try container.persistAndWait() }),
    ("persist(label:)", { try container.persist(label: "of the child") }),
    ("versions", { _ = try container.versions }),
    ("snapshot", { _ = try container.snapshot(first) }),
    ("branch", { _ = try container.branch("branch") }),
    ("switchTo", { try container.switchTo(first) }),
    ("diff", { _ = try container.diff(first, first) }),
    ("setLabel", { try container.setLabel("of the child", on: first) }),
    ("deleteVersion", { try container.deleteVersion(first) }),
    ("collectGarbage", { try container.collectGarbage() }),
    ("exclude", { try container.exclude(\Counter.note) }),
    ("pCAlloc", { try pCAlloc("other", Counter()) }),
    ("pCRestore", { _ = try pCRestore("ambient", &root) }),
    ("pPoint", { try pPoint(id) }),
    ("pPointSync", { try pPointSync(id) }),
    ("pExclude", { try pExclude(id, \Counter.note) }),
    ("pCSetAttr", { try pCSetAttr(id, .retention(.all)) }),
    ("pCGetAttr", { _ = try pCGetAttr(id) }),
    ("pCSwitch", { try pCSwitch(id, to: version, &root) }),
    ("pCClone", { _ = try pCClone(id, as: "clone") }),
    ("pCDelete", { try pCDelete(id) }),
    ("pCFree", { try pCFree(id) }),
    ("container.close", { try container.close() }),
    ("store.close", { try store.close() }),
  ]
}

func useThrowing() {
  var threw = 0
  for (name, call) in calls() {
    do {
      try call()
      print("\(name) went on")
    } catch let error as ContainerError where error.code == .forked {
      threw += 1
    } catch {
      print("\(name) threw \(error)")
    }
  }
  print("\(threw) calls threw")
}

func useTraps() {
  let traps: [(String, () -> Void)] = [
    ("read", { container.read { _ in } }),
    ("update", { container.update { $0.value = 0 } }),
    ("root", { _ = container.root }),
    ("root =", { container.root = Counter() }),
    ("attributes", { _ = container.attributes }),
    ("attributes =", { container.attributes.retention = .all }),
    ("version", { _ = container.version }),
    ("statistics", { _ = container.statistics }),
    ("snapshot.root", { _ = snapshot.root }),
    ("snapshot.read", { snapshot.read { _ in } }),
    ("snapshot.close", { snapshot.close() }),
    ("driver", { _ = store.driver }),
    ("medium", { _ = store.medium }),
    ("driverReason", { _ = store.driverReason }),
  ]
  for (name, trap) in traps {
    let status = inChild(trap)
    print(name, status & 0x7f != 0 && status & 0x7f != SIGALRM ? "trapped" : "ended with \(status)")
  }
}

func useWaiting() throws {
  for _ in 0..<20 {
    container.update { $0.value += 1 }
    let point = try container.persist()
    let status = inChild {
      do {
        try point.wait()
      } catch let error as ContainerError where error.code == .forked {
        exit(0)
      } catch {
        exit(4)
      }
      // Where it was durable before the fork it may say so.
      exit(point.isDurable ? 0 : 5)
    }
    guard status == 0 else { return print("child \(status)") }
    try point.wait()
  }
  print("child 0")
}

switch CommandLine.arguments.dropFirst().first {
case "throws":
  print("child \(inChild(useThrowing))")
  container.update { $0.value += 100 }
case "traps":
  useTraps()
  container.update { $0.value += 100 }
default:
  try useWaiting()
  container.update { $0.value = 101 }
}
snapshot.close()
try container.persistAndWait()
try container.close()
print("parent \(try store.container("counter", initial: Counter()).root.value)")
if CommandLine.arguments[1] == "throws" { print("copies \(access(copy, F_OK) == 0 ? 1 : 0)") }
