import SoftPMBase

/// The stored properties that a container leaves out.
package struct ExclusionSet: Hashable, Sendable {
  struct Entry: Hashable, Sendable {
    var type: String
    var field: String
  }

  var entries: Set<Entry> = []

  package init() {}

  package var isEmpty: Bool { entries.isEmpty }

  func contains(_ owner: Metadata, _ field: String) -> Bool {
    !entries.isEmpty
      && entries.contains(Entry(type: displayName(owner), field: field))
  }
}

/// A field that is stored as nil, zero or empty and never visited.
final class ExcludedForm: FieldForm {
  private let inner: ValueLayout

  private init(_ inner: ValueLayout) {
    self.inner = inner
  }

  override var isVisited: Bool { false }

  static func layout(of inner: ValueLayout) -> ValueLayout {
    ValueLayout(inner.metadata, form: ExcludedForm(inner))
  }
}
