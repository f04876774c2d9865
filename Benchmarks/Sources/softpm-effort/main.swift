// The developer's effort: five structures, each made to survive twice, by hand over files and with
// containers. The lines between the marks are counted by `softpm-bench effort`, which also runs this:
//
//   softpm-effort <structure> by-hand | containers   write | read   <file>
//
// 1. `write` builds the structure, persists it, changes it and persists it again; `read`, in a
//    process of its own, restores it. Both print a hash of all its contents.
// 2. Both ways give the same: after a crash the file holds the old contents or the new ones, whole,
//    and what was persisted is on the disk when the call returns.
// 3. What is common to the five by hand (replacing a file, reading one) is in Files.swift and is
//    counted apart.

import Containers

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// A structure, as its program uses it.
protocol Subject: AnyObject {
  init()
  func build(_ count: Int)
  func change()
  var contents: Contents { get }
  /// Persists and restores by hand.
  func persist(to path: String) throws
  func restore(from path: String) throws
  /// The same with a container; `work` runs between restoring and persisting, twice.
  static func withContainer(_ work: (Self) -> Void) throws
}

/// A hash of everything in a structure, by FNV-1a.
struct Contents {
  var hash: UInt64 = 0xcbf2_9ce4_8422_2325

  mutating func add(_ number: Int) {
    hash = (hash ^ UInt64(bitPattern: Int64(number))) &* 0x100_0000_01b3
  }

  mutating func add(_ text: String) {
    for byte in text.utf8 { add(Int(byte)) }
    add(-1)
  }
}

let subjects: [String: any Subject.Type] = [
  "string": Text.self, "array": Grid.self, "list": LinkedList.self, "table": Table.self,
  "tree": Tree.self,
]

func run<S: Subject>(_ type: S.Type, _ way: String, _ step: String, _ path: String) throws {
  if way == "containers" {
    setenv("SOFTPM_STORE", path, 1)
    var isBuilt = false
    var found = Contents()
    try S.withContainer { subject in
      if step == "write" {
        if isBuilt { subject.change() } else { subject.build(5_000) }
        isBuilt = true
      }
      found = subject.contents
    }
    print(found.hash)
    return
  }
  let subject = S()
  if step == "write" {
    subject.build(5_000)
    try subject.persist(to: path)
    subject.change()
    try subject.persist(to: path)
  } else {
    try subject.restore(from: path)
  }
  print(subject.contents.hash)
}

let words = Array(CommandLine.arguments.dropFirst())
guard words.count == 4, let type = subjects[words[0]],
  ["by-hand", "containers"].contains(words[1]), ["write", "read"].contains(words[2])
else {
  print("usage: softpm-effort string|array|list|table|tree by-hand|containers write|read FILE")
  exit(2)
}
do {
  try run(type, words[1], words[2], words[3])
} catch {
  print("softpm-effort: \(error)")
  exit(1)
}
