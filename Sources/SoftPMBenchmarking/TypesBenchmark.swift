// What reading and writing by layouts costs, per object.

import SoftPMBase
import SoftPMTypes

private final class Plain {
  var next: Plain?
  var other: Plain?
  var number = 1
}

private final class Rich {
  var next: Rich?
  var name: String
  var tags: [Int] = [1]
  var state: State = .idle
  init(_ name: String) { self.name = name }
}

private enum State {
  case idle
  case busy(Rich)
  case named(String)
}

/// Home addresses that cost nothing, so that only the layer is measured.
private final class FixedContext: ImageContext {
  let home = ArenaAddress(0x5500_0000_0000)
  func homeAddress(
    of target: UnsafeRawPointer, layout: ObjectLayout?, strength: Reference.Strength
  ) -> ArenaAddress? { ArenaAddress(UInt64(UInt(bitPattern: target))) }
  func typeIndex(of layout: ObjectLayout) throws(ContainerError) -> UInt32 { 1 }
  func typeIndex(ofMetadata type: Any.Type) throws(ContainerError) -> UInt32 { 2 }
}

/// The objects that everybody reads.
private struct TypesSubject {
  let plain: [Plain]
  let rich: [Rich]
  let catalog = TypeCatalog()
  let context = FixedContext()
  let image = UnsafeMutableRawPointer.allocate(byteCount: 4096, alignment: 16)

  init(count: Int) {
    plain = (0..<count).map { _ in Plain() }
    rich = (0..<count).map { Rich($0 % 2 == 0 ? "small" : "a name that was made, \($0)") }
    for index in 1..<count {
      plain[index].next = plain[index - 1]
      plain[index].other = plain[index / 2]
      rich[index].next = rich[index - 1]
      rich[index].state = index % 3 == 0 ? .busy(rich[0]) : .named("literal of more than fifteen")
    }
    image.initializeMemory(as: UInt8.self, repeating: 0, count: 4096)
  }

  static func targets(_ objects: [some AnyObject]) -> [UnsafeRawPointer] {
    objects.map { UnsafeRawPointer(Unmanaged.passUnretained($0).toOpaque()) }
  }
}

extension LayerBenchmarks {
  /// Layout look-up, visit and image of small objects, beside reading two words of each.
  public static func types(_ report: BenchmarkReport) throws {
    let count = report.size.pick(smoke: 500, quick: 50_000, full: 200_000)
    let subject = TypesSubject(count: count)
    let contest = Contest("types: per object", unit: .nanoseconds, clock: .processor)
    let plain = TypesSubject.targets(subject.plain)
    let rich = TypesSubject.targets(subject.rich)
    contest.add("floor: read a plain object's two words", operations: count) { lap in
      lap.time {
        plain.reduce(0) {
          $0 &+ UInt64($1.load(fromByteOffset: 16, as: UInt.self) & 1)
            &+ UInt64($1.load(fromByteOffset: 24, as: UInt.self) & 1)
        }
      }
    }
    addLookUps(to: contest, subject, plain, rich)
    for (name, targets, fields) in [("plain", plain, 3), ("rich", rich, 4)] {
      try add(name, targets, fields: fields, to: contest, subject)
    }
    try contest.run(rounds: report.size.rounds, warmUp: report.size.warmUp, in: report)
    withExtendedLifetime(subject) { subject.image.deallocate() }
  }

  /// Each figure by object, and where the layout is found as tracing finds it also by field: two
  /// references and a number in plain ones; a reference, a string, an array and an enum in rich ones.
  private static func add(
    _ name: String, _ targets: [UnsafeRawPointer], fields: Int, to contest: Contest,
    _ subject: TypesSubject
  ) throws {
    let layout = try subject.catalog.layout(ofObjectAt: targets[1])
    let visit: Contest.Body = { lap in
      try lap.time {
        var sum: UInt64 = 0
        for target in targets {
          try subject.catalog.visitReferences(ofObjectAt: target) {
            (_: Reference) throws(ContainerError) in sum += 1
          }
        }
        return sum
      }
    }
    let image: Contest.Body = { lap in
      try lap.time {
        for target in targets {
          try layout.writeImage(
            of: target, into: subject.image, capacity: 4096, strong: 1, unowned: 0,
            subject.context)
        }
        return UInt64(targets.count)
      }
    }
    let count = targets.count
    contest.add("visit of a \(name) object, by field", operations: count * fields, visit)
    contest.add("image of a \(name) object, by field", operations: count * fields, image)
    contest.add("visit of a \(name) object, by the catalog", operations: count, visit)
    contest.add("image of a \(name) object, layout known", operations: count, image)
    contest.add("visit of a \(name) object", operations: count) { lap in
      try lap.time {
        var sum: UInt64 = 0
        for target in targets {
          try subject.catalog.layout(ofObjectAt: target).visitReferences(of: target) {
            (_: Reference) throws(ContainerError) in sum += 1
          }
        }
        return sum
      }
    }
    contest.add("image of a \(name) object", operations: count) { lap in
      try lap.time {
        for target in targets {
          try subject.catalog.layout(ofObjectAt: target).writeImage(
            of: target, into: subject.image, capacity: 4096, strong: 1, unowned: 0,
            subject.context)
        }
        return UInt64(targets.count)
      }
    }
  }

  private static func addLookUps(
    to contest: Contest, _ subject: TypesSubject, _ plain: [UnsafeRawPointer],
    _ rich: [UnsafeRawPointer]
  ) {
    contest.add("layout of an object, one type", operations: plain.count) { lap in
      try lap.time {
        var sum: UInt64 = 0
        for target in plain {
          let layout = try subject.catalog.layout(ofObjectAt: target)
          sum += UInt64(layout.directStrongOffsets?.count ?? 0)
        }
        return sum
      }
    }
    contest.add("layout of an object, two types in turn", operations: 2 * plain.count) { lap in
      try lap.time {
        var sum: UInt64 = 0
        for index in plain.indices {
          sum += try subject.catalog.layout(ofObjectAt: plain[index]).isRaw ? 1 : 0
          sum += try subject.catalog.layout(ofObjectAt: rich[index]).isRaw ? 1 : 0
        }
        return sum
      }
    }
    contest.add("visit of a plain object, offsets", operations: plain.count) { lap in
      lap.time {
        var sum: UInt64 = 0
        for target in plain {
          guard let offsets = subject.catalog.directStrongOffsets(ofObjectAt: target) else {
            continue
          }
          for offset in offsets where target.load(fromByteOffset: offset, as: UInt.self) != 0 {
            sum += 1
          }
        }
        return sum
      }
    }
  }
}
