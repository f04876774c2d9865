import SoftPMBase

/// One reference held by a heap cell.
package struct Reference {
  package typealias Strength = Ownership

  /// The start of the referred cell: the object for slices and boxes, for weak references the
  /// object behind the side table, for literals their first byte.
  package var target: UnsafeRawPointer
  /// How to read the target; nil when the target's own header tells.
  package var layout: ObjectLayout?
  package var strength: Strength
  /// Where in the referring cell the reference is.
  package var slotOffset: Int

  package init(
    target: UnsafeRawPointer, layout: ObjectLayout?, strength: Strength, slotOffset: Int
  ) {
    self.target = target
    self.layout = layout
    self.strength = strength
    self.slotOffset = slotOffset
  }
}

/// What images need to know about the container: where members live, which index a type has.
package protocol ImageContext: AnyObject {
  var home: ArenaAddress { get }
  /// Nil when the target is not a member.
  func homeAddress(
    of target: UnsafeRawPointer, layout: ObjectLayout?, strength: Reference.Strength
  ) -> ArenaAddress?
  func typeIndex(of layout: ObjectLayout) throws(ContainerError) -> UInt32
  func typeIndex(ofMetadata type: Any.Type) throws(ContainerError) -> UInt32
}

package typealias ReferenceVisitor = (Reference) throws(ContainerError) -> Void

/// The cell being read, so that a refusal can name the path to what it found.
struct Site {
  /// Held by whoever began the visit.
  private let unmanagedLayout: Unmanaged<ObjectLayout>
  let target: UnsafeRawPointer

  init(layout: ObjectLayout, target: UnsafeRawPointer) {
    unmanagedLayout = .passUnretained(layout)
    self.target = target
  }

  var layout: ObjectLayout { unmanagedLayout.takeUnretainedValue() }

  func refusal(_ reason: Refusal, at slot: Int) -> ContainerError {
    ContainerError(
      code: reason.code, message: reason.message, path: layout.path(toSlotAt: slot, in: target))
  }
}

/// Why something cannot be persisted, and what to do about it.
struct Refusal: Error, Equatable {
  var code: ContainerError.Code = .unsupportedType
  var message: String

  init(code: ContainerError.Code = .unsupportedType, _ what: String, remedy: String) {
    self.code = code
    message = "\(what) \(remedy)"
  }
}

/// Objects that every process has; a code in an image stands for each.
///
/// Chunk 0 of an arena is never allocated, so `home + 16 × code` names no member.
enum WellKnown: UInt, CaseIterable {
  case emptyArray = 1
  case emptyDictionary = 2
  case emptySet = 3
  /// What an unowned reference to a non-member becomes: reading it traps, as Swift's own do.
  case tombstone = 4
  /// A new observation registrar, as a restored `@Observable` object has.
  case registrar = 5
  /// `ObjectIdentifier` of an object that is not a member: equal to no other.
  case nobody = 6

  static let codeBytes: UInt = 16
  /// Codes lie within the smallest first chunk.
  static let reservedBytes: UInt = 4096

  func word(_ home: ArenaAddress) -> UInt {
    UInt(home.rawValue) + rawValue * Self.codeBytes
  }
}
