import CRetainRecorder
import CSoftPMRuntime
import SoftPMBase
import SoftPMTypes

/// Compares the strong references that the layer finds in a value with the objects that the Swift
/// runtime retains when it copies the value.
struct Oracle {
  private final class Holder<Value> {
    var value: Value
    init(_ value: Value) { self.value = value }
  }

  private(set) var agreed = 0
  private(set) var failed = 0
  private let catalog = TypeCatalog()
  private let singletons: Set<UInt> = [
    UInt(bitPattern: softpm_runtime_empty_array()),
    UInt(bitPattern: softpm_runtime_empty_dictionary()),
    UInt(bitPattern: softpm_runtime_empty_set()),
  ]

  mutating func check<Value>(_ name: String, _ value: Value) {
    let holder = Holder(value)
    let target = UnsafeRawPointer(Unmanaged.passUnretained(holder).toOpaque())
    let mask = MemoryLayout<Value>.alignment - 1
    let place = target + ((16 + mask) & ~mask)
    let expected = retained(by: Value.self, at: place)
    var found: [UInt] = []
    do {
      let layout = try catalog.layout(ofObjectAt: target)
      try checkCounts(name, target, layout)
      try layout.visitReferences(of: target) { reference throws(ContainerError) in
        let isLiteral = reference.layout?.isLiteral ?? false
        if reference.strength == .strong, !isLiteral {
          found.append(UInt(bitPattern: reference.target))
        }
      }
      found.sort()
      if found == expected {
        agreed += 1
        return
      }
      print("differs: \(name): found \(found.count), retained \(expected.count)")
    } catch {
      print("refused: \(name): \(error)")
    }
    failed += 1
    withExtendedLifetime(holder) {}
  }

  /// Visiting retains neither the object nor what it refers to, and leaves all counts as they are.
  private mutating func checkCounts(
    _ name: String, _ target: UnsafeRawPointer, _ layout: ObjectLayout
  ) throws(ContainerError) {
    var objects: Set<UInt> = []
    /// The second words of the objects' headers.
    var counts: [UInt: UInt] = [:]
    func visit(_ body: (Reference) -> Void) throws(ContainerError) {
      try layout.visitReferences(of: target) { reference throws(ContainerError) in body(reference) }
    }
    func note(_ object: UnsafeRawPointer) {
      objects.insert(UInt(bitPattern: object))
      counts[UInt(bitPattern: object)] = object.load(fromByteOffset: 8, as: UInt.self)
    }
    note(target)
    try visit { if $0.layout?.isRaw != true, $0.layout?.isLiteral != true { note($0.target) } }
    var visited: UInt = 0
    softpm_recorder_begin()
    try visit { visited &+= UInt(bitPattern: $0.target) }
    var count = 0
    let recorded = softpm_recorder_end(&count)
    let retained = (0..<count).count { objects.contains(UInt(bitPattern: recorded?[$0])) }
    let changed = counts.count { object, word in
      UnsafeRawPointer(bitPattern: object)?.load(fromByteOffset: 8, as: UInt.self) != word
    }
    if retained + changed > 0 {
      print("counted: \(name): \(retained) retains, \(changed) counts changed, \(visited)")
      failed += 1
    }
  }

  /// What copying the value retains, without the empty singletons.
  private func retained<Value>(by type: Value.Type, at place: UnsafeRawPointer) -> [UInt] {
    let copy = UnsafeMutablePointer<Value>.allocate(capacity: 1)
    let metadata = unsafeBitCast(type as Any.Type, to: UnsafeRawPointer.self)
    softpm_recorder_begin()
    softpm_runtime_copy(copy, place, metadata)
    var count = 0
    let objects = softpm_recorder_end(&count)
    let words = (0..<count).map { UInt(bitPattern: objects?[$0]) }
    softpm_runtime_destroy(copy, metadata)
    copy.deallocate()
    return words.filter { !singletons.contains($0) }.sorted()
  }
}
