import CSoftPMHeap

extension Arena {
  /// Runs `body` with the calling thread's objects going to this arena. Scopes nest, and end when
  /// `body` returns or throws.
  ///
  /// A scope places objects and decides nothing: when the arena is full or closed they are
  /// ordinary ones.
  package func inScope<Result>(_ body: () throws -> Result) rethrows -> Result {
    let previous = softpm_scope_enter(range)
    defer { softpm_scope_leave(previous) }
    return try body()
  }

  /// Makes this the arena of the calling thread wherever it is in no explicit scope, until
  /// another is made so, or `clearAmbient()`.
  package func makeAmbient() {
    softpm_scope_set_ambient(range)
  }

  package static func clearAmbient() {
    softpm_scope_set_ambient(nil)
  }

  /// Whether an object made by the calling thread now would go to this arena.
  package var isCurrent: Bool { softpm_scope_current() == range }
}
