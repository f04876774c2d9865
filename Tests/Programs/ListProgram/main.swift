// SoftPM's own example, to the letter of the contract: one entry more at each run, then killed.

import Containers

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

final class Entry {
  var value: Int
  var next: Entry?
  init(_ v: Int) { value = v }
}
final class List { var head: Entry? }

var list = List()
let id = try pCRestore("list", &list) ?? pCAlloc("list", list)  // restore: 1 line
let e = Entry(42)
e.next = list.head
list.head = e  // ordinary Swift
try pPointSync(id)  // persist: 1 line (2 with pCAlloc)

var values: [Int] = []
var next = list.head
while let entry = next {
  values.append(entry.value)
  next = entry.next
}
print(values.map(String.init).joined(separator: " "))
fflush(nil)
if CommandLine.arguments.contains("--crash") { kill(getpid(), SIGKILL) }
