import CSoftPMRuntime

/// The life of a heap object taken in hand: counted, let go of, ended without its `deinit`.
///
/// For objects that live on in a store while their copies in memory are given back.
package enum ObjectLife {
  /// Strong references to the object, from wherever.
  package static func strongCount(of object: UnsafeRawPointer) -> Int {
    softpm_lives_strong_count(object)
  }

  /// Objects of the binary are never freed, and counting them says nothing.
  package static func isImmortal(_ object: UnsafeRawPointer) -> Bool {
    softpm_lives_is_immortal(object)
  }

  package static func release(_ object: UnsafeRawPointer) {
    softpm_lives_release(UnsafeMutableRawPointer(mutating: object), 1)
  }

  package static func releaseUnowned(_ object: UnsafeRawPointer) {
    softpm_lives_release_unowned(UnsafeMutableRawPointer(mutating: object))
  }

  package static func dropWeakReference(at slot: UnsafeRawPointer) {
    softpm_lives_drop_weak(UnsafeMutableRawPointer(mutating: slot))
  }

  /// Makes the object's end do nothing but free its memory: no `deinit`, no release of what its
  /// fields refer to.
  ///
  /// Its metadata becomes that of a class without fields. The runtime frees by address, so the
  /// size of that class does not matter.
  package static func hollow(_ object: UnsafeRawPointer) {
    UnsafeMutableRawPointer(mutating: object).storeBytes(
      of: unsafeBitCast(Hollow.self as AnyClass, to: UInt.self), as: UInt.self)
  }

  /// Ends the object, whoever holds it, without its `deinit`: weak references to it become nil,
  /// and unowned ones trap, as ever.
  package static func end(_ object: UnsafeRawPointer) {
    hollow(object)
    let count = UInt32(clamping: strongCount(of: object))
    softpm_lives_release(UnsafeMutableRawPointer(mutating: object), count)
  }
}

/// What an object becomes whose fields are not to be released.
private final class Hollow {}
