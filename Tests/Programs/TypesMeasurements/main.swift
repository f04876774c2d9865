// What reading and writing by layouts costs, per object; run it optimised, on an idle machine.

import Glibc
import SoftPMBase
import SoftPMTypes

final class Plain {
  var next: Plain?
  var other: Plain?
  var number = 1
}

final class Rich {
  var next: Rich?
  var name: String
  var tags: [Int] = [1]
  var state: State = .idle
  init(_ name: String) { self.name = name }
}

enum State {
  case idle
  case busy(Rich)
  case named(String)
}

/// Home addresses that cost nothing, so that only the layer is measured.
final class FixedContext: ImageContext {
  let home = ArenaAddress(0x5500_0000_0000)
  func homeAddress(
    of target: UnsafeRawPointer, layout: ObjectLayout?, strength: Reference.Strength
  ) -> ArenaAddress? { ArenaAddress(UInt64(UInt(bitPattern: target))) }
  func typeIndex(of layout: ObjectLayout) throws(ContainerError) -> UInt32 { 1 }
  func typeIndex(ofMetadata type: Any.Type) throws(ContainerError) -> UInt32 { 2 }
}

/// Time that this thread ran, so that a busy machine disturbs less.
func threadNanoseconds() -> Double {
  var time = timespec()
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
  return Double(time.tv_sec) * 1e9 + Double(time.tv_nsec)
}

func measure(_ name: String, count: Int, _ body: () throws -> Int) rethrows {
  var best = Double.infinity
  var result = 0
  for _ in 0..<5 {
    let start = threadNanoseconds()
    result = try body()
    let nanoseconds = threadNanoseconds() - start
    best = min(best, nanoseconds / Double(count))
  }
  let rounded = (best * 10).rounded() / 10
  print("\(name): \(rounded) ns (\(result))")
}

func measureAll() throws {
  let count = 200_000
  let plain = (0..<count).map { _ in Plain() }
  let rich = (0..<count).map { Rich($0 % 2 == 0 ? "small" : "a name that was made, \($0)") }
  for index in 1..<count {
    plain[index].next = plain[index - 1]
    plain[index].other = plain[index / 2]
    rich[index].next = rich[index - 1]
    rich[index].state = index % 3 == 0 ? .busy(rich[0]) : .named("literal of more than fifteen")
  }
  let plainTargets = plain.map { UnsafeRawPointer(Unmanaged.passUnretained($0).toOpaque()) }
  let richTargets = rich.map { UnsafeRawPointer(Unmanaged.passUnretained($0).toOpaque()) }
  let catalog = TypeCatalog()
  let context = FixedContext()
  let image = UnsafeMutableRawPointer.allocate(byteCount: 4096, alignment: 16)
  image.initializeMemory(as: UInt8.self, repeating: 0, count: 4096)

  try measure("layout of an object, one type", count: count) {
    var sum = 0
    for target in plainTargets {
      sum += try catalog.layout(ofObjectAt: target).directStrongOffsets?.count ?? 0
    }
    return sum
  }
  try measure("layout of an object, two types in turn", count: 2 * count) {
    var sum = 0
    for index in 0..<count {
      sum += try catalog.layout(ofObjectAt: plainTargets[index]).isRaw ? 1 : 0
      sum += try catalog.layout(ofObjectAt: richTargets[index]).isRaw ? 1 : 0
    }
    return sum
  }
  measure("visit of a plain object, offsets", count: count) {
    var sum = 0
    for target in plainTargets {
      guard let offsets = catalog.directStrongOffsets(ofObjectAt: target) else { continue }
      for offset in offsets where target.load(fromByteOffset: offset, as: UInt.self) != 0 {
        sum += 1
      }
    }
    return sum
  }
  for (name, targets) in [("plain", plainTargets), ("rich", richTargets)] {
    try measure("visit of a \(name) object, by the catalog", count: count) {
      var sum = 0
      for target in targets {
        try catalog.visitReferences(ofObjectAt: target) {
          (_: Reference) throws(ContainerError) in sum += 1
        }
      }
      return sum
    }
    let layout = try catalog.layout(ofObjectAt: targets[1])
    try measure("visit of a \(name) object, layout known", count: count) {
      var sum = 0
      for target in targets {
        try layout.visitReferences(of: target) {
          (_: Reference) throws(ContainerError) in sum += 1
        }
      }
      return sum
    }
    try measure("image of a \(name) object, layout known", count: count) {
      for target in targets {
        try layout.writeImage(
          of: target, into: image, capacity: 4096, strong: 1, unowned: 0, context)
      }
      return targets.count
    }
    try measure("visit of a \(name) object", count: count) {
      var sum = 0
      for target in targets {
        try catalog.layout(ofObjectAt: target).visitReferences(of: target) {
          (_: Reference) throws(ContainerError) in sum += 1
        }
      }
      return sum
    }
    try measure("image of a \(name) object", count: count) {
      for target in targets {
        try catalog.layout(ofObjectAt: target).writeImage(
          of: target, into: image, capacity: 4096, strong: 1, unowned: 0, context)
      }
      return targets.count
    }
  }
  withExtendedLifetime((plain, rich)) {}
}

try measureAll()
