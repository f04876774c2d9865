// What is to be done with each part of a stored value so that it becomes one of a present type.
//
// 1. A plan is made of a stored type and a present layout alone; no stored value has been looked at.
// 2. What is nested in a value is planned with it. What lies behind a reference, in an array's
//    elements or in an enum's payload is planned when a value leads there: so types that hold
//    themselves have plans, and a type that nothing leads to is never asked about.
// 3. A part that cannot become what it should be keeps its reason. It is an error only if a value
//    is reached and no closure of the program gives it another one.

import SoftPMBase

/// How one value is made.
indirect enum ValuePlan {
  /// No bytes, or bytes that are zero in every image.
  case nothing
  case bytes(count: Int)
  case integer(from: NumberFormat, to: NumberFormat)
  case float(from: Int, to: Int)
  case code(WellKnown)
  /// A strong reference to an object.
  case reference(to: Metadata?, isOptional: Bool, from: Ownership)
  case nonStrong(NonStrongForm, from: Ownership)
  case string
  case substring
  case array(ArrayForm)
  case slice(ArraySliceForm)
  case table(TableForm)
  case record(RecordPlan)
  /// A value that became optional.
  case wrapped(ValuePlan, EnumForm)
  case enumeration(UInt32, EnumForm)
  case existential(ExistentialForm)
  case metatype
  case identifier
  case elements(count: Int, storedStride: Int, ValuePlan, stride: Int)
  case mutex(offset: Int, ValuePlan)
  case memory(countDistance: Int, element: UInt32, OwnedMemoryForm)
  case ownedBytes(countDistance: Int, element: UInt32)
  /// By a closure of the program.
  case built(UInt32, Migrations.Supplier)
}

/// An integer's size and sign.
struct NumberFormat: Equatable {
  var byteCount: Int
  var isSigned: Bool

  /// Every number of the other format is one of this.
  func holds(_ other: NumberFormat) -> Bool {
    if isSigned == other.isSigned { return byteCount >= other.byteCount }
    return isSigned && byteCount > other.byteCount
  }
}

/// How the properties of a struct, tuple or object are made.
final class RecordPlan {
  struct Field {
    var present: ValueLayout.Field
    /// Where the stored property is, relative to what has it, and its type.
    var stored: StoredField?
    /// Nil where nothing was stored.
    var value: Result<ValuePlan, ContainerError>?
    var supplier: Migrations.Supplier?
  }

  struct StoredField {
    var name: String
    var offset: Int
    var type: UInt32
    var ownership: Ownership
    var reach: FieldReach
  }

  let type: UInt32
  let metadata: Metadata
  var fields: [Field] = []
  /// What differs in the type itself, not in what it holds.
  var changes: [TypeChange] = []
  /// The closures that may have to be asked, in order.
  var steps: [Migrations.Step] = []
  var builder: Migrations.Supplier?

  /// Of a tuple: whose property it is.
  private let owner: MigrationPlanner.Part?

  init(type: UInt32, metadata: Metadata, owner: MigrationPlanner.Part?) {
    self.type = type
    self.metadata = metadata
    self.owner = owner
  }

  /// What errors and reports call a property.
  func part(_ name: String) -> MigrationPlanner.Part {
    guard let owner else {
      return MigrationPlanner.Part(type: displayName(metadata), name: name)
    }
    return MigrationPlanner.Part(
      type: owner.type, name: owner.name.map { "\($0).\(name)" } ?? name)
  }

  var isEdited: Bool { !steps.isEmpty || builder != nil }
}

/// One difference between a stored type and the present one, and what becomes of it.
package struct TypeChange: Sendable, Hashable {
  package enum Outcome: Sendable, Hashable {
    case migrated
    /// Unless no value needs it, or a closure gives another.
    case refused
  }

  package var type: String
  /// A property or case; nil for the type as a whole.
  package var part: String?
  package var before: String
  package var after: String
  package var outcome: Outcome
  /// What a value becomes, or why it cannot.
  package var how: String
}

extension ContainerError {
  /// A stored type that cannot become the program's.
  static func typeChanged(
    _ type: String, _ part: String?, before: String, after: String
  ) -> ContainerError {
    let what = part.map { "`\($0)` of \(type)" } ?? type
    return ContainerError(
      code: .typeChanged,
      message: "\(what) was \(before) when the store was written, and is \(after) in this "
        + "program. The store is untouched; register how one becomes the other "
        + "(StoreOptions.migrations), open it with the program that wrote it, or declare the type "
        + "as it was.")
  }
}
