import CSoftPMHeap

/// A scope that was opened by hand and must be left on the same thread, innermost first.
///
/// For accessors, which cannot wrap their caller's code in a closure.
package struct OpenScope {
  fileprivate let previous: softpm_scope
}

extension Arena {
  package func enterScope() -> OpenScope {
    OpenScope(previous: softpm_scope_enter(range))
  }

  package static func leave(_ scope: OpenScope) {
    softpm_scope_leave(scope.previous)
  }
}
